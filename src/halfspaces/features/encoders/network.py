"""The network of an encoder: a published one, a file, or an address; opened once a process."""

import hashlib
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.parse import unquote, urlsplit

from halfspaces.features.encoders.published import PUBLISHED
from halfspaces.support.types import Array
from halfspaces.system import cache_folder
from halfspaces.system.errors import shown
from halfspaces.system.progress import Bar

SHA256 = re.compile("[0-9a-f]{64}")

_offline: ContextVar[bool] = ContextVar("_offline", default=False)


@contextmanager
def offline() -> Iterator[None]:
    """A context in which nothing is downloaded: what a model file names is used from the cache."""
    token = _offline.set(True)
    try:
        yield
    finally:
        _offline.reset(token)


@dataclass(frozen=True, eq=False)
class Network:
    """A network in a session of onnxruntime with one thread, and the SHA-256 of its weights."""

    name: str  # for messages
    session: Any
    checksum: bytes

    @property
    def input_shape(self) -> list[Any]:
        """The shape of its input: numbers, and names of free dimensions."""
        return list(self.session.get_inputs()[0].shape)

    @property
    def input_type(self) -> str:
        """The type of its input, such as "tensor(float)"."""
        return self.session.get_inputs()[0].type

    @property
    def n_inputs(self) -> int:
        """The number of its inputs."""
        return len(self.session.get_inputs())

    @property
    def outputs(self) -> list[str]:
        """The names of its outputs."""
        return [output.name for output in self.session.get_outputs()]

    def output_shape(self, output: str | None) -> list[Any]:
        """The shape of an output; None is the first."""
        place = 0 if output is None else self.outputs.index(output)
        return list(self.session.get_outputs()[place].shape)

    def run(self, output: str | None, images: Array) -> Any:
        """An output for images in the layout and type of its input."""
        [put_in] = self.session.get_inputs()
        try:
            [found] = self.session.run([output or self.outputs[0]], {put_in.name: images})
        except Exception as error:  # onnxruntime's errors share no base class
            shape = " x ".join(map(str, images.shape))
            problem = f"{self.name} cannot be run on images of {shape}"
            raise ValueError(f"{problem}: {_one_line(error)}.") from error
        return found


def published(name: str) -> Network:
    """A published network, made from the weights of its package."""
    path = PUBLISHED[name].path()
    state = path.stat()
    return _made(name, path, state.st_mtime_ns, state.st_size)


def of_file(given: str, sha256: str | None) -> Network:
    """The network in an ONNX file, or at an address; ValueError if the checksum is another."""
    path = fetch(given, sha256) if is_address(given) else Path(given)
    try:
        state = path.stat()
    except (OSError, ValueError) as error:  # ValueError: not a path
        problem = f"no file {given!r} can be read"
        raise ValueError(f"Encoder: {problem}; give the path of a network.") from error
    if not stat.S_ISREG(state.st_mode):  # reading a device or a pipe may never end
        problem = f"{given!r} is no file on disk"
        raise ValueError(f"Encoder: {problem}; give the path of a network.")
    network = _opened(str(path.resolve()), state.st_mtime_ns, state.st_size)
    if sha256 is not None and network.checksum.hex() != sha256:
        raise ValueError(
            f"{given} has the SHA-256 {network.checksum.hex()} instead of {sha256};"
            " get the file again, or give its own."
        )
    return network


def is_address(given: str) -> bool:
    """Whether it is the address of a network rather than a path.

    >>> is_address("https://host/network.onnx"), is_address("network.onnx")
    (True, False)
    """
    return given.startswith(("http://", "https://"))


def fetch(address: str, sha256: str | None) -> Path:
    """Download the file, unless it is in the cache, and return its path there.

    Raises
    ------
    ValueError
        Without a checksum, for another file, and within `offline` for a file that is not there.
    """
    if sha256 is None:
        raise ValueError(
            f"Encoder(sha256=...) is needed for {shown(address)}; give that of its file."
        )
    name = re.sub(r"[^\w.-]", "_", unquote(urlsplit(address).path).rpartition("/")[2]).strip(".")
    target = cache_folder.folder("encoders", sha256, name or "network.onnx")
    if target.is_file():
        return target
    if _offline.get():
        raise ValueError(
            f"the network at {shown(address)} is not in the cache, and a model file starts no"
            f" download; download it by halfspaces.features.Encoder(path=..., sha256=...).fetch()"
        )
    from halfspaces.datasets.files import download

    target.parent.mkdir(parents=True, exist_ok=True)
    size = download.length(address)
    file = download.File(address, size, sha256=sha256, given_name=target.name)
    with Bar(f"downloading {target.name}", size, "bytes") as bar:

        def progress(_: str, have: int, __: int) -> None:
            bar.advance(have - (bar.completed or 0))

        return download.retrieve(file, target.parent, address, progress)


@lru_cache(maxsize=2)
def _made(name: str, path: Path, changed: int, size: int) -> Network:
    """The network of a file of weights, made again if its time or size differs."""
    row = PUBLISHED[name]
    content = path.read_bytes()
    checksum = hashlib.sha256(content).digest()
    if checksum.hex() != row.sha256:
        raise ValueError(
            f"{path} has not the weights that were published: its SHA-256 is {checksum.hex()}"
            f" instead of {row.sha256}; install {row.package} again."
        )
    return Network(name, _session(row.network(path, content), name), checksum)


@lru_cache(maxsize=4)
def _opened(path: str, changed: int, size: int) -> Network:
    """The network in a file, read again if the time of its last change or its size differs."""
    with open(path, "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").digest()
    return Network(path, _session(path, path), checksum)


def _session(network: str | bytes, name: str) -> Any:
    """A session for a path or the content of a file."""
    try:
        import onnxruntime
    except ImportError as error:
        needed = "Encoder needs onnxruntime; pip install 'halfspaces[encoder]'."
        raise ImportError(needed) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers are the threads
    options.log_severity_level = 3  # errors
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        problem = f"{name} cannot be read as an ONNX network"
        raise ValueError(f"{problem}: {_one_line(error)}.") from error


def _one_line(error: Exception) -> str:
    """The message of onnxruntime, on one line."""
    return shorten(str(error), 300, placeholder=" ...").rstrip(".")

"""Any network as a feature, through onnxruntime, which `pip install halfspaces[onnx]` brings."""

import hashlib
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.images import grey, resized
from halfspaces.support.types import Array
from halfspaces.support.validation import check_name, check_number, check_numbers

LAYOUTS = ("NCHW", "NHWC")
TOGETHER = 32  # images given to the network at a time, where it does not say itself


@dataclass(frozen=True, eq=False)
class Network:
    """A network from a file, ready to run, and the file's SHA-256."""

    session: Any
    checksum: bytes

    @property
    def takes(self) -> list[Any]:
        """The shape of its input: numbers, and names of what is free."""
        return list(self.session.get_inputs()[0].shape)

    @property
    def outputs(self) -> list[str]:
        """Their names."""
        return [output.name for output in self.session.get_outputs()]


class OnnxEncoder(Feature):
    """The output of a network in an ONNX file: embeddings of any image model.

    Images are brought to what the network was trained on:

        z = (x / 255 − mean) / std

    channel by channel, x in grey levels, after they were resized to `size` (linear interpolation, over as many pixels
    as lie within one where images become smaller: Pillow's bilinear) if it is given. A network of one channel sees
    luma, one of three sees grey images three times. Output is flattened: D is its length for one image.

    Parameters
    ----------
    path : str
        The network: one input (N, C, H, W) or (N, H, W, C) of float32 or float16, C being 1 or 3.
    mean, std : sequence of float
        Of a channel, in units of white: one number, or one for each. ImageNet's are (0.485, 0.456, 0.406) and (0.229,
        0.224, 0.225).
    size : int, tuple of two ints or None
        Height and width that the network sees. None leaves images as they are.
    layout : str
        "NCHW" (PyTorch's) or "NHWC" (TensorFlow's).
    output : str or None
        Name of the output; None is the first.
    n_jobs : int or None
        Workers, each with one thread; None for every core.

    Attributes
    ----------
    checksum_ : array, shape (32,)
        SHA-256 of the file, as bytes. It travels with models, and a file that differs is refused.

    Notes
    -----
    Networks of a fixed number of images are given so many, the last filled up with zeros. Weights that a network keeps
    in files of their own are no part of the checksum.

    Raises
    ------
    ImportError
        In use, without onnxruntime.
    ValueError, TypeError
        In use, for parameters out of range, a file that is missing, unreadable or another than that it was fitted with,
        and a network that takes other images or gives other than numbers for each.

    References
    ----------
    Open neural network exchange, https://onnx.ai

    Examples
    --------
    >>> from halfspaces.features import parse
    >>> print(parse("onnx:resnet18.onnx"))
    onnx(path='resnet18.onnx')
    """

    word = "onnx"

    def __init__(
        self,
        path: str = "model.onnx",
        mean: float | tuple[float, ...] = 0.0,
        std: float | tuple[float, ...] = 1.0,
        size: int | tuple[int, int] | None = None,
        layout: str = "NCHW",
        output: str | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.path = path
        self.mean = mean
        self.std = std
        self.size = size
        self.layout = layout
        self.output = output
        self.n_jobs = n_jobs

    @property
    def learns_from(self) -> int:
        """Nothing but the file is looked at."""
        return 1

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        self.checksum_ = np.frombuffer(self._network().checksum, np.uint8).copy()

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """The checksum of the network, bytes."""
        return {**super().shapes(image_shape, columns), "checksum_": (32,)}

    def _check(self, height: int, width: int) -> None:
        check_numbers("OnnxEncoder(mean=...)", self.mean)
        check_numbers("OnnxEncoder(std=...)", self.std, above=0)
        check_name("OnnxEncoder(layout=...)", self.layout, LAYOUTS)
        sizes = self.size if isinstance(self.size, tuple | list) else (self.size,) * 2
        if len(sizes) != 2:
            raise ValueError(
                f"OnnxEncoder(size=...) must be one number or height and width, got {self.size!r}."
            )
        for length in sizes if self.size is not None else ():
            check_number("OnnxEncoder(size=...)", length, at_least=1, integer=True)
        network = self._network()
        self._channels(network)
        if self.output is not None:
            check_name("OnnxEncoder(output=...)", self.output, network.outputs)
        shape = (height, width) if self.size is None else sizes
        _, _, *needed = _as_nchw(network.takes, self.layout)
        if any(
            isinstance(need, int) and need != given
            for need, given in zip(needed, shape, strict=True)
        ):
            wanted, given = (" x ".join(map(str, pair)) for pair in (needed, shape))
            remedy = (
                f"size={_size(needed)}"
                if all(isinstance(need, int) for need in needed)
                else "another size or layout"
            )
            raise ValueError(
                f"{self.path} takes images of {wanted} pixels, got {given}; give {remedy}."
            )

    def _network(self) -> Network:
        """The network; parsed once a process for each state of the file."""
        path = Path(self.path)
        try:
            state = path.stat()
        except (OSError, ValueError) as error:  # ValueError: no path at all
            raise ValueError(
                f"OnnxEncoder: no file {self.path!r} can be read; give the path of a network."
            ) from error
        if not stat.S_ISREG(state.st_mode):  # a device has no end, a pipe waits
            raise ValueError(
                f"OnnxEncoder: {self.path!r} is no file on disk; give the path of a network."
            )
        return _opened(str(path.resolve()), state.st_mtime_ns, state.st_size)

    def _channels(self, network: Network) -> int:
        """1 or 3, of what the network sees."""
        shape = network.takes
        kind = network.session.get_inputs()[0].type
        inputs = len(network.session.get_inputs())
        if len(shape) != 4 or inputs != 1 or kind not in ("tensor(float)", "tensor(float16)"):
            told = f"{inputs} inputs, the first {kind} of {len(shape)} axes"
            raise ValueError(
                f"{self.path} takes no images: it has {told}; it needs one, of floats, with 4 axes."
            )
        channels = _as_nchw(shape, self.layout)[1]
        if isinstance(channels, int) and channels not in (1, 3):
            given = f"{self.path} takes {channels} channels as {self.layout}"
            raise ValueError(
                f"{given}; images have 1 or 3: give the other layout, or another network."
            )
        for name in ("mean", "std"):
            count = np.size(getattr(self, name))
            if count not in (1, channels if isinstance(channels, int) else 3):
                raise ValueError(
                    f"OnnxEncoder({name}=...) must be 1 number or {channels}, got {count}."
                )
        return channels if isinstance(channels, int) else 3

    # -------------------------------------------------------------------------------------------- describing

    def _describe(self, planes: Array) -> Array:
        network = self._network()
        if network.checksum != self.checksum_.tobytes():
            raise ValueError(
                f"{self.path} is another network than the one it was fitted with; fit anew, or restore it."
            )
        images = resized(self._normalized(planes, self._channels(network)), self.size)
        fixed = network.takes[0]
        together = fixed if isinstance(fixed, int) else TOGETHER
        rows = [
            self._run(network, images[start : start + together])
            for start in range(0, len(images), together)
        ]
        return np.concatenate(rows)

    def _normalized(self, planes: Array, channels: int) -> Array:
        if channels == 1:
            planes = grey(planes)
        elif planes.shape[1] == 1:
            planes = np.repeat(planes, channels, axis=1)
        mean, std = (
            np.asarray(value, np.float32).reshape(-1, 1, 1) for value in (self.mean, self.std)
        )
        return (planes / np.float32(255) - mean) / std

    def _run(self, network: Network, images: Array) -> Array:
        """Rows (n, D) of images that the network takes at once."""
        count, [given] = len(images), network.session.get_inputs()
        if isinstance(network.takes[0], int) and count < network.takes[0]:
            images = np.concatenate(
                [images, np.zeros((network.takes[0] - count, *images.shape[1:]), np.float32)]
            )
        if self.layout == "NHWC":
            images = images.transpose(0, 2, 3, 1)
        images = np.ascontiguousarray(
            images, np.float16 if given.type == "tensor(float16)" else np.float32
        )
        try:
            [found] = network.session.run([self.output or network.outputs[0]], {given.name: images})
        except Exception as error:  # onnxruntime's own kinds share no base
            shape = " x ".join(map(str, images.shape))
            raise ValueError(
                f"{self.path} cannot be run on images of {shape}: {_told(error)}."
            ) from error
        if (
            not isinstance(found, np.ndarray)
            or found.dtype.kind not in "fiu"
            or found.shape[:1] != (len(images),)
        ):
            shape = getattr(found, "shape", type(found).__name__)
            raise ValueError(
                f"{self.path} gives {shape} for {len(images)} images; it needs a row of numbers for each."
            )
        return found.reshape(len(images), -1)[:count].astype(np.float32)


@lru_cache(maxsize=4)
def _opened(path: str, changed: int, size: int) -> Network:
    """The network in a file that was last changed then."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            "OnnxEncoder needs onnxruntime; pip install 'halfspaces[onnx]'."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers are the threads
    options.log_severity_level = 3  # errors
    with open(path, "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").digest()
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds share no base
        raise ValueError(f"{path} cannot be read as an ONNX network: {_told(error)}.") from error
    return Network(session, checksum)


def _told(error: Exception) -> str:
    """What onnxruntime says, in one line."""
    return shorten(str(error), 300, placeholder=" ...").rstrip(".")


def _as_nchw(shape: list[Any], layout: str) -> list[Any]:
    return shape if layout == "NCHW" else [shape[0], shape[3], shape[1], shape[2]]


def _size(shape: list[Any]) -> Any:
    height, width = shape
    return height if height == width else (height, width)

"""Any network as a feature, with onnxruntime (`pip install halfspaces[onnx]`)."""

import hashlib
import math
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
from halfspaces.support.validation import check_number, check_numbers
from halfspaces.system.names import check_name

LAYOUTS = ("NCHW", "NHWC")
BATCH = 32  # images of a batch, if the network does not fix their number


@dataclass(frozen=True, eq=False)
class Network:
    """A network that was read from a file, and the file's SHA-256."""

    session: Any
    checksum: bytes

    @property
    def input_shape(self) -> list[Any]:
        """The shape of its input: numbers, and names of free dimensions."""
        return list(self.session.get_inputs()[0].shape)

    @property
    def outputs(self) -> list[str]:
        """The names of its outputs."""
        return [output.name for output in self.session.get_outputs()]


class OnnxEncoder(Feature):
    """The output of a network in an ONNX file: embeddings of any image model.

    Images are normalized as in the network's training:

        z = (x / 255 − mean) / std

    channel by channel, x in grey levels. With `size` they are then resized (linear interpolation,
    like Pillow's bilinear, which averages pixels where images are reduced). A network of one
    channel receives luma; one of three channels receives a grey image three times. Its output is
    flattened: D is the length for one image.

    Parameters
    ----------
    path : str
        The network: one input (N, C, H, W) or (N, H, W, C) of float32 or float16, C being 1 or 3.
    mean, std : sequence of float
        Of a channel, in units of white: one number, or one for each. ImageNet's are
        (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225).
    size : int, tuple of two ints or None
        Height and width of the network's input. None leaves images unchanged.
    layout : str
        "NCHW" (PyTorch's) or "NHWC" (TensorFlow's).
    output : str or None
        Name of the output; None is the first.
    n_jobs : int or None
        Workers, each with one thread; None for every core.

    Attributes
    ----------
    checksum_ : array, shape (32,)
        SHA-256 of the file, as bytes. It is saved with models; another file is refused.

    Notes
    -----
    For a network with a fixed number of images, the last batch is filled up with zeros. Weights
    that are stored in other files are not part of the checksum.

    Raises
    ------
    ImportError
        In use, without onnxruntime.
    ValueError, TypeError
        In use, for parameters out of range, a file that is missing, unreadable or not the one it
        was fitted with, and a network that takes other images or does not return numbers for each.

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
        """One image: only the file is read."""
        return 1

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        self.checksum_ = np.frombuffer(self._network().checksum, np.uint8).copy()

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """Shapes of its arrays: the checksum of the network, as bytes."""
        return {**super().shapes(image_shape, columns), "checksum_": (32,)}

    def columns(self, image_shape: tuple[int, int, int]) -> int | None:
        """The length of the network's output; None if it depends on the image."""
        network = self._network()
        place = 0 if self.output is None else network.outputs.index(self.output)
        _, *shape = network.session.get_outputs()[place].shape
        known = all(isinstance(length, int) for length in shape)
        return math.prod(shape) if known else None

    def _check(self, height: int, width: int) -> None:
        check_numbers("OnnxEncoder(mean=...)", self.mean)
        check_numbers("OnnxEncoder(std=...)", self.std, above=0)
        check_name("OnnxEncoder(layout=...)", self.layout, LAYOUTS)
        sizes = self.size if isinstance(self.size, tuple | list) else (self.size,) * 2
        if len(sizes) != 2:
            needed = "one number or height and width"
            raise ValueError(f"OnnxEncoder(size=...) must be {needed}, got {self.size!r}.")
        for length in sizes if self.size is not None else ():
            check_number("OnnxEncoder(size=...)", length, at_least=1, integer=True)
        network = self._network()
        self._channels(network)
        if self.output is not None:
            check_name("OnnxEncoder(output=...)", self.output, network.outputs)
        self._check_image_size(network, (height, width) if self.size is None else sizes)

    def _check_image_size(self, network: Network, shape: tuple[Any, ...]) -> None:
        _, _, *needed = _as_nchw(network.input_shape, self.layout)
        fixed = [isinstance(need, int) for need in needed]
        pairs = zip(fixed, needed, shape, strict=True)
        if not any(is_fixed and need != given for is_fixed, need, given in pairs):
            return
        wanted = " x ".join(map(str, needed))
        given = " x ".join(map(str, shape))
        remedy = f"size={_size(needed)}" if all(fixed) else "another size or layout"
        raise ValueError(
            f"{self.path} takes images of {wanted} pixels, got {given}; give {remedy}."
        )

    def _network(self) -> Network:
        """The network; it is read once a process for each state of the file."""
        path = Path(self.path)
        try:
            state = path.stat()
        except (OSError, ValueError) as error:  # ValueError: not a path
            problem = f"no file {self.path!r} can be read"
            raise ValueError(f"OnnxEncoder: {problem}; give the path of a network.") from error
        if not stat.S_ISREG(state.st_mode):  # reading a device or a pipe may never end
            problem = f"{self.path!r} is no file on disk"
            raise ValueError(f"OnnxEncoder: {problem}; give the path of a network.")
        return _opened(str(path.resolve()), state.st_mtime_ns, state.st_size)

    def _channels(self, network: Network) -> int:
        """The number of channels of the network's input: 1 or 3."""
        shape = network.input_shape
        kind = network.session.get_inputs()[0].type
        inputs = len(network.session.get_inputs())
        if len(shape) != 4 or inputs != 1 or kind not in ("tensor(float)", "tensor(float16)"):
            given = f"it has {inputs} inputs, the first {kind} of {len(shape)} axes"
            needed = "it needs one, of floats, with 4 axes"
            raise ValueError(f"{self.path} takes no images: {given}; {needed}.")
        channels = _as_nchw(shape, self.layout)[1]
        if isinstance(channels, int) and channels not in (1, 3):
            given = f"{self.path} takes {channels} channels as {self.layout}"
            remedy = "give the other layout, or another network"
            raise ValueError(f"{given}; images have 1 or 3: {remedy}.")
        needed = channels if isinstance(channels, int) else 3
        for name in ("mean", "std"):
            count = np.size(getattr(self, name))
            if count not in (1, needed):
                option = f"OnnxEncoder({name}=...)"
                raise ValueError(f"{option} must be 1 number or {needed}, got {count}.")
        return needed

    # ------------------------------------------------------------------------------- describing

    def _describe(self, planes: Array) -> Array:
        network = self._network()
        if network.checksum != self.checksum_.tobytes():
            given = f"{self.path} is another network than the one it was fitted with"
            raise ValueError(f"{given}; fit anew, or restore it.")
        images = resized(self._normalized(planes, self._channels(network)), self.size)
        fixed = network.input_shape[0]
        batch = fixed if isinstance(fixed, int) else BATCH
        rows = [
            self._run(network, images[start : start + batch])
            for start in range(0, len(images), batch)
        ]
        return np.concatenate(rows)

    def _normalized(self, planes: Array, channels: int) -> Array:
        if channels == 1:
            planes = grey(planes)
        elif planes.shape[1] == 1:
            planes = np.repeat(planes, channels, axis=1)
        mean = np.asarray(self.mean, np.float32).reshape(-1, 1, 1)
        std = np.asarray(self.std, np.float32).reshape(-1, 1, 1)
        return (planes / np.float32(255) - mean) / std

    def _run(self, network: Network, images: Array) -> Array:
        """Rows (n, D) of one batch of images."""
        count = len(images)
        [given] = network.session.get_inputs()
        if isinstance(network.input_shape[0], int) and count < network.input_shape[0]:
            missing = network.input_shape[0] - count
            black = np.zeros((missing, *images.shape[1:]), np.float32)
            images = np.concatenate([images, black])
        if self.layout == "NHWC":
            images = images.transpose(0, 2, 3, 1)
        dtype = np.float16 if given.type == "tensor(float16)" else np.float32
        images = np.ascontiguousarray(images, dtype)
        output = self.output or network.outputs[0]
        try:
            [found] = network.session.run([output], {given.name: images})
        except Exception as error:  # onnxruntime's errors share no base class
            shape = " x ".join(map(str, images.shape))
            problem = f"{self.path} cannot be run on images of {shape}"
            raise ValueError(f"{problem}: {_one_line(error)}.") from error
        return self._checked(found, len(images))[:count].astype(np.float32)

    def _checked(self, found: Any, count: int) -> Array:
        """The output of a network as rows (count, D), if it is a row of numbers for each image."""
        is_array = isinstance(found, np.ndarray)
        if is_array and found.dtype.kind in "fiu" and found.shape[:1] == (count,):
            return found.reshape(count, -1)
        shape = getattr(found, "shape", type(found).__name__)
        given = f"{self.path} gives {shape} for {count} images"
        raise ValueError(f"{given}; it needs a row of numbers for each.")


@lru_cache(maxsize=4)
def _opened(path: str, changed: int, size: int) -> Network:
    """The network in a file, read again if the time of its last change or its size differs."""
    try:
        import onnxruntime
    except ImportError as error:
        needed = "OnnxEncoder needs onnxruntime; pip install 'halfspaces[onnx]'."
        raise ImportError(needed) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers are the threads
    options.log_severity_level = 3  # errors
    with open(path, "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").digest()
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        problem = f"{path} cannot be read as an ONNX network"
        raise ValueError(f"{problem}: {_one_line(error)}.") from error
    return Network(session, checksum)


def _one_line(error: Exception) -> str:
    """The message of onnxruntime, on one line."""
    return shorten(str(error), 300, placeholder=" ...").rstrip(".")


def _as_nchw(shape: list[Any], layout: str) -> list[Any]:
    return shape if layout == "NCHW" else [shape[0], shape[3], shape[1], shape[2]]


def _size(shape: list[Any]) -> Any:
    height, width = shape
    return height if height == width else (height, width)

"""Pretrained networks as features, run by onnxruntime (`pip install halfspaces[encoder]`)."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.features.base import Feature, options_of
from halfspaces.features.encoders import network as networks
from halfspaces.features.encoders.network import Network
from halfspaces.features.encoders.published import DEFAULT, PUBLISHED, check_installed
from halfspaces.features.images import grey, resized
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number, check_numbers
from halfspaces.system.names import check_name

LAYOUTS = ("NCHW", "NHWC")
BATCH_PIXELS = 4 * 224 * 224  # of a batch, if the network does not fix the number of its images
OF_OWN_NETWORKS = ("sha256", "mean", "std", "layout", "output")  # options that go with a path


class Encoder(Feature):
    """The embedding of a pretrained network, published or your own.

    Images are resized to the network's size (linear interpolation, like Pillow's bilinear, which
    averages pixels where images are reduced) and normalized as in its training:

        z = (x / 255 − mean) / std

    channel by channel, x in grey levels. A network of one channel receives luma; one of three
    channels receives a grey image three times. The output is flattened: D is the length for one
    image.

    Parameters
    ----------
    name : str or None
        A published network: "efficientnet-lite0" has 1,280 numbers, the average over the image of
        its last convolution. None is this one, unless there is a path.
    path : str or None
        Your own network: an ONNX file, or its address (http:// or https://), which is downloaded
        once. It has one input (N, C, H, W) or (N, H, W, C) of float32 or float16, C being 1 or 3.
    sha256 : str or None
        Of the file at the path; an address needs it.
    size : int, tuple of two ints or None
        Height and width to which images are resized. None: those of the published network, or
        those that the network of a path fixes, else images are left unchanged.
    mean, std : float or sequence of float
        Of a channel, in units of white: one number, or one for each. ImageNet's are
        (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225). A published network has its own.
    layout : str
        "NCHW" (PyTorch's) or "NHWC" (TensorFlow's), for a path.
    output : str or None
        Name of the output, for a path; None is the first.
    cache : bool
        Store rows in the cache folder, so that they are computed once.
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
        In use, without onnxruntime, or without onnx and the weights of a published network.
    ValueError, TypeError
        In use, for parameters out of range, a file that is missing, unreadable or not the one it
        was fitted with, and a network that takes other images or does not return numbers for each.

    References
    ----------
    Open neural network exchange, https://onnx.ai

    Examples
    --------
    >>> from halfspaces.features import parse
    >>> print(parse("encoder:efficientnet-lite0"))
    encoder(name='efficientnet-lite0')
    >>> parse("encoder").image_size
    (224, 224)
    """

    word = "encoder"

    def __init__(
        self,
        name: str | None = None,
        path: str | None = None,
        sha256: str | None = None,
        size: int | tuple[int, int] | None = None,
        mean: float | tuple[float, ...] = 0.0,
        std: float | tuple[float, ...] = 1.0,
        layout: str = "NCHW",
        output: str | None = None,
        cache: bool = True,
        n_jobs: int | None = None,
    ) -> None:
        self.name = name
        self.path = path
        self.sha256 = sha256
        self.size = size
        self.mean = mean
        self.std = std
        self.layout = layout
        self.output = output
        self.cache = cache
        self.n_jobs = n_jobs

    @property
    def stored(self) -> bool:
        """Whether rows are stored in the cache folder: as `cache` says."""
        return self.cache

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width to which images are resized, None if they are left unchanged."""
        self._check_source()
        if self.size is not None:
            height, width = self._checked_size()
            return height, width
        if self.path is None:
            side = PUBLISHED[self.name or DEFAULT].size
            return side, side
        match _as_nchw(self._network().input_shape, self.layout):
            case [_, _, int(height), int(width)]:
                return height, width
        return None

    def check_installed(self) -> None:
        """Raise ImportError without the packages of a published network."""
        self._check_source()
        if self.path is None:
            check_installed(self.name or DEFAULT)

    def fetch(self) -> Path | None:
        """Download the network of an address, unless that was done; the path of its file.

        It is None for other networks: they are not downloaded.
        """
        self._check_source()
        if self.path is None or not networks.is_address(self.path):
            return None
        return networks.fetch(self.path, self.sha256)

    @property
    def learns(self) -> bool:
        """It does not: its file is read."""
        return False

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        self.checksum_ = np.frombuffer(self._network().checksum, np.uint8).copy()

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """Shapes of its arrays: the checksum of the network, as bytes."""
        return {**super().shapes(image_shape, columns), "checksum_": (32,)}

    def columns(self, image_shape: tuple[int, int, int]) -> int | None:
        """The length of the network's output; None if it depends on the image."""
        if self.path is None:
            return PUBLISHED[self.name or DEFAULT].columns
        _, *shape = self._network().output_shape(self.output)
        known = all(isinstance(length, int) for length in shape)
        return math.prod(shape) if known else None

    # --------------------------------------------------------------------------------- checking

    def _check(self, height: int, width: int) -> None:
        self._check_source()
        check_numbers("Encoder(mean=...)", self.mean)
        check_numbers("Encoder(std=...)", self.std, above=0)
        check_name("Encoder(layout=...)", self.layout, LAYOUTS)
        size = self.image_size or (height, width)
        network = self._network()
        self._channels(network)
        if self.output is not None:
            check_name("Encoder(output=...)", self.output, network.outputs)
        self._check_image_size(network, size)

    def _checked_size(self) -> tuple[Any, ...]:
        """The height and width of `size`, which is given."""
        sizes = self.size if isinstance(self.size, tuple | list) else (self.size,) * 2
        if len(sizes) != 2:
            needed = "one number or height and width"
            raise ValueError(f"Encoder(size=...) must be {needed}, got {self.size!r}.")
        for length in sizes:
            check_number("Encoder(size=...)", length, at_least=1, integer=True)
        return tuple(sizes)

    def _check_source(self) -> None:
        """Raise for an unknown name, and for options that do not go with a name or a path."""
        if self.path is None:
            check_name("encoder", self.name or DEFAULT, PUBLISHED)
            defaults = options_of(type(self))
            for option in OF_OWN_NETWORKS:
                if getattr(self, option) != defaults[option]:
                    own = "describes a network of your own, encoder(path=...)"
                    raise ValueError(f"Encoder({option}=...) {own}; leave it out, or give a path.")
            return
        if self.name is not None:
            given = f"got name={self.name!r} and path={self.path!r}"
            raise ValueError(f"Encoder takes a name or a path, {given}; leave one of them out.")
        if not isinstance(self.path, str):
            raise TypeError(f"Encoder(path=...) must be a text, got {self.path!r}.")
        known = isinstance(self.sha256, str) and networks.SHA256.fullmatch(self.sha256)
        if self.sha256 is not None and not known:
            needed = "64 hexadecimal digits in lower case"
            raise ValueError(f"Encoder(sha256=...) must be {needed}, got {self.sha256!r}.")

    def _check_image_size(self, network: Network, shape: tuple[Any, ...]) -> None:
        _, _, *needed = _as_nchw(network.input_shape, self.layout)
        pairs = zip(needed, shape, strict=True)
        if not any(isinstance(need, int) and need != given for need, given in pairs):
            return
        wanted = " x ".join(map(str, needed))
        given = " x ".join(map(str, shape))
        remedy = "give another size or layout"
        if self.image_size is not None and all(isinstance(need, int) for need in needed):
            remedy = "leave size out"
        raise ValueError(f"{network.name} takes images of {wanted} pixels, got {given}; {remedy}.")

    def _network(self) -> Network:
        """The network; it is read once a process for each state of the file."""
        if self.path is None:
            return networks.published(self.name or DEFAULT)
        return networks.of_file(self.path, self.sha256)

    def _channels(self, network: Network) -> int:
        """The number of channels of the network's input: 1 or 3."""
        shape = network.input_shape
        kind = network.input_type
        inputs = network.n_inputs
        if len(shape) != 4 or inputs != 1 or kind not in ("tensor(float)", "tensor(float16)"):
            given = f"it has {inputs} inputs, the first {kind} of {len(shape)} axes"
            needed = "it needs one, of floats, with 4 axes"
            raise ValueError(f"{network.name} takes no images: {given}; {needed}.")
        channels = _as_nchw(shape, self.layout)[1]
        if isinstance(channels, int) and channels not in (1, 3):
            given = f"{network.name} takes {channels} channels as {self.layout}"
            remedy = "give the other layout, or another network"
            raise ValueError(f"{given}; images have 1 or 3: {remedy}.")
        needed = channels if isinstance(channels, int) else 3
        for name in ("mean", "std"):
            count = np.size(getattr(self, name))
            if count not in (1, needed):
                option = f"Encoder({name}=...)"
                raise ValueError(f"{option} must be 1 number or {needed}, got {count}.")
        return needed

    # ------------------------------------------------------------------------------- describing

    def _block_rows(self, shape: tuple[int, int, int]) -> int:
        """A block is one batch: it takes long, and workers share few images, too."""
        fixed = self._network().input_shape[0]
        return fixed if isinstance(fixed, int) else _batch(*(self.image_size or shape[:2]))

    def _describe(self, planes: Array) -> Array:
        network = self._network()
        known = getattr(self, "checksum_", None)
        if known is not None and network.checksum != known.tobytes():
            given = f"{network.name} is another network than the one it was fitted with"
            raise ValueError(f"{given}; fit anew, or restore it.")
        size = self.image_size
        fixed = network.input_shape[0]
        batch = fixed if isinstance(fixed, int) else _batch(*(size or planes.shape[2:]))
        channels = self._channels(network)
        rows = []
        for start in range(0, len(planes), batch):
            images = _with_channels(planes[start : start + batch], channels)
            rows.append(self._run(network, resized(self._normalized(images), size)))
        return np.concatenate(rows)

    def _normalized(self, planes: Array) -> Array:
        mean, std = self.mean, self.std
        if self.path is None:
            row = PUBLISHED[self.name or DEFAULT]
            mean, std = row.mean, row.std
        mean = np.asarray(mean, np.float32).reshape(-1, 1, 1)
        std = np.asarray(std, np.float32).reshape(-1, 1, 1)
        return (planes / np.float32(255) - mean) / std

    def _run(self, network: Network, images: Array) -> Array:
        """Rows (n, D) of one batch of images."""
        count = len(images)
        fixed = network.input_shape[0]
        if isinstance(fixed, int) and count < fixed:
            black = np.zeros((fixed - count, *images.shape[1:]), np.float32)
            images = np.concatenate([images, black])
        if self.layout == "NHWC":
            images = images.transpose(0, 2, 3, 1)
        dtype = np.float16 if network.input_type == "tensor(float16)" else np.float32
        found = network.run(self.output, np.ascontiguousarray(images, dtype))
        is_array = isinstance(found, np.ndarray)
        if is_array and found.dtype.kind in "fiu" and found.shape[:1] == (len(images),):
            return found.reshape(len(images), -1)[:count].astype(np.float32)
        shape = getattr(found, "shape", type(found).__name__)
        given = f"{network.name} gives {shape} for {len(images)} images"
        raise ValueError(f"{given}; it needs a row of numbers for each.")


def _with_channels(planes: Array, channels: int) -> Array:
    """Planes of 1 or 3 channels: luma, or a grey image three times."""
    if channels == 1:
        return grey(planes)
    return np.repeat(planes, channels, axis=1) if planes.shape[1] == 1 else planes


def _batch(height: int, width: int) -> int:
    """Images of a batch."""
    return max(1, BATCH_PIXELS // (height * width))


def _as_nchw(shape: list[Any], layout: str) -> list[Any]:
    if layout == "NCHW" or len(shape) != 4:
        return shape
    return [shape[0], shape[3], shape[1], shape[2]]

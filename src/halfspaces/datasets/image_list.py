"""Images in Python, of any sizes: opened by Pillow, as arrays, files or bytes, made one array."""

import builtins
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats import decode_image
from halfspaces.datasets.formats import image_size as sizes
from halfspaces.datasets.formats.decode_image import Header
from halfspaces.datasets.formats.image_depth import FULL
from halfspaces.datasets.formats.image_size import ImageSize
from halfspaces.datasets.formats.image_workers import pillow_warnings
from halfspaces.support.parallel import available_workers
from halfspaces.system import memory
from halfspaces.system.errors import DataError
from halfspaces.system.threads import ordered_map

KINDS = "images of Pillow, arrays (H, W) or (H, W, 3), paths of files, or their bytes"


def images(given: Iterable[Any], image_size: ImageSize | None = None) -> np.ndarray:
    """Images of any sizes and modes as one array (N, height, width, channels), uint8.

    They become what files in a folder become: all of one size up to 64 x 64 keep it, others are
    resized to 32 x 32, or to `image_size`, as a whole; EXIF's orientation is applied, transparent
    pixels are put on white, 16 bits are divided by a power of two that suits all images. There is
    one channel if every image is grey, else three.

    Parameters
    ----------
    given : sequence
        Images of Pillow; arrays (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), of uint8, uint16, bool,
        or floats in [0, 1]; paths of files; or the bytes of files.
    image_size : int or tuple, optional
        A side, (height, width), or (height, width, channels).

    Raises
    ------
    DataError
        In one sentence, with the number of the item, for one that is no image.

    Examples
    --------
    >>> small, large = np.zeros((20, 30), np.uint8), np.ones((480, 640, 3), np.float32)
    >>> images([small, large]).shape, images([small, large], image_size=(48, 64)).shape
    ((2, 32, 32, 3), (2, 48, 64, 3))
    """
    size = sizes.checked(image_size)
    if isinstance(given, str | bytes | os.PathLike):
        raise DataError("images needs a list; give [image], or open a folder by datasets.open.")
    with pillow_warnings():
        pictures = [_numbered(i, partial(_picture, item)) for i, item in enumerate(given)]
        if not pictures:
            raise DataError(f"The list of images is empty; give {KINDS}.")
        headers = [_numbered(i, each.look) for i, each in enumerate(pictures)]
        height, width, channels = sizes.common_shape(headers, size)
        wide = [i for i, header in enumerate(headers) if header.wide]
        bits = max((_numbered(i, pictures[i].depth) for i in wide), default=FULL)
        X = memory.empty(Path("images"), (len(pictures), height, width, channels), np.uint8)

        def decode(i: int) -> np.ndarray:
            return _numbered(i, partial(pictures[i].decode, height, width, channels, bits))

        rows = list(range(len(pictures)))
        for i, pixels in enumerate(ordered_map(decode, rows, available_workers(None, len(rows)))):
            X[i] = pixels
    return X


def _numbered(number: int, work: Any) -> Any:
    """The result of work(); an error about an image becomes a sentence with its number."""
    try:
        return work()
    except DataError as error:
        raise DataError(f"Image {number} {error}; give {KINDS}.") from error
    except (OSError, ValueError, TypeError) as error:  # an image of Pillow whose file is closed
        cause = compressed.cause(error)
        raise DataError(f"Image {number} cannot be decoded ({cause}); give {KINDS}.") from error


class _Picture(Protocol):
    """One image of the list."""

    def look(self) -> Header: ...

    def depth(self) -> int: ...

    def decode(self, height: int, width: int, channels: int, bits: int) -> np.ndarray: ...


@dataclass(frozen=True)
class _File:
    """An encoded image, in a file or in memory."""

    source: Path | bytes

    def look(self) -> Header:
        return decode_image.look(self._open())

    def depth(self) -> int:
        return decode_image.depth(self._open())

    def decode(self, height: int, width: int, channels: int, bits: int) -> np.ndarray:
        return decode_image.decode(self._open(), height, width, channels, bits)

    def _open(self) -> BinaryIO:
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        try:
            return builtins.open(self.source, "rb")
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror}: {self.source})") from error


@dataclass(frozen=True)
class _Opened:
    """An image of Pillow, of 8 bits; it is not changed."""

    image: Any

    def look(self) -> Header:
        return replace(decode_image.header(self.image), wide=False)

    def depth(self) -> int:
        return 8

    def decode(self, height: int, width: int, channels: int, bits: int) -> np.ndarray:
        return decode_image.resized(self.image.copy(), height, width, channels)


@dataclass(frozen=True)
class _Wide:
    """Values of 16 bits."""

    values: np.ndarray

    def look(self) -> Header:
        height, width, *channels = self.values.shape
        return Header(height, width, not channels, wide=True)

    def depth(self) -> int:
        return decode_image.largest_bits(self.values)

    def decode(self, height: int, width: int, channels: int, bits: int) -> np.ndarray:
        return decode_image.resized(
            decode_image.divided(self.values, bits), height, width, channels
        )


def _picture(item: Any) -> _Picture:
    from PIL import Image

    if isinstance(item, str | os.PathLike):
        return _File(Path(os.path.expanduser(item)))
    if isinstance(item, bytes | bytearray | memoryview):
        return _File(bytes(item))
    if isinstance(item, Image.Image):
        if item.mode.startswith("I;16"):
            return _Wide(np.asarray(item))
        return _Opened(item)
    return _of_array(np.asarray(item))


def _of_array(pixels: np.ndarray) -> _Picture:
    from PIL import Image

    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    is_image = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if not is_image or 0 in pixels.shape:
        hint = ""
        if pixels.ndim == 3 and pixels.shape[0] in (1, 3):
            hint = ", whose channels come first: move them to the end by numpy.moveaxis(x, 0, -1)"
        raise DataError(f"has shape {pixels.shape}{hint}")
    if pixels.dtype == np.uint16:
        return _Wide(pixels)
    return _Opened(Image.fromarray(_as_bytes(pixels)))


def _as_bytes(pixels: np.ndarray) -> np.ndarray:
    """Pixels of 8 bits, of these, of truth values, or of floats in [0, 1]."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * 255
    if pixels.dtype.kind != "f":
        raise DataError(f"has values of type {pixels.dtype}, which are not uint8, uint16 or floats")
    if not np.all((pixels >= 0) & (pixels <= 1)):
        raise DataError("has floats that are not in [0, 1]")
    return np.rint(pixels.astype(np.float32) * 255).astype(np.uint8)

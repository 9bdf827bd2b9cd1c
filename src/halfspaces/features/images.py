"""Images in one array, in memory or memory-mapped, and blocks of them as planes of grey levels."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.support.types import Array

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in JPEG, Pillow and OpenCV
REDUCED_TOGETHER = 256  # images
NEEDED = "images are an array (N, H, W, 3) or (N, H, W) of uint8, or of floats in [0, 1]"


@dataclass(frozen=True, eq=False)
class Images:
    """Images in an array, in memory or memory-mapped; only blocks are copied.

    Parameters
    ----------
    pixels : array, shape (N, H, W, C) or (N, H, W)
        uint8, or floats in [0, 1]; C is 1 or 3.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not images; in `planes` for NaN and floats outside [0, 1].
    """

    pixels: Array = field(repr=False)

    def __post_init__(self) -> None:
        pixels: Any = self.pixels
        if not isinstance(pixels, np.ndarray):
            pixels = _as_array(pixels)
            object.__setattr__(self, "pixels", pixels)
        if pixels.dtype != np.uint8 and pixels.dtype.kind != "f":
            remedy = "convert grey levels from 0 to 255 with .astype(numpy.uint8)"
            raise TypeError(f"{NEEDED}, got {pixels.dtype}; {remedy}.")
        remedy = _reshaping(pixels.shape)
        if remedy is not None:
            raise ValueError(f"{NEEDED}, got shape {pixels.shape}; {remedy}.")
        if 0 in pixels.shape:
            remedy = "give at least one image of at least one pixel"
            raise ValueError(f"{NEEDED}, got shape {pixels.shape}; {remedy}.")

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, *channels = self.pixels.shape[1:]
        return height, width, channels[0] if channels else 1

    def planes(self, rows: Any) -> Array:
        """Some images as float32 planes (n, C, H, W), in grey levels from 0 to 255."""
        block = self.pixels[rows]
        if block.dtype.kind == "f":
            block = _grey_levels(block, rows)
        block = block[:, None] if block.ndim == 3 else np.moveaxis(block, -1, 1)
        return np.ascontiguousarray(block, np.float32)


def _as_array(images: Any) -> Array:
    """A list of images of one size as an array."""
    try:
        return np.asarray(images)
    except ValueError as error:
        raise ValueError(
            f"{NEEDED}, got images of different sizes; resize them by"
            " halfspaces.datasets.images(images)."
        ) from error


def _reshaping(shape: tuple[int, ...]) -> str | None:
    """The remedy for an array of this shape, or None if it is a valid shape of images."""
    match shape:
        case (_, _, _, 1 | 3):
            return None
        case (_, 1 | 3, _, _):
            return "move the axis of the colours to the end, with numpy.moveaxis(images, 1, -1)"
        case (_, _, _, 4):
            return "leave the alpha channel out, images[..., :3]"
        case (_, _, 3):
            return "give one image as image[None]"
        case (_, _, _):
            return None
    return "reshape rows of pixels"


def _grey_levels(block: Array, rows: Any) -> Array:
    """255 times floats in [0, 1], exact for k/255."""
    inside = (block >= 0) & (block <= 1)
    if not inside.all():
        first, *place = np.argwhere(~inside)[0]
        numbers = range(rows.start, rows.stop) if isinstance(rows, slice) else np.asarray(rows)
        raise _outside(int(numbers[first]), float(block[(first, *place)]))
    return block.astype(np.float32) * np.float32(255)


def _outside(image: int, value: float) -> ValueError:
    """The error for a value outside [0, 1] in the image of this number."""
    if np.isnan(value):
        remedy = "leave such images out, or fill their pixels"
        return ValueError(f"Image {image} contains NaN; {remedy}.")
    remedy = "divide by 255, or give uint8" if value > 1 else "bring them to [0, 1]"
    return ValueError(f"Image {image} contains {value:g}, and floats must be in [0, 1]; {remedy}.")


def grey(planes: Array) -> Array:
    """Luma (n, 1, H, W) of planes (n, C, H, W): 0.299 R + 0.587 G + 0.114 B, or the only plane.

    >>> grey(np.full((1, 3, 2, 2), 100, np.float32)).tolist()
    [[[[100.0, 100.0], [100.0, 100.0]]]]
    """
    if planes.shape[1] == 1:
        return planes
    red = planes[:, 0:1] * LUMA[0]
    green = planes[:, 1:2] * LUMA[1]
    blue = planes[:, 2:3] * LUMA[2]
    return red + green + blue


def resized(planes: Array, size: int | tuple[int, int] | None) -> Array:
    """Planes (n, C, H, W) resized by `interpolation`; None returns them unchanged."""
    height, width = size if isinstance(size, tuple | list) else (size, size)
    if height is None or width is None or (height, width) == planes.shape[2:]:
        return planes
    return interpolation(planes.shape[2], height) @ planes @ interpolation(planes.shape[3], width).T


def reduced(images: Array, side: int | None) -> Array:
    """Images (N, H, W[, C]) resized to side × side pixels; None returns them unchanged.

    >>> reduced(np.full((2, 64, 64, 3), 9, np.uint8), 32).shape
    (2, 32, 32, 3)
    """
    if side is None:
        return images
    found = np.empty((len(images), side, side, *images.shape[3:]), images.dtype)
    scale = 1 if images.dtype == np.uint8 else 255
    for start in range(0, len(images), REDUCED_TOGETHER):
        part = slice(start, start + REDUCED_TOGETHER)
        planes = resized(Images(images[part]).planes(slice(None)), side) / scale
        if images.dtype == np.uint8:
            planes = np.rint(planes)
        found[part] = planes[:, 0] if images.ndim == 3 else np.moveaxis(planes, 1, -1)
    return found


def interpolation(given: int, wanted: int) -> Array:
    """Linear interpolation of an axis as a matrix (wanted, given).

    When it reduces the length, the weights reach as far as a new position is wide.

    >>> interpolation(4, 2).tolist()
    [[0.428..., 0.428..., 0.142..., 0.0], [0.0, 0.142..., 0.428..., 0.428...]]
    """
    scale = given / wanted
    reach = max(scale, 1.0)
    middles = (np.arange(wanted) + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(given) + 0.5 - middles[:, None]) / reach)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def squared(scale: float) -> np.float32:
    """scale², kept to squares that float32 can divide by without reaching infinity."""
    return np.float32(min(max(scale * scale, 1e-30), 1e30))

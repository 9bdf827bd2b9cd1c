"""Images as they come, one array of any memory, and blocks of them as planes of grey levels."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.support.types import Array

LUMA = np.array(
    [0.299, 0.587, 0.114], np.float32
)  # ITU-R BT.601: the grey of JPEG, Pillow and OpenCV
NEEDED = "images are an array (N, H, W, 3) or (N, H, W) of uint8, or of floats in [0, 1]"


@dataclass(frozen=True, eq=False)
class Images:
    """Images in an array of any memory, a memory map too; nothing is copied but blocks.

    Parameters
    ----------
    pixels : array, shape (N, H, W, C) or (N, H, W)
        uint8, or floats in [0, 1]; C is 1 or 3.

    Raises
    ------
    TypeError, ValueError
        For what are no images; for NaN and floats beyond [0, 1] when their block is asked for.
    """

    pixels: Array = field(repr=False)

    def __post_init__(self) -> None:
        pixels: Any = self.pixels
        if not isinstance(pixels, np.ndarray):
            pixels = np.asarray(pixels)
            object.__setattr__(self, "pixels", pixels)
        if pixels.dtype != np.uint8 and pixels.dtype.kind != "f":
            remedy = "convert grey levels from 0 to 255 with .astype(numpy.uint8)"
            raise TypeError(f"{NEEDED}, got {pixels.dtype}; {remedy}.")
        remedy = _reshaping(pixels.shape)
        if remedy is not None:
            raise ValueError(f"{NEEDED}, got shape {pixels.shape}; {remedy}.")
        if 0 in pixels.shape:
            raise ValueError(
                f"{NEEDED}, got shape {pixels.shape}; give at least one image of at least one pixel."
            )

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of each."""
        height, width, *channels = self.pixels.shape[1:]
        return height, width, channels[0] if channels else 1

    def planes(self, rows: Any) -> Array:
        """Some images as float32 (n, C, H, W), one plane after the other, in grey levels from 0 to 255."""
        block = self.pixels[rows]
        if block.dtype.kind == "f":
            block = _grey_levels(block, rows)
        block = block[:, None] if block.ndim == 3 else np.moveaxis(block, -1, 1)
        return np.ascontiguousarray(block, np.float32)


def _reshaping(shape: tuple[int, ...]) -> str | None:
    """What makes images of an array of this shape, or None where nothing is to be done."""
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
        place = np.argwhere(~inside)[0]
        value = float(block[tuple(place)])
        image = (
            range(rows.start, rows.stop)[place[0]]
            if isinstance(rows, slice)
            else int(np.asarray(rows)[place[0]])
        )
        if np.isnan(value):
            raise ValueError(
                f"Image {image} contains NaN; leave such images out, or fill their pixels."
            )
        remedy = "divide by 255, or give uint8" if value > 1 else "bring them to [0, 1]"
        raise ValueError(
            f"Image {image} contains {value:g}, and floats are to lie in [0, 1]; {remedy}."
        )
    return block.astype(np.float32) * np.float32(255)


def grey(planes: Array) -> Array:
    """(n, C, H, W) to (n, 1, H, W): 0.299 R + 0.587 G + 0.114 B, or the one plane there is.

    >>> grey(np.full((1, 3, 2, 2), 100, np.float32)).tolist()
    [[[[100.0, 100.0], [100.0, 100.0]]]]
    """
    if planes.shape[1] == 1:
        return planes
    red, green, blue = (planes[:, channel : channel + 1] * LUMA[channel] for channel in range(3))
    return red + green + blue


def resized(planes: Array, size: int | tuple[int, int] | None) -> Array:
    """(n, C, H, W) to another height and width, by `interpolation`; None leaves them as they are."""
    height, width = size if isinstance(size, tuple | list) else (size, size)
    if height is None or width is None or (height, width) == planes.shape[2:]:
        return planes
    return interpolation(planes.shape[2], height) @ planes @ interpolation(planes.shape[3], width).T


def interpolation(given: int, wanted: int) -> Array:
    """Linear interpolation of an axis as a matrix (wanted, given), over as many positions as lie within one.

    >>> interpolation(4, 2).tolist()
    [[0.428..., 0.428..., 0.142..., 0.0], [0.0, 0.142..., 0.428..., 0.428...]]
    """
    scale = given / wanted
    reach = max(scale, 1.0)
    middles = (np.arange(wanted) + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(given) + 0.5 - middles[:, None]) / reach)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

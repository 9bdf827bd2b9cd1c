"""One image: its header, or its pixels as uint8, resized to a given size.

Every mode becomes grey or RGB of 8 bits: transparent pixels are put on white, 16 bits lose the
lower 8, palettes, CMYK and black-and-white are converted, EXIF's orientation is applied, and the
first frame of an animation is used.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

import numpy as np

from halfspaces.datasets.files import compressed
from halfspaces.system.errors import DataError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
GREY = {"1", "L", "LA", "La"}
ORIENTATION = 0x0112  # the EXIF tag
SIDEWAYS = {5, 6, 7, 8}  # orientations that exchange height and width
LARGE = 1 << 24  # pixels: such images are decoded one at a time
_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Header:
    """The size and kind of an image, in upright orientation."""

    height: int
    width: int
    grey: bool


def look(stream: BinaryIO) -> Header:
    """Read the header only.

    Raises DataError, a phrase without a subject, for a file that is no image or too large.
    """
    with _opened(stream) as image:
        if _orientation(image) in SIDEWAYS:
            return Header(image.width, image.height, _is_grey(image))
        return Header(image.height, image.width, _is_grey(image))


def decode(stream: BinaryIO, height: int, width: int, channels: int) -> np.ndarray:
    """Decode to (height, width, channels), resized without cropping; DataError as in `look`."""
    with _opened(stream) as image, _alone if image.width * image.height > LARGE else nullcontext():
        side = 2 * max(height, width)
        image.draft(None, (side, side))  # JPEG decodes faster at 1/2, 1/4 or 1/8 if that is enough
        pixels = _as_8_bits(_upright(image), "L" if channels == 1 else "RGB")
        if pixels.size != (width, height):
            pixels = pixels.resize((width, height), _pillow().Resampling.BILINEAR)
        return np.asarray(pixels).reshape(height, width, channels)


@cache
def _pillow() -> Any:
    """The module PIL.Image with all formats registered."""
    from PIL import Image

    Image.init()  # before threads need them
    return Image


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[Any]:
    """The image in a stream, which is closed after it; a decoder's error becomes a phrase."""
    pillow = _pillow()
    try:
        with stream, pillow.open(stream, formats=FORMATS) as image:
            most = pillow.MAX_IMAGE_PIXELS
            if most is not None and image.width * image.height > most:
                size = f"{image.height:,} x {image.width:,} pixels"
                raise DataError(f"has {size}, more than PIL.Image.MAX_IMAGE_PIXELS = {most:,}")
            yield image
    except DataError:
        raise
    except pillow.UnidentifiedImageError as error:
        raise DataError("is no JPEG, PNG, WebP, BMP, TIFF or GIF image") from error
    except Exception as error:
        raise DataError(f"cannot be decoded ({compressed.cause(error)})") from error


def _orientation(image: Any) -> int:
    """EXIF's orientation, if it is still to be applied and in the header.

    Pillow has applied that of a TIFF. A PNG may have it after its pixels, which is too late.
    """
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1
    return image.getexif().get(ORIENTATION, 1)


def _upright(image: Any) -> Any:
    from PIL import ImageOps

    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _is_grey(image: Any) -> bool:
    """Whether it has one channel beside transparency."""
    if image.mode == "P":
        palette = np.frombuffer(image.palette.palette, np.uint8)
        colours = palette[: len(palette) // 3 * 3].reshape(-1, 3)
        return image.palette.mode == "RGB" and bool(np.all(colours == colours[:, :1]))
    return image.mode in GREY or image.mode.startswith(("I", "F"))


def _as_8_bits(image: Any, mode: str) -> Any:
    if image.mode.startswith("I;16"):
        image = _pillow().fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        kind = {"I": "whole numbers", "F": "floats"}[image.mode]
        raise DataError(f"holds {kind} of 32 bits, whose range is not known; save 8 or 16 bits")
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = _pillow().new("RGBA", image.size, "white")
        image.alpha_composite(above)
    return image if image.mode == mode else image.convert(mode)

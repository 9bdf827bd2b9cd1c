"""One image: its header looked at, or its pixels as uint8 of a stated size.

Every mode becomes grey or RGB of 8 bits: transparent pixels lie on white, 16 bits lose the lower 8, palettes, CMYK and
black-and-white are converted, EXIF's orientation is applied, of an animation the first frame counts.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

import numpy as np

from halfspaces.support.errors import DataError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
GREY = {"1", "L", "LA", "La"}
ORIENTATION, SIDEWAYS = 0x0112, {5, 6, 7, 8}
LARGE = 1 << 24  # pixels: such images are decoded one at a time
_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Header:
    """What an image says of itself, upright."""

    height: int
    width: int
    grey: bool


def look(stream: BinaryIO) -> Header:
    """Read the header alone. Raises DataError, a phrase without a subject, for what is no image or too large."""
    with _opened(stream) as image:
        width, height = image.size
        if _orientation(image) in SIDEWAYS:
            width, height = height, width
        return Header(height, width, _is_grey(image))


def decode(stream: BinaryIO, height: int, width: int, channels: int) -> np.ndarray:
    """Decode to (height, width, channels), resized whole: nothing is cropped. Raises DataError as `look` does."""
    with _opened(stream) as image, _alone if image.width * image.height > LARGE else nullcontext():
        longer = 2 * max(height, width)
        image.draft(
            None, (longer, longer)
        )  # a JPEG decodes at a half, a quarter or an eighth where that is enough
        pixels = _as_8_bits(_upright(image), "L" if channels == 1 else "RGB")
        if pixels.size != (width, height):
            pixels = pixels.resize((width, height), _pillow().Resampling.BILINEAR)
        return np.asarray(pixels).reshape(height, width, channels)


@cache
def _pillow() -> Any:
    from PIL import Image

    Image.init()  # all formats, before threads ask for them
    return Image


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[Any]:
    """The image in a stream, which is closed; whatever decoders raise over hostile bytes becomes a phrase."""
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
        told = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise DataError(f"cannot be decoded ({told})") from error


def _orientation(image: Any) -> int:
    """EXIF's; Pillow has turned the size of a TIFF already, and a PNG may tell it behind its pixels, too late."""
    told = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
    return image.getexif().get(ORIENTATION, 1) if told else 1


def _upright(image: Any) -> Any:
    from PIL import ImageOps

    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _is_grey(image: Any) -> bool:
    """Whether it has one channel, transparency aside."""
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

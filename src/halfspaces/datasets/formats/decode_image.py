"""One image: its header, or its pixels as uint8, resized to a given size.

Every mode becomes grey or RGB of 8 bits: transparent pixels are put on white, 16 bits
are divided by a power of two, palettes, CMYK and black-and-white are converted, EXIF's orientation
is applied, and the first frame of an animation is used.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any, BinaryIO

import numpy as np

from halfspaces.datasets.files import compressed
from halfspaces.datasets.optional import HEIF
from halfspaces.system.errors import DataError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif"),
    *(".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif"),
)
LFS_POINTER = b"version https://git-lfs"
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
GREY = {"1", "L", "LA", "La"}
ORIENTATION = 0x0112  # the EXIF tag
UPPER = {"RGB;16", "RGBA;16", "RGBX;16"}  # layouts of which Pillow reads the upper bytes
SIDEWAYS = {5, 6, 7, 8}  # orientations that exchange height and width
LARGE = 1 << 24  # pixels: such images are decoded one at a time
_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Header:
    """The size and kind of an image, in upright orientation; `wide` has 16 bits a channel."""

    height: int
    width: int
    grey: bool
    wide: bool


def look(stream: BinaryIO) -> Header:
    """Read the header only.

    Raises DataError, a phrase without a subject, for a file that is no image or too large.
    """
    with _opened(stream) as image:
        return header(image)


def header(image: Any) -> Header:
    """The header of an opened image of Pillow."""
    sides = image.height, image.width
    height, width = reversed(sides) if _orientation(image) in SIDEWAYS else sides
    return Header(height, width, _is_grey(image), _is_wide(image))


def depth(stream: BinaryIO) -> int:
    """The bits that the largest value of an image of 16 bits takes, at least 8."""
    with _opened(stream) as image:
        return largest_bits(_values_of_16_bits(image, stream))


def decode(
    stream: BinaryIO, height: int, width: int, channels: int, bits: int | None = None
) -> np.ndarray:
    """Decode to (height, width, channels), resized without cropping; DataError as in `look`.

    Of an image of 16 bits, values are below 2^bits.
    """
    with _opened(stream) as image, _alone if image.width * image.height > LARGE else nullcontext():
        side = 2 * max(height, width)
        image.draft(None, (side, side))  # JPEG decodes faster at 1/2, 1/4 or 1/8 if that is enough
        narrow = _divided(image, stream, bits or 16) if _is_wide(image) else image
        return resized(narrow, height, width, channels)


def resized(image: Any, height: int, width: int, channels: int) -> np.ndarray:
    """The pixels (height, width, channels) of an image of 8 bits, turned upright by EXIF."""
    pixels = _as_8_bits(_upright(image), "L" if channels == 1 else "RGB")
    if pixels.size != (width, height):
        pixels = pixels.resize((width, height), _pillow().Resampling.BILINEAR)
    return np.asarray(pixels).reshape(height, width, channels)


def libraries() -> tuple[str | None, ...]:
    """The versions of the libraries that decode; None for one that is not installed."""
    return tuple(map(_version, ("pillow", "pillow-heif")))


@cache
def _version(requirement: str) -> str | None:
    try:
        return metadata.version(requirement)
    except metadata.PackageNotFoundError:
        return None


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
        with stream, pillow.open(stream, formats=_formats_for(stream)) as image:
            most = pillow.MAX_IMAGE_PIXELS
            if most is not None and image.width * image.height > most:
                size = f"{image.height:,} x {image.width:,} pixels"
                raise DataError(f"has {size}, more than PIL.Image.MAX_IMAGE_PIXELS = {most:,}")
            yield image
    except DataError:
        raise
    except pillow.UnidentifiedImageError as error:
        raise DataError("is no JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF or HEIC image") from error
    except Exception as error:
        raise DataError(f"cannot be decoded ({compressed.cause(error)})") from error


def _formats_for(stream: BinaryIO) -> tuple[str, ...]:
    """The formats of Pillow, or HEIC if the file begins so; DataError where its library lacks."""
    start = stream.read(64)
    stream.seek(0)
    if start.startswith(LFS_POINTER):
        raise DataError(
            "is a pointer of Git LFS, not an image (run git lfs pull to get the images)"
        )
    is_heic = start[4:8] == b"ftyp" and start[8:12] in HEIC_BRANDS and b"avif" not in start
    if not is_heic:
        return FORMATS
    try:
        HEIF.load("HEIC").register_heif_opener()
    except DataError as error:
        raise DataError(
            f"is in HEIC, which needs {HEIF.module} (pip install '{HEIF.requirement}')"
        ) from error
    return ("HEIF",)


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
    if image.mode in ("I", "F"):
        kind = {"I": "whole numbers", "F": "floats"}[image.mode]
        raise DataError(f"holds {kind} of 32 bits, whose range is not known; save 8 or 16 bits")
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = _pillow().new("RGBA", image.size, "white")
        image.alpha_composite(above)
    return image if image.mode == mode else image.convert(mode)


# --- 16 bits -------------------------------------------------------------------------------------


def _is_wide(image: Any) -> bool:
    """Whether it has 16 bits a channel, all of which can be read."""
    return image.mode.startswith("I;16") or _layout(image)[:-1] in UPPER


def _layout(image: Any) -> str:
    """The name that Pillow gives to the order of the stored channels, bits and bytes."""
    tile = getattr(image, "tile", None)  # only of images that a file holds
    if not tile:
        return ""
    arguments = tile[0].args
    name = arguments if isinstance(arguments, str) else next(iter(arguments or ()), "")
    return name if isinstance(name, str) else ""


def _divided(image: Any, stream: BinaryIO, bits: int) -> Any:
    """The image of 8 bits, values below 2^bits divided by 2^(bits - 8), and larger ones white."""
    orientation = _orientation(image)
    values = _values_of_16_bits(image, stream)
    image = divided(values, bits)
    image.getexif()[ORIENTATION] = orientation
    return image


def divided(values: np.ndarray, bits: int) -> Any:
    """Values of 16 bits, (H, W) or (H, W, 3 or 4), as an image of 8 bits."""
    narrow = np.minimum(values >> (bits - 8), 255).astype(np.uint8)
    if narrow.shape[2:] == (4,):
        narrow[..., 3] = values[..., 3] >> 8  # opacity is of all 16 bits
    return _pillow().fromarray(narrow)


def largest_bits(values: np.ndarray) -> int:
    """The bits that the largest value takes, at least 8; opacity does not count."""
    colours = values if values.ndim == 2 else values[..., :3]
    return max(8, int(colours.max()).bit_length())


def _values_of_16_bits(image: Any, stream: BinaryIO) -> np.ndarray:
    """The values (H, W), or (H, W, 3 or 4): Pillow reads the upper bytes, and the lower ones once
    it takes them for the upper.
    """
    exchanged = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
    layout = _layout(image)
    upper = np.asarray(image)
    if image.mode.startswith("I;16"):
        return upper
    stream.seek(0)
    with _pillow().open(stream, formats=FORMATS) as again:
        order = layout[-3:]
        again.tile = [_with_layout(tile, layout[:-3] + exchanged[order]) for tile in again.tile]
        lower = np.asarray(again)
    return upper.astype(np.uint16) << 8 | lower


def _with_layout(tile: Any, layout: str) -> Any:
    arguments = layout if isinstance(tile.args, str) else (layout, *tile.args[1:])
    return tile._replace(args=arguments)

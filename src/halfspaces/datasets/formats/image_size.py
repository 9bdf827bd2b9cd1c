"""The size to which images are decoded: the one asked for, or one that suits all images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from halfspaces.datasets.formats.decode_image import Header
from halfspaces.system.errors import DataError

SIDE = 32  # of images of many or large sizes, unless another is asked for
LARGEST_UNCHANGED = 64
LARGEST_SIDE = 4096


@dataclass(frozen=True)
class AtMost:
    """The size that suits all images, at most this height and width; nobody asked for a size.

    Data that are no images, or that have a size of their own, are read as if it were not given.
    """

    height: int
    width: int


ImageSize = int | tuple[int, int] | tuple[int, int, int] | AtMost


def checked(image_size: Any) -> tuple[int, ...] | AtMost | None:
    """(height, width) or (height, width, channels), or the largest size; None if none is given."""
    if image_size is None or isinstance(image_size, AtMost):
        return image_size
    sides: Any = (image_size, image_size) if isinstance(image_size, Integral) else image_size
    if not _is_valid(sides):
        raise DataError(
            f"image_size must be a side or (height, width), each from 1 to {LARGEST_SIDE:,},"
            f" and 1 or 3 channels behind them if given, got {image_size!r}."
        )
    return tuple(map(int, sides))


def _is_valid(sides: Any) -> bool:
    if not isinstance(sides, Sequence) or len(sides) not in (2, 3):
        return False
    in_range = (isinstance(side, Integral) and 1 <= int(side) <= LARGEST_SIDE for side in sides)
    return all(in_range) and sides[2:] in ((), (1,), (3,))


def common_shape(
    headers: Iterable[Header], size: tuple[int, ...] | AtMost | None
) -> tuple[int, int, int]:
    """The (height, width, channels) of all images; one channel if every image is grey."""
    sizes = set()
    channels = 1
    for header in headers:
        sizes.add((header.height, header.width))
        channels = channels if header.grey else 3
    if size is None:
        unchanged = len(sizes) == 1 and max(max(sizes)) <= LARGEST_UNCHANGED
        size = next(iter(sizes)) if unchanged else (SIDE, SIDE)
    if isinstance(size, AtMost):
        largest = [max(lengths) for lengths in zip(*sizes, strict=True)]
        size = (min(size.height, largest[0]), min(size.width, largest[1]))
    height, width, channels = (*size, channels)[:3]
    return height, width, channels


def describe(headers: Sequence[Header], shape: tuple[int, int, int]) -> str:
    """A sentence on the sizes of the images and what became of them."""
    sizes = sorted(
        {(header.height, header.width) for header in headers}, key=lambda size: size[0] * size[1]
    )
    smallest = " x ".join(map(str, sizes[0]))
    largest = " x ".join(map(str, sizes[-1]))
    of = f"of {smallest}"
    if len(sizes) > 1:
        of = f"of {len(sizes):,} sizes from {smallest} to {largest}"
    if sizes == [shape[:2]]:
        return f"{len(headers):,} images {of}, kept as they are"
    return f"{len(headers):,} images {of}, each resized whole to {shape[0]} x {shape[1]}"

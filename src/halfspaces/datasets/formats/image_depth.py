"""The depth of images of 16 bits: how far their values are divided to become 8 bits.

Cameras and scanners store 10, 12 or 14 bits in files of 16, and some tools store 8. All images of a
data set are divided by the same power of two, such that the largest value of them all just fits.
"""

from collections.abc import Iterable, Mapping

from halfspaces.datasets.files.source import Entry
from halfspaces.datasets.formats import decode_image
from halfspaces.datasets.formats.decode_image import Header
from halfspaces.datasets.formats.image_workers import map_entries
from halfspaces.system import progress

FULL = 16


def common_bits(
    title: str, entries: Iterable[Entry], headers: Mapping[str, Header], known: int | None
) -> int | None:
    """The bits that the largest value of the images of 16 bits takes, from 8 to 16.

    None if no image has 16 bits. `known` is the depth of the data set like which these images are
    read, which is taken as it is.
    """
    wide = {name for name, header in headers.items() if header.wide}
    if known is not None or not wide:
        return known
    depths = map_entries(entries, decode_image.depth, wanted=wide)
    tracked = progress.tracked(depths, f"looking at {title}", len(wide))
    return max((bits for _, bits in tracked if isinstance(bits, int)), default=FULL)


def notes(headers: Iterable[Header], bits: int | None) -> list[str]:
    """What became of the images of 16 bits, if there are any.

    >>> notes([Header(32, 32, True, wide=True)], 12)
    ['1 image of 16 bits with values below 4,096, divided by 16 to 8 bits']
    >>> notes([Header(32, 32, True, wide=False)], None)
    []
    """
    number = sum(header.wide for header in headers)
    if bits is None or number == 0:
        return []
    images = "image" if number == 1 else "images"
    divided = f"divided by {1 << bits - 8} to 8 bits" if bits > 8 else "kept as 8 bits"
    return [f"{number:,} {images} of 16 bits with values below {1 << bits:,}, {divided}"]

"""Columns of a table that are the pixels of a grey image: pixel1 to pixel784, 1x1 to 28x28."""

import math
import re
from collections.abc import Sequence

NAME = re.compile(r"pixel[ _]?\d{1,6}(_\d{1,3})?|\d{1,3}x\d{1,3}", re.IGNORECASE)


def image_shape(names: Sequence[str]) -> tuple[int, int, int] | None:
    """Height, width and channels of square images whose pixels are all columns, in order.

    They are numbered from 0 or 1, one after the other or by row and column. None for others.

    >>> image_shape(["pixel0", "pixel1", "pixel2", "pixel3"]), image_shape(["1x1", "1x2"])
    ((2, 2, 1), None)
    """
    side = math.isqrt(len(names))
    if side < 2 or side**2 != len(names) or not all(map(NAME.fullmatch, names)):
        return None
    found = [[int(digits) for digits in re.findall(r"\d+", name)] for name in names]
    for first in (0, 1):
        counted = [[first + i] for i in range(len(names))]
        by_place = [[first + i // side, first + i % side] for i in range(len(names))]
        if found in (counted, by_place):
            return side, side, 1
    return None

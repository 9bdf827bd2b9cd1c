"""Some of the smallest values of a sample, enough for its quantiles."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from halfspaces.support.types import Array

LIMIT = 1 << 16  # of `most`: a file may claim anything
DIGITS = 6  # that are stored
MARGIN = 1e-6  # by which stored values are smaller: scores of the same row may differ by rounding


@dataclass(frozen=True)
class OrderStatistics:
    """The r-th smallest of n numbers between 0 and 1, for some ranks r between 1 and n.

    All ranks, or `most` of them, dense where they are small: neighbours have about the same ratio.
    Values are rounded down to 6 digits.

    Parameters
    ----------
    count : int
        n.
    most : int
        The limit on the number of ranks.
    values : tuple of floats
        One for each of the ranks `spaced(count, most)`, not falling.

    Raises
    ------
    ValueError
        If there is not one value for each rank, they fall, or `most` is above 65,536.

    Examples
    --------
    >>> few = OrderStatistics.of(np.arange(100) / 100, most=10)
    >>> few.ranks.tolist()
    [1, 2, 3, 5, 8, 13, 22, 36, 60, 100]
    >>> few.at(5), few.at(7), few.at(0)
    (0.0399999, 0.0399999, 0.0)
    """

    count: int
    most: int
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.most > LIMIT:
            raise ValueError(f"OrderStatistics stores at most {LIMIT} ranks, got {self.most}.")
        values = np.array(self.values, dtype=np.float64)
        object.__setattr__(self, "values", tuple(values.tolist()))  # a list in a model file
        is_sorted = np.isfinite(values).all() and np.all(np.diff(values) >= 0)
        if values.shape != self.ranks.shape or not is_sorted:
            raise ValueError(
                f"OrderStatistics needs {len(self.ranks)} numbers that do not fall, for at most "
                f"{self.most} of {self.count} ranks, got {values.size}."
            )

    @classmethod
    def of(cls, values: Array, most: int) -> Self:
        """Of numbers (n,)."""
        kept = np.sort(values)[spaced(len(values), most) - 1]
        return cls(len(values), most, tuple(rounded_down(kept).tolist()))

    @property
    def ranks(self) -> Array:
        """The ranks whose values are known, rising."""
        return spaced(self.count, self.most)

    def at(self, rank: int) -> float:
        """The value of the largest stored rank up to this one; 0 below the first."""
        position = int(np.searchsorted(self.ranks, rank, side="right")) - 1
        return 0.0 if position < 0 else self.values[position]


def spaced(count: int, most: int) -> Array:
    """The numbers 1 to count, or at most `most` of them in about geometric progression.

    >>> spaced(3, 10), spaced(1000, 5)
    (array([1, 2, 3]), array([   1,    6,   32,  178, 1000]))
    """
    if count <= most:
        return np.arange(1, count + 1)
    return np.unique(np.rint(np.geomspace(1, count, most)).astype(np.int64))


def rounded_down(values: Array) -> Array:
    """Numbers between 0 and 1 to 6 digits, a little below them, in float64.

    >>> rounded_down(np.array([0.5, 0.12345678, 0.0])).tolist()
    [0.499999, 0.123456, 0.0]
    """
    values = values.astype(np.float64) * (1 - MARGIN)
    exponent = np.floor(np.log10(np.maximum(values, 1e-200)))
    scale = 10.0 ** (DIGITS - 1 - exponent)
    return np.floor(values * scale) / scale

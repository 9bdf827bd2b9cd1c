"""Which strength the held-out scores choose: the best, or the strongest within an error of it."""

import numpy as np

from halfspaces.support.types import Array

TIE = 1e-12  # relative: means of the same numbers in another order


def tied(first: float, second: float) -> bool:
    """Whether two means are equal but for rounding."""
    return bool(abs(first - second) <= TIE * max(abs(first), abs(second)))


def best_of(mean: Array) -> int:
    """Index of the highest mean (S,): the first among equals, strengths falling; nan is ignored."""
    highest = float(np.nanmax(mean))
    return int(np.flatnonzero(mean >= highest - TIE * abs(highest))[0])


def one_standard_error_of(mean: Array, error: Array) -> int:
    """Index of the strongest penalty whose mean is within one standard error of the best."""
    best = best_of(mean)
    return int(np.flatnonzero(mean >= mean[best] - error[best])[0])

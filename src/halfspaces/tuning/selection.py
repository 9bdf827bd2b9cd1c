"""Which strength the held-out scores choose: the best, or the strongest within an error of it."""

import numpy as np

from halfspaces.support.types import Array

TIE = 1e-12  # relative: means of the same numbers in another order


def tied(first: float, second: float) -> bool:
    """Whether two means are equal but for rounding."""
    return bool(abs(first - second) <= TIE * max(abs(first), abs(second)))


def best_of(mean: Array, tie_breaker: Array | None = None) -> int:
    """Index of the highest mean (S,), among equals of the highest tie-breaker (S,), else the first.

    Strengths fall, so the first has the strongest penalty; nan is ignored.
    """
    highest = float(np.nanmax(mean))
    equal = np.flatnonzero(mean >= highest - TIE * abs(highest))
    if tie_breaker is None:
        return int(equal[0])
    return int(equal[np.argmax(np.nan_to_num(tie_breaker[equal], nan=-np.inf))])


def one_standard_error_of(mean: Array, error: Array, tie_breaker: Array | None = None) -> int:
    """Index of the strongest penalty whose mean is within one standard error of the best."""
    best = best_of(mean, tie_breaker)
    return int(np.flatnonzero(mean >= mean[best] - error[best])[0])

"""Slopes from the mean of many differences at W's neighbours, where f's rounding is too large.

Rounding errors of f at points close to W differ at random, while its slope is nearly the same: the
mean over R points has √R times less rounding, and its spread measures it.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from halfspaces.gradcheck.differences import SAFETY, Limit, Line

PILOT = 16  # points for each step, from which the step is chosen
TRIALS = 3  # steps that are tried with all points
STEPS = tuple(2.0**k for k in range(5, -7, -1))  # relative to the size of the coordinate


def dithered_slope(neighbour: Callable[[int], Line], reach: float, most: int) -> Limit | None:
    """The slope along a line with an error of at most `reach`, from at most `most` points, if any.

    `neighbour(k)` is f along the line through the k-th point near W; the points 2j and 2j + 1 are
    opposite each other, so that the curvature of f between them cancels.
    """
    lines = [neighbour(k) for k in range(PILOT)]
    pilots = [_differences(lines, step) for step in STEPS]
    limits = [_extrapolated(coarse, fine) for coarse, fine in pairwise(pilots)]
    worth: list[tuple[int, int]] = []  # points that are needed, and the number of the step
    for k, limit in enumerate(limits):
        if not (reach > 0 and math.isfinite(limit.error)):
            continue
        enough = PILOT * (limit.rounding / (reach / 2)) ** 2
        if enough <= most and all(_agree(limit, finer) for finer in limits[k + 1 :]):
            worth.append((max(4 * PILOT, 2 * math.ceil(enough / 2)), k))
    trials = sorted(worth)[:TRIALS]
    trials += [(min(4 * points, most), k) for points, k in trials]
    for points, k in trials:
        lines += [neighbour(number) for number in range(len(lines), points)]
        limit = _extrapolated(_differences(lines, STEPS[k]), _differences(lines, STEPS[k + 1]))
        if limit.error <= reach:
            return limit
    return None


def _agree(one: Limit, other: Limit) -> bool:
    """Whether two limits of a pilot may be the same; few points tell their rounding."""
    return not abs(one.value - other.value) > 2 * (one.rounding + other.rounding)


def _differences(lines: list[Line], step: float) -> np.ndarray:
    """Centred differences, of opposite points together."""
    slopes = np.array([(line(step) - line(-step)) / (2 * step) for line in lines])
    return slopes.reshape(-1, 2).mean(axis=1)


def _extrapolated(coarse: np.ndarray, fine: np.ndarray) -> Limit:
    """The limit of means of differences with a step and with half of it: their error is ~ step²."""
    if not (np.isfinite(coarse).all() and np.isfinite(fine).all()):
        return Limit(math.nan, math.inf, math.inf)
    each = (4 * fine - coarse) / 3
    rounding = SAFETY * float(np.std(each, ddof=1)) / math.sqrt(len(each))
    value = float(each.mean())
    return Limit(value, abs(value - float(fine.mean())) + rounding, rounding)

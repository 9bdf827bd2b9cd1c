"""Checks of many coordinates together: those that were not sampled one by one."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from halfspaces.gradcheck.differences import Line
from halfspaces.gradcheck.judge import Judge

_SIZES = 16.0  # ratio of the sizes of slopes in one group
_VISIBLE = 30.0  # an error of a tenth of a slope is visible if the slope is so many times the bound
_ENOUGH = 0.01  # relative error of the smallest slope in a group that is exact enough


class Rest(NamedTuple):
    """What is known of the coordinates that were not sampled."""

    agree: int  # an error of a tenth of any of these slopes would have been seen
    unseen: int  # nothing is known of these
    suspects: tuple[int, ...]  # positions that are to be checked one by one


def check_together(
    judge: Judge,
    positions: np.ndarray,
    scales: np.ndarray,
    line: Callable[[np.ndarray], Line],
    *,
    budget: int,
    rng: np.random.Generator,
) -> Rest:
    """Compare ⟨g, d⟩ with f's slope along random directions d over groups of coordinates.

    A group holds slopes of similar size. Where it disagrees, or has a kink, its halves are checked,
    down to single coordinates. `budget` is the largest number of groups.
    """
    finite = np.isfinite(judge.analytic.values)
    values = np.where(finite, judge.analytic.values, 0.0)
    positions, odd = positions[finite[positions]], positions[~finite[positions]]
    pending = _by_size(positions, np.abs(values[positions]) * scales[positions])
    agree = 0
    unseen = 0
    suspects = odd[:1].tolist()
    while pending:
        group = pending.pop()
        if budget == 0:
            unseen += len(group)
            continue
        budget -= 1
        direction = np.zeros_like(values)
        # Unequal lengths, so that the errors of two coordinates do not cancel.
        lengths = rng.uniform(0.5, 1.0, len(group)) * rng.choice((-1.0, 1.0), len(group))
        direction[group] = scales[group] * lengths
        sizes = np.abs(values * direction)[group]
        along = line(direction)
        slope = judge.probe(along, _ENOUGH * float(np.min(sizes)))
        own = judge.analytic.most_rounding[group] * direction[group]
        excused = judge.tolerance * np.linalg.norm(sizes) + np.linalg.norm(own)
        bound = slope.error + float(excused)
        off = abs(float(values @ direction) - slope.slope.value)
        halves = np.array_split(rng.permutation(group), 2)
        if slope.kink or off > 2 * bound:
            if len(group) == 1:
                suspects.append(int(group[0]))
            else:
                pending.extend(halves)
        elif not sizes.any():
            zero = judge.is_zero(along, slope)
            agree += len(group) * zero
            unseen += len(group) * (not zero)
        else:
            visible = sizes >= _VISIBLE * bound
            agree += int(np.count_nonzero(visible))
            hidden = group[~visible]
            if visible.any() and hidden.size:
                pending.append(hidden)
            elif hidden.size and (len(group) == 1 or slope.slope.rounding > bound / 2):
                unseen += len(hidden)
            elif hidden.size:
                pending.extend(halves)
    return Rest(agree, unseen, tuple(suspects))


def _by_size(positions: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
    """Groups of positions whose slopes differ by a factor of at most 16; zeros are a group."""
    if not positions.size:
        return []
    decades = np.full(len(sizes), -np.inf)
    positive = sizes > 0
    decades[positive] = np.floor(np.log(sizes[positive]) / np.log(_SIZES))
    return [positions[decades == decade] for decade in np.unique(decades)]

"""Moments of unions and differences of sets of rows, such as the training rows of folds."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array

CANCELLATION = 1e-6  # of a sum of squares: a smaller difference of two sums lacks digits


def merged(one: Moments, other: Moments) -> Moments:
    """The moments of the union of two sets.

    Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115
    """
    count = one.count + other.count
    shift = other.mean - one.mean
    squares = one.squares + other.squares + shift**2 * (one.count * other.count / count)
    return Moments(count, one.mean + shift * (other.count / count), squares)


def without(whole: Moments, part: Moments) -> Moments | None:
    """The inverse of `merged`: the moments of the other examples; None if digits cancel."""
    count = whole.count - part.count
    shift = (whole.mean - part.mean) * (part.count / count)
    squares = whole.squares - part.squares - shift * (whole.mean - part.mean) * whole.count
    cancels = (squares <= CANCELLATION * whole.squares) & (whole.squares > 0)
    return None if cancels.any() else Moments(count, whole.mean + shift, squares)


def shifted(moments: Moments, origin: Array) -> Moments:
    """The moments of the features plus a constant (D,)."""
    return Moments(moments.count, moments.mean + origin, moments.squares)


def training_moments(blocks: Blocks, trains: Sequence[Array]) -> list[Moments]:
    """The moments of each fold's training rows, from one visit to its held-out rows.

    If the folds hold out each row once, those of the other folds' held-out rows are merged: nothing
    cancels. Else the held-out rows are subtracted from all; where that cancels, the training rows
    are visited.
    """
    rows = np.arange(blocks.n_examples)
    held_out = [np.delete(rows, train) for train in trains]
    parts = [_moments_of(blocks.subset(out)) for out in held_out]
    covered = np.sort(np.concatenate([rows[:0], *held_out]))
    if np.array_equal(covered, rows) and all(part.count > 0 for part in parts):
        return _of_the_others(parts)
    whole = Moments.of(blocks)
    return [
        without(whole, part) or Moments.of(blocks.subset(np.delete(rows, out)))
        for part, out in zip(parts, held_out, strict=True)
    ]


def _moments_of(blocks: Blocks) -> Moments:
    nothing = np.zeros(blocks.n_features)
    return Moments.of(blocks) if blocks.weights().any() else Moments(0.0, nothing, nothing)


def _of_the_others(parts: Sequence[Moments]) -> list[Moments]:
    """For each part the moments of the union of all others."""
    nothing = Moments(0.0, np.zeros_like(parts[0].mean), np.zeros_like(parts[0].mean))
    before = list(accumulate(parts, merged, initial=nothing))[:-1]
    after = list(accumulate(parts[::-1], merged, initial=nothing))[-2::-1]
    return [merged(first, last) for first, last in zip(before, after, strict=True)]

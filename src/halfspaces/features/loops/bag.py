"""Loops of bags of words. A band of points at a time: their similarities with all words stay in the cache."""

from typing import Any

import numba
import numpy as np

from halfspaces.features.loops.exponential import exponential

HARD, TRIANGLE, GAUSSIAN = 0, 1, 2


def count_words(
    local: Any,
    words: Any,
    squares: Any,
    assignment: int,
    variance: Any,
    row_segment: Any,
    column_segment: Any,
    band: int,
    sums: Any,
) -> None:
    """sums (images, row segments, column segments, words) += the votes of points.

    Points (images, rows · columns, d), words (d, n) and their squared lengths (n,).
    """
    columns = len(column_segment)
    similar = np.empty((band, words.shape[1]), np.float32)
    for i in range(len(local)):
        for begin in range(0, local.shape[1], band):
            points = local[i, begin : begin + band]
            np.dot(points, words, similar[: len(points)])
            for j in range(len(points)):
                at = begin + j
                votes = sums[i, row_segment[at // columns], column_segment[at % columns]]
                if assignment == HARD:
                    _nearest(similar[j], squares, votes)
                elif assignment == TRIANGLE:
                    _triangle(points[j], similar[j], squares, votes)
                else:
                    _gaussian(similar[j], squares, variance, votes)


@numba.njit(inline="always")
def _nearest(similar: Any, squares: Any, votes: Any) -> None:
    """One vote for the nearest word."""
    half = np.float32(0.5)
    most = similar[0] - half * squares[0]
    for k in range(len(similar)):
        similar[k] -= half * squares[k]
        most = max(most, similar[k])
    nearest = 0
    while similar[nearest] < most:
        nearest += 1
    votes[nearest] += np.float32(1)


@numba.njit(inline="always")
def _triangle(point: Any, similar: Any, squares: Any, votes: Any) -> None:
    """By how much a word is nearer than the mean."""
    zero, two = np.float32(0), np.float32(2)
    square = total = zero
    for k in range(len(point)):
        square += point[k] * point[k]
    for k in range(len(similar)):
        similar[k] = np.sqrt(max(square + squares[k] - two * similar[k], zero))
        total += similar[k]
    mean = total / np.float32(len(similar))
    for k in range(len(similar)):
        votes[k] += max(mean - similar[k], zero)


@numba.njit(inline="always")
def _gaussian(similar: Any, squares: Any, variance: Any, votes: Any) -> None:
    """One vote, shared out by exp(−d²/(2 variance)); a point's own length takes no part."""
    zero, one, half = np.float32(0), np.float32(1), np.float32(0.5)
    sharpness = one / variance
    most, total = similar[0] - half * squares[0], zero
    for k in range(len(similar)):
        similar[k] -= half * squares[k]
        most = max(most, similar[k])
    for k in range(len(similar)):
        similar[k] = exponential((similar[k] - most) * sharpness)
        total += similar[k]
    share = one / total
    for k in range(len(similar)):
        votes[k] += share * similar[k]

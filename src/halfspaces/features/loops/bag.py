"""Loops of bags of words.

They visit a band of points at a time, whose similarities with all words stay in the cache.
"""

import numba
import numpy as np

from halfspaces.features.loops.exponential import exponential
from halfspaces.support.types import Array

HARD = 0
TRIANGLE = 1
GAUSSIAN = 2


def count_words(
    local: Array,
    words: Array,
    squares: Array,
    assignment: int,
    variance: np.float32,
    row_segment: Array,
    column_segment: Array,
    band: int,
    sums: Array,
) -> None:
    """sums (images, row segments, column segments, words) += the votes of points.

    local (images, rows · columns, d) are descriptors, words (d, n) the vocabulary, squares (n,) the
    squared lengths of the words. row_segment (rows,) and column_segment (columns,) are the segments
    that points lie in.
    """
    columns = len(column_segment)
    similarity = np.empty((band, words.shape[1]), np.float32)
    for i in range(len(local)):
        for begin in range(0, local.shape[1], band):
            points = local[i, begin : begin + band]
            np.dot(points, words, similarity[: len(points)])
            for j in range(len(points)):
                point = begin + j
                row = row_segment[point // columns]
                column = column_segment[point % columns]
                votes = sums[i, row, column]
                if assignment == HARD:
                    _vote_hard(similarity[j], squares, votes)
                elif assignment == TRIANGLE:
                    _vote_triangle(points[j], similarity[j], squares, votes)
                else:
                    _vote_gaussian(similarity[j], squares, variance, votes)


@numba.njit(inline="always")
def _vote_hard(similarity: Array, squares: Array, votes: Array) -> None:
    """votes += 1 for the nearest word; similarity is overwritten."""
    half = np.float32(0.5)
    largest = similarity[0] - half * squares[0]
    for k in range(len(similarity)):
        similarity[k] -= half * squares[k]
        largest = max(largest, similarity[k])
    nearest = 0
    while similarity[nearest] < largest:
        nearest += 1
    votes[nearest] += np.float32(1)


@numba.njit(inline="always")
def _vote_triangle(point: Array, similarity: Array, squares: Array, votes: Array) -> None:
    """votes += max(0, mean distance − distance of each word); similarity is overwritten."""
    zero = np.float32(0)
    two = np.float32(2)
    square = total = zero
    for k in range(len(point)):
        square += point[k] * point[k]
    for k in range(len(similarity)):
        similarity[k] = np.sqrt(max(square + squares[k] - two * similarity[k], zero))
        total += similarity[k]
    mean = total / np.float32(len(similarity))
    for k in range(len(similarity)):
        votes[k] += max(mean - similarity[k], zero)


@numba.njit(inline="always")
def _vote_gaussian(similarity: Array, squares: Array, variance: np.float32, votes: Array) -> None:
    """votes += shares proportional to exp(−d² / (2 variance)), of sum 1; similarity is overwritten.

    The point's own length cancels.
    """
    zero = np.float32(0)
    one = np.float32(1)
    half = np.float32(0.5)
    sharpness = one / variance
    largest = similarity[0] - half * squares[0]
    total = zero
    for k in range(len(similarity)):
        similarity[k] -= half * squares[k]
        largest = max(largest, similarity[k])
    for k in range(len(similarity)):
        similarity[k] = exponential((similarity[k] - largest) * sharpness)
        total += similarity[k]
    share = one / total
    for k in range(len(similarity)):
        votes[k] += share * similarity[k]

"""Loops of local self-similarity."""

import numba
import numpy as np

from halfspaces.features.loops.exponential import exponential
from halfspaces.support.types import Array


def similarities(
    planes: Array,
    side: int,
    noise: np.float32,
    rows: Array,
    columns: Array,
    displacements: Array,
    bin_of: Array,
    near: int,
    flat: np.float32,
    descriptors: Array,
) -> None:
    """descriptors (n, rows, columns, bins) = the largest similarity in each bin, stretched.

    displacements (m, 2) are down and right; the first `near` of them are by one pixel and give the
    difference of a patch from its neighbours. rows and columns are the upper left corners of
    patches of side × side pixels.

    Planes are read as flat arrays, where a displacement is one number. What wraps around an edge
    belongs to no patch.
    """
    farthest = np.float32(1e12)
    n, channels, _, width = planes.shape
    points = len(rows) * len(columns)
    first = rows[0] * width + columns[0]
    last = (rows[len(rows) - 1] + side - 1) * width + columns[len(columns) - 1] + side
    share = np.float32(1 / (side * side * channels))
    squares = np.empty(last - first, np.float32)
    down = np.empty(width, np.float32)
    across = np.empty(width, np.float32)
    least = np.empty((descriptors.shape[3], points), np.float32)
    own = np.empty(points, np.float32)
    wide = columns[len(columns) - 1] - columns[0] + 1
    for i in range(n):
        least[:] = farthest
        own[:] = noise
        for k in range(len(displacements)):
            shift = displacements[k, 0] * width + displacements[k, 1]
            for channel in range(channels):
                plane = planes[i, channel].ravel()
                _add_squares(plane, first, last, shift, channel == 0, squares)
            least_of_bin = least[bin_of[k]]
            for r in range(len(rows)):
                given = squares[(rows[r] - rows[0]) * width :]
                _sum_squares(given, side, width, down, across[:wide])
                for c in range(len(columns)):
                    total = across[columns[c] - columns[0]] * share
                    point = r * len(columns) + c
                    least_of_bin[point] = min(least_of_bin[point], total)
                    if k < near:
                        own[point] = max(own[point], total)
        _stretch(least, own, flat, descriptors[i].reshape(points, -1))


@numba.njit(inline="always")
def _add_squares(
    plane: Array, first: int, last: int, shift: int, replace: bool, squares: Array
) -> None:
    """squares += squared differences of pixels and those displaced by shift; or = these."""
    here = plane[first:last]
    there = plane[first + shift : last + shift]
    if replace:
        for j in range(len(squares)):
            squares[j] = (here[j] - there[j]) * (here[j] - there[j])
    else:
        for j in range(len(squares)):
            squares[j] += (here[j] - there[j]) * (here[j] - there[j])


@numba.njit(inline="always")
def _sum_squares(squares: Array, side: int, width: int, down: Array, across: Array) -> None:
    """across = sums over neighbouring patches of side × side pixels of a flat plane (…, width)."""
    down[:] = np.float32(0)
    across[:] = np.float32(0)
    for dy in range(side):
        given = squares[dy * width :]
        for x in range(len(across) + side - 1):
            down[x] += given[x]
    for dx in range(side):
        given = down[dx:]
        for x in range(len(across)):
            across[x] += given[x]


@numba.njit(inline="always")
def _stretch(least: Array, own: Array, flat: np.float32, descriptors: Array) -> None:
    """descriptors (points, bins) = exp(−least / own), stretched to a range from 0 to nearly 1.

    least (bins, points) are the smallest differences, own (points,) what a difference is
    measured by.
    """
    for point in range(len(own)):
        descriptor = descriptors[point]
        for b in range(len(descriptor)):
            descriptor[b] = -least[b, point] / own[point]
        smallest = np.float32(1)
        largest = np.float32(0)
        for b in range(len(descriptor)):
            descriptor[b] = exponential(descriptor[b])
            smallest = min(smallest, descriptor[b])
            largest = max(largest, descriptor[b])
        scale = np.float32(1) / (largest - smallest + flat)
        for b in range(len(descriptor)):
            descriptor[b] = (descriptor[b] - smallest) * scale

"""Loops of local self-similarity."""

from typing import Any

import numba
import numpy as np

from halfspaces.features.loops.exponential import exponential


def similarities(
    planes: Any,
    side: int,
    noise: Any,
    rows: Any,
    columns: Any,
    away: Any,
    bin_of: Any,
    near: int,
    flat: Any,
    found: Any,
) -> None:
    """found (n, rows, columns, bins) = the largest similarity in each bin of displacements `away` (m, 2), stretched.

    The first `near` displacements say how much a patch differs from those next to it. Points are patches' corners.
    Planes are seen as flat, where a displacement is one number: what wraps around an edge belongs to no point's patch.
    """
    most = np.float32(1e12)
    n, channels, _, width = planes.shape
    points = len(rows) * len(columns)
    first = rows[0] * width + columns[0]
    last = (rows[len(rows) - 1] + side - 1) * width + columns[len(columns) - 1] + side
    share = np.float32(1 / (side * side * channels))
    squares = np.empty(last - first, np.float32)
    down, across = np.empty(width, np.float32), np.empty(width, np.float32)
    least, own = np.empty((found.shape[3], points), np.float32), np.empty(points, np.float32)
    wide = columns[len(columns) - 1] - columns[0] + 1
    for i in range(n):
        least[:] = most
        own[:] = noise
        for k in range(len(away)):
            moved = away[k, 0] * width + away[k, 1]
            for channel in range(channels):
                plane = planes[i, channel].ravel()
                here, there = plane[first:last], plane[first + moved : last + moved]
                if channel == 0:
                    for j in range(len(squares)):
                        squares[j] = (here[j] - there[j]) * (here[j] - there[j])
                else:
                    for j in range(len(squares)):
                        squares[j] += (here[j] - there[j]) * (here[j] - there[j])
            line = least[bin_of[k]]
            for r in range(len(rows)):
                _sum_squares(
                    squares[(rows[r] - rows[0]) * width :], side, width, down, across[:wide]
                )
                for c in range(len(columns)):
                    total, point = across[columns[c] - columns[0]] * share, r * len(columns) + c
                    line[point] = min(line[point], total)
                    if k < near:
                        own[point] = max(own[point], total)
        _stretch(least, own, flat, found[i].reshape(points, -1))


@numba.njit(inline="always")
def _sum_squares(squares: Any, side: int, width: int, down: Any, across: Any) -> None:
    """across = the sums over patches of side × side, side by side, of a flat plane (…, width)."""
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
def _stretch(least: Any, own: Any, flat: Any, found: Any) -> None:
    """found (points, bins) = similarities exp(−least / own), least (bins, points), stretched to from 0 to nearly 1."""
    for point in range(len(own)):
        made = found[point]
        for b in range(len(made)):
            made[b] = -least[b, point] / own[point]
        smallest, largest = np.float32(1), np.float32(0)
        for b in range(len(made)):
            made[b] = exponential(made[b])
            smallest, largest = min(smallest, made[b]), max(largest, made[b])
        scale = np.float32(1) / (largest - smallest + flat)
        for b in range(len(made)):
            made[b] = (made[b] - smallest) * scale

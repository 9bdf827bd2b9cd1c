"""Loops of local self-similarity."""

from typing import Any

import numpy as np


def similarities(
    planes: Any, side: int, noise: Any, rows: Any, columns: Any, away: Any, bin_of: Any, near: int, found: Any
) -> None:
    """found (n, rows, columns, bins) = the largest similarity in each bin of displacements `away` (m, 2).

    The first `near` displacements say how much a patch differs from those next to it. Points are patches' corners.
    """
    zero, one = np.float32(0), np.float32(1)
    share = one / np.float32(side * side * planes.shape[1])
    least = np.empty(found.shape[3], np.float32)
    for i in range(len(planes)):
        for r in range(len(rows)):
            for c in range(len(columns)):
                y, x = rows[r], columns[c]
                least[:] = np.float32(1e12)
                own = noise
                for k in range(len(away)):
                    v, u = y + away[k, 0], x + away[k, 1]
                    total = zero
                    for channel in range(planes.shape[1]):
                        plane = planes[i, channel]
                        for dy in range(side):
                            for dx in range(side):
                                difference = plane[y + dy, x + dx] - plane[v + dy, u + dx]
                                total += difference * difference
                    total *= share
                    least[bin_of[k]] = min(least[bin_of[k]], total)
                    if k < near:
                        own = max(own, total)
                for b in range(len(least)):
                    found[i, r, c, b] = np.exp(-least[b] / own)

"""Compiled loops over columns of X: sums down each column, and coordinate descent.

Column j holds the values `values[ends[j]:ends[j + 1]]` in the rows of the same numbers (CSC).
Every loop writes into its last arguments. A loop works on the columns that `columns` names.
"""

import numpy as np

from halfspaces.support.types import Array


def add_products(
    ends: Array, rows: Array, values: Array, columns: Array, moves: Array, scores: Array
) -> None:
    """Add Σ_k moves[k] · column k to scores (N,)."""
    for k in range(len(columns)):
        move = moves[k]
        if move != 0:
            for i in range(ends[columns[k]], ends[columns[k] + 1]):
                scores[rows[i]] += values[i] * move


def column_sums(
    ends: Array, rows: Array, values: Array, columns: Array, slopes: Array, sums: Array
) -> None:
    """Write ⟨column k, slopes⟩ of each column."""
    for k in range(len(columns)):
        total = 0.0
        for i in range(ends[columns[k]], ends[columns[k] + 1]):
            total += values[i] * slopes[rows[i]]
        sums[k] = total


def descend(
    ends: Array, rows: Array, values: Array, columns: Array, bend: Array, gradient: Array,
    start: Array, threshold: Array, ridge: Array, most_sweeps: int, accuracy: float,
    weights: Array, slopes: Array, violation: Array,
) -> None:  # fmt: skip
    """Coordinate descent on ⟨g, v⟩ + ⟨u, Xv⟩ + ½ Σ_i bend_i (Xv)_i² + ½ ridge w² + t |w|.

    v = w − start is the move of the weights w. Sweeps end when the largest violation of a condition
    of optimality is `accuracy` times that of the first sweep. Weights that stay at 0 are left out
    of the next sweeps, but for the last.

    Parameters
    ----------
    bend : array, shape (N,)
        The curvature of each row.
    gradient, start, threshold, ridge : arrays, shape (K,)
        g, of which the part of the ridge is that at `start`; w before; t; and 2r of the penalty.
    weights : array, shape (K,)
        w: the values to begin with, and the result.
    slopes : array, shape (N,)
        u + bend · X(w − start), for the w to begin with and then for the result.
    violation : array, shape (1,)
        The largest of the first sweep.
    """
    n = len(columns)
    squares = 0.0 * gradient
    resting = weights > np.inf  # none
    everything = True
    for sweep in range(most_sweeps):
        worst = 0.0
        for k in range(n):
            if resting[k] and not everything:
                continue
            first, last = ends[columns[k]], ends[columns[k] + 1]
            slope = 0.0
            for i in range(first, last):
                slope += values[i] * slopes[rows[i]]
            now = weights[k]
            slope += gradient[k] + ridge[k] * (now - start[k])
            wrong = abs(slope) - threshold[k]
            if now != 0:
                wrong = abs(slope + np.sign(now) * threshold[k])
            resting[k] = now == 0 and wrong <= 0
            if resting[k]:
                continue
            worst = max(worst, wrong)
            if squares[k] == 0:
                square = 0.0
                for i in range(first, last):
                    square += values[i] * values[i] * bend[rows[i]]
                squares[k] = max(square + ridge[k], 1e-30)
            pull = squares[k] * now - slope
            new = np.sign(pull) * max(abs(pull) - threshold[k], 0.0) / squares[k]
            move = new - now
            if move != 0:
                weights[k] = new
                for i in range(first, last):
                    slopes[rows[i]] += bend[rows[i]] * values[i] * move
        if sweep == 0:
            violation[0] = worst
        enough = worst <= accuracy * violation[0]
        if enough and everything:
            break
        everything = enough


def write_gram(
    ends: Array, rows: Array, values: Array, columns: Array, bend: Array, buffer: Array, Q: Array
) -> None:
    """Write Σ_i bend_i x_ij x_ik of all pairs of columns into Q (K, K).

    Give the columns by falling numbers of stored values: of each pair the shorter one is read, at
    once for four longer ones. `buffer` (N, 4) holds zeros, and does again at the end.
    """
    n = len(columns)
    for k in range(0, n, 4):
        together = min(4, n - k)
        for m in range(together):
            for i in range(ends[columns[k + m]], ends[columns[k + m] + 1]):
                buffer[rows[i], m] = bend[rows[i]] * values[i]
        for other in range(k, n):
            a = 0.0
            b = 0.0
            c = 0.0
            d = 0.0
            for i in range(ends[columns[other]], ends[columns[other] + 1]):
                row = rows[i]
                value = values[i]
                a += value * buffer[row, 0]
                b += value * buffer[row, 1]
                c += value * buffer[row, 2]
                d += value * buffer[row, 3]
            for m in range(together):
                total = a if m == 0 else b if m == 1 else c if m == 2 else d
                Q[k + m, other] = total
                Q[other, k + m] = total
        for m in range(together):
            for i in range(ends[columns[k + m]], ends[columns[k + m] + 1]):
                buffer[rows[i], m] = 0.0


def descend_gram(
    Q: Array, threshold: Array, most_sweeps: int, accuracy: float, weights: Array, slopes: Array,
    violation: Array,
) -> None:  # fmt: skip
    """Coordinate descent on ⟨g, w⟩ + ½ wᵀ Q w + t |w|, like `descend`.

    `slopes` (K,) hold g + Q w, for the weights to begin with and then for the result.
    """
    n = len(weights)
    for sweep in range(most_sweeps):
        worst = 0.0
        for k in range(n):
            slope = slopes[k]
            now = weights[k]
            wrong = abs(slope) - threshold[k]
            if now != 0:
                wrong = abs(slope + np.sign(now) * threshold[k])
            elif wrong <= 0:
                continue
            worst = max(worst, wrong)
            square = max(Q[k, k], 1e-30)
            pull = square * now - slope
            new = np.sign(pull) * max(abs(pull) - threshold[k], 0.0) / square
            move = new - now
            if move != 0:
                weights[k] = new
                for other in range(n):
                    slopes[other] += Q[k, other] * move
        if sweep == 0:
            violation[0] = worst
        if worst <= accuracy * violation[0]:
            break

"""Update rules as compiled loops: one visit to each entry of W, where arrays would take ten.

Each loop is the formula of a rule of `optimizers/update_rules.py`, for one member.
It reads the gradient as data + factor · slope, moves the slots and `last_move`, writes the
next W to `moved`, and adds the squares of W, of the move and of the gradient to `squares`.
The compiler vectorizes loops over few arrays only, so each statement has a loop of its own.
"""

# pyright: reportIndexIssue=false

import numba
import numpy as np

from halfspaces.support.types import Array

TILE = 2048  # entries at a time: they stay in the cache, and their squares are summed in W's type


def momentum(
    data: Array, slope: Array, W: Array, factor: float, step: float, decay: float,
    last_move: Array, moved: Array, squares: Array,
) -> None:  # fmt: skip
    """v ← ρ v − step · ∇L."""
    gradient = np.empty(TILE, W.dtype)
    for start in range(0, W.size, TILE):
        tile = slice(start, min(start + TILE, W.size))
        _add(data[tile], factor, slope[tile], gradient, squares)
        v = last_move[tile]
        for i in range(len(v)):
            v[i] = decay * v[i] - step * gradient[i]
        _move(W[tile], v, moved[tile], squares)


def by_squares(
    data: Array, slope: Array, W: Array, factor: float, step: float, old: float, new: float,
    epsilon: float, sums: Array, last_move: Array, moved: Array, squares: Array,
) -> None:  # fmt: skip
    """Adagrad and RMSProp: h ← old · h + new · ∇L², v = −step · ∇L/(√h + ε)."""
    gradient = np.empty(TILE, W.dtype)
    for start in range(0, W.size, TILE):
        tile = slice(start, min(start + TILE, W.size))
        _add(data[tile], factor, slope[tile], gradient, squares)
        h = sums[tile]
        v = last_move[tile]
        for i in range(len(v)):
            h[i] = old * h[i] + new * gradient[i] * gradient[i]
            v[i] = -step * gradient[i] / (np.sqrt(h[i]) + epsilon)
        _move(W[tile], v, moved[tile], squares)


def adam(
    data: Array, slope: Array, W: Array, factor: float, step: float, beta1: float, rest1: float,
    beta2: float, rest2: float, correction1: float, correction2: float, epsilon: float,
    means: Array, mean_squares: Array, last_move: Array, moved: Array, squares: Array,
) -> None:  # fmt: skip
    """m ← β₁ m + (1 − β₁) ∇L, h ← β₂ h + (1 − β₂) ∇L², v = −step · m/(√h + ε), corrected."""
    gradient = np.empty(TILE, W.dtype)
    for start in range(0, W.size, TILE):
        tile = slice(start, min(start + TILE, W.size))
        _add(data[tile], factor, slope[tile], gradient, squares)
        m = means[tile]
        h = mean_squares[tile]
        v = last_move[tile]
        for i in range(len(v)):
            m[i] = beta1 * m[i] + rest1 * gradient[i]
        for i in range(len(v)):
            h[i] = beta2 * h[i] + rest2 * gradient[i] * gradient[i]
        for i in range(len(v)):
            v[i] = -step * m[i] * correction1 / (np.sqrt(h[i] * correction2) + epsilon)
        _move(W[tile], v, moved[tile], squares)


@numba.njit(inline="always")
def _add(data: Array, factor: float, slope: Array, gradient: Array, squares: Array) -> None:
    """gradient = data + factor · slope; its square is added to the last of the squares."""
    steepness = gradient.dtype.type(0)
    for i in range(len(data)):
        gradient[i] = data[i] + factor * slope[i]
        steepness += gradient[i] * gradient[i]
    squares[2] += steepness


@numba.njit(inline="always")
def _move(W: Array, v: Array, moved: Array, squares: Array) -> None:
    """moved = W + v; the squares of W and v are added to the first two."""
    length = move_length = W.dtype.type(0)
    for i in range(len(W)):
        moved[i] = W[i] + v[i]
        length += W[i] * W[i]
        move_length += v[i] * v[i]
    squares[0] += length
    squares[1] += move_length

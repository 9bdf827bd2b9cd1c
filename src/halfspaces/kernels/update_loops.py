"""Update rules as compiled loops: one visit to each entry of W, where arrays would take ten.

Each loop is the formula of a rule of `optimizers/update_rules.py`, for one member.
It reads the gradient as the sum of `data` and `slope`, moves the slots and `last_move`, writes the
next W to `moved`, and adds the squares of W, of the move and of the gradient to `squares`.
"""

# pyright: reportIndexIssue=false

import numpy as np

from halfspaces.support.types import Array

TILE = 4096  # entries whose squares are summed in the precision of W


def momentum(
    data: Array, slope: Array, W: Array, step: float, decay: float,
    last_move: Array, moved: Array, squares: Array,
) -> None:  # fmt: skip
    """v ← ρ v − step · ∇L."""
    for start in range(0, W.size, TILE):
        length = move_length = steepness = W.dtype.type(0)
        for i in range(start, min(start + TILE, W.size)):
            gradient = data[i] + slope[i]
            move = decay * last_move[i] - step * gradient
            last_move[i] = move
            moved[i] = W[i] + move
            length += W[i] * W[i]
            move_length += move * move
            steepness += gradient * gradient
        squares[0] += length
        squares[1] += move_length
        squares[2] += steepness


def by_squares(
    data: Array, slope: Array, W: Array, step: float, old: float, new: float, epsilon: float,
    sums: Array, last_move: Array, moved: Array, squares: Array,
) -> None:  # fmt: skip
    """Adagrad and RMSProp: h ← old · h + new · ∇L², v = −step · ∇L/(√h + ε)."""
    for start in range(0, W.size, TILE):
        length = move_length = steepness = W.dtype.type(0)
        for i in range(start, min(start + TILE, W.size)):
            gradient = data[i] + slope[i]
            sums[i] = old * sums[i] + new * gradient * gradient
            move = -step * gradient / (np.sqrt(sums[i]) + epsilon)
            last_move[i] = move
            moved[i] = W[i] + move
            length += W[i] * W[i]
            move_length += move * move
            steepness += gradient * gradient
        squares[0] += length
        squares[1] += move_length
        squares[2] += steepness


def adam(
    data: Array, slope: Array, W: Array, step: float, beta1: float, rest1: float, beta2: float,
    rest2: float, correction1: float, correction2: float, epsilon: float,
    means: Array, mean_squares: Array, last_move: Array, moved: Array, squares: Array,
) -> None:  # fmt: skip
    """m ← β₁ m + (1 − β₁) ∇L, h ← β₂ h + (1 − β₂) ∇L², v = −step · m/(√h + ε), corrected."""
    for start in range(0, W.size, TILE):
        length = move_length = steepness = W.dtype.type(0)
        for i in range(start, min(start + TILE, W.size)):
            gradient = data[i] + slope[i]
            means[i] = beta1 * means[i] + rest1 * gradient
            mean_squares[i] = beta2 * mean_squares[i] + rest2 * gradient * gradient
            root = np.sqrt(mean_squares[i] * correction2) + epsilon
            move = -step * means[i] * correction1 / root
            last_move[i] = move
            moved[i] = W[i] + move
            length += W[i] * W[i]
            move_length += move * move
            steepness += gradient * gradient
        squares[0] += length
        squares[1] += move_length
        squares[2] += steepness

"""Steps on some weights of a quadratic model under soft thresholds: ½⟨v, Q v⟩ + ⟨g, v⟩ + Σ t|v|."""

import numpy as np
import scipy.linalg

from halfspaces.support.types import Array

HALVINGS = 8  # of a step


def cholesky(Q: Array) -> Array:
    """The Cholesky factor (lower), of Q + lift · I where rounding has made Q indefinite."""
    lift = 0.0
    while True:
        try:
            lifted = Q + lift * np.eye(len(Q)) if lift else Q
            return scipy.linalg.cholesky(lifted, lower=True, check_finite=False)
        except scipy.linalg.LinAlgError:
            lift = max(10 * lift, 1e-6 * float(np.mean(np.abs(np.diag(Q)))), 1e-300)


def projected_step(
    Q: Array, slopes: Array, at: Array, step: Array, sign: Array, threshold: Array
) -> Array | None:
    """The weights after the longest of step, step/2, ... that lowers the model; None if none does.

    Weights that would change sign stop at 0.
    """
    for _ in range(HALVINGS):
        moved = at + step
        moved = np.where((threshold > 0) & (moved * sign < 0), 0.0, moved)
        taken = moved - at
        change = slopes @ taken + 0.5 * taken @ Q @ taken + threshold @ (np.abs(moved) - np.abs(at))
        if change < 0:
            return moved
        step = 0.5 * step
    return None


def coordinate_descent(Q: Array, slopes: Array, at: Array, threshold: Array) -> Array:
    """The weights after one round over the coordinates.

    It lowers the model where no projected Newton step does.
    """
    moved = at.copy()
    slopes = slopes.copy()
    for j, curvature in enumerate(np.diag(Q)):
        pull = curvature * moved[j] - slopes[j]
        change = np.sign(pull) * max(abs(pull) - threshold[j], 0.0) / curvature - moved[j]
        if change != 0:
            slopes += change * Q[j]
            moved[j] = 0.0 if abs(pull) <= threshold[j] else moved[j] + change
    return moved


def violations(slopes: Array, at: Array, threshold: Array) -> Array:
    """The distance of −slope from the subdifferential of t|·|."""
    return np.where(
        at != 0,
        np.abs(slopes + threshold * np.sign(at)),
        np.maximum(np.abs(slopes) - threshold, 0.0),
    )

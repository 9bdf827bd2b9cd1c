"""Platt scaling: a logistic of each class's score."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.special import expit, log_expit

from halfspaces.estimators.calibration.base import Calibration, normalize
from halfspaces.estimators.calibration.checks import check_examples, check_scores
from halfspaces.estimators.finite import LARGEST
from halfspaces.support.types import Array
from halfspaces.support.validation import check_numbers

NEWTON_STEPS = 100  # about 8 are needed
FULL_STEP = 1e-10  # mean square of the change of z below which a full step needs no line search
ROUNDING = 1e-12  # of the largest score: smaller differences are rounding


@dataclass(frozen=True)
class Sigmoid(Calibration):
    """Platt scaling: p_c ∝ σ(a_c s_c + b_c), one logistic for each class against the rest.

    Two classes have one logistic of the difference: p_1 = σ(a (s_1 − s_0) + b), p_0 = 1 − p_1.
    `fit` minimizes for each class, by Newton's method with backtracking, the strictly convex

        F(a, b) = Σ_i w_i (log(1 + exp(z_i)) − T_i z_i) / Σ_i w_i,   z = a s + b

    with Platt's targets T: (N₊ + 1)/(N₊ + 2) for the N₊ examples of the class and 1/(N₋ + 2) for
    the N₋ others, so that a and b are finite even for separated scores. Unlike a temperature it
    corrects scores that favour a class, and it may change the order of the classes, and
    with it the predicted class. a may have any
    sign: it is negative for scores that say the opposite.

    The sum is normalized by logarithms: where every logistic underflows, the probabilities are
    still those of the formula, while scikit-learn returns equal ones.

    Parameters
    ----------
    slopes, offsets : tuples of floats
        a and b: one of each for two classes, C of each for C ≥ 3 classes.

    Raises
    ------
    ValueError, TypeError
        If slopes and offsets are not equally many finite numbers, one or at least three.

    References
    ----------
    Platt, Probabilistic outputs for support vector machines, 1999; Lin, Lin & Weng, A note on
    Platt's probabilistic outputs for support vector machines, 2007,
    https://doi.org/10.1007/s10994-007-5018-6; several classes as in Zadrozny & Elkan, Transforming
    classifier scores into accurate multiclass probability estimates, 2002,
    https://doi.org/10.1145/775047.775151

    Examples
    --------
    >>> scores = [[0.0, -2.0], [0.0, -1.0], [0.0, 1.0], [0.0, 2.0]]
    >>> calibration = Sigmoid.fit(scores, [0, 1, 0, 1])
    >>> calibration.probabilities([[0.0, 0.0], [1.0, 3.0]]).round(3).tolist()
    [[0.5, 0.5], [0.4, 0.6]]
    """

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("slopes", "offsets"):
            given = getattr(self, name)
            check_numbers(f"Sigmoid({name}=...)", given)
            numbers = tuple(map(float, np.ravel(given)))
            object.__setattr__(self, name, numbers)  # a tuple: comparable and hashable
        if len(self.slopes) != len(self.offsets) or len(self.slopes) in (0, 2):
            raise ValueError(
                "Sigmoid(slopes=..., offsets=...) must have one number each for two classes, "
                f"C each for C ≥ 3 classes; got {len(self.slopes)} slopes and "
                f"{len(self.offsets)} offsets."
            )

    @classmethod
    def fit(cls, scores: Any, y: Any, weight: Any = None) -> Self:
        """A logistic for each class; see `Calibration.fit` for the parameters and errors.

        Every class must occur in y with a positive weight.
        """
        scores, y, weight = check_examples(scores, y, weight)
        n_classes = scores.shape[1]
        absent = np.flatnonzero(np.bincount(y, weight, minlength=n_classes) == 0)
        if len(absent):
            raise ValueError(
                f"Sigmoid.fit needs examples of every class, but class {absent[0]} of 0 to "
                f"{n_classes - 1} has none with a positive weight; give scores of all classes, "
                "or use Temperature."
            )
        if n_classes == 2:
            slope, offset = _platt(_difference(scores), y == 1, weight)
            return cls((slope,), (offset,))
        lines = [_platt(scores[:, c], y == c, weight) for c in range(n_classes)]
        return cls(tuple(slope for slope, _ in lines), tuple(offset for _, offset in lines))

    def log_probabilities(self, scores: Any) -> Array:
        """Logarithms of the logistics minus that of their sum, shape (N, C)."""
        scores = check_scores(scores)
        n_classes = max(2, len(self.slopes))
        if scores.shape[1] != n_classes:
            raise ValueError(
                f"scores has {scores.shape[1]} columns, but the calibration was fitted to "
                f"{n_classes} classes; give {n_classes} columns."
            )
        lines = _difference(scores)[:, None] if n_classes == 2 else scores.astype(np.float64)
        with np.errstate(over="ignore"):
            lines = np.clip(lines * self.slopes + self.offsets, -LARGEST, LARGEST)
        if n_classes == 2:
            return log_expit(np.hstack([-lines, lines]))
        return normalize(log_expit(lines))


def _difference(scores: Array) -> Array:
    """s_1 − s_0 in float64."""
    return scores[:, 1].astype(np.float64) - scores[:, 0]


def _platt(score: Array, positive: Array, weight: Array) -> tuple[float, float]:
    """Slope and offset that minimize F for one class's scores (N,) against the rest."""
    count = weight.sum()
    n_positive = weight[positive].sum()
    n_negative = weight[~positive].sum()
    target = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    weight = weight / count
    score = score.astype(np.float64)
    center = float(weight @ score)
    centered = score - center
    scale = float(weight @ np.abs(centered))
    if scale <= ROUNDING * np.abs(score).max():
        scale = 1.0
        centered = np.zeros_like(score)
    start = np.array([0.0, np.log((n_positive + 1) / (n_negative + 1))])
    slope, offset = _newton(centered / scale, target, weight, start)
    return float(slope / scale), float(offset - slope / scale * center)


def _newton(u: Array, target: Array, weight: Array, line: Array) -> Array:
    """argmin of the mean of log(1 + exp(z)) − target · z over lines z = line[0] u + line[1]."""

    def value(line: Array) -> float:
        z = line[0] * u + line[1]
        return float(weight @ (np.logaddexp(0, z) - target * z))

    here = value(line)
    for _ in range(NEWTON_STEPS):
        gradient, hessian = _derivatives(u, target, weight, line)
        step = -np.linalg.solve(hessian, gradient)
        # Twice the decrease of the quadratic model: the mean of curvature · (change of z)².
        decrease = float(-gradient @ step)
        if decrease <= FULL_STEP * hessian[1, 1]:  # a line search would compare rounding errors
            return line + step
        length = 1.0
        while value(line + length * step) > here - 1e-4 * length * decrease:
            length /= 2
        line = line + length * step
        here = value(line)
    return line


def _derivatives(u: Array, target: Array, weight: Array, line: Array) -> tuple[Array, Array]:
    """Gradient (2,) and Hessian (2, 2) in slope and offset; for constant u the slope stays."""
    p = expit(line[0] * u + line[1])
    residual = weight * (p - target)
    curvature = weight * p * (1 - p)
    gradient = np.array([residual @ u, residual.sum()])
    cross = curvature @ u
    hessian = np.array([[curvature @ u**2, cross], [cross, curvature.sum()]])
    diagonal = hessian.diagonal()
    return gradient, hessian + np.diag(np.where(diagonal > 0, ROUNDING * diagonal, 1.0))

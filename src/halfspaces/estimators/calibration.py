"""Calibrations: scores of any loss become probabilities, by one or two numbers learned from out-of-fold scores.

A calibration is fitted to scores (N, C) of examples that the classifier was not fitted on, such as those that the folds
of a sweep left out, and their labels (N,). It is a few numbers, printable, comparable and easily saved, and it knows
nothing of the classifier. Weights count repetitions: a weight of 2 is the same as the row twice. So the sum of the
weights, not their proportions alone, matters to `Sigmoid`, and to `Temperature` where no example is on the wrong side.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit

from halfspaces.support.types import Array
from halfspaces.support.validation import LARGEST, check_number, check_numbers

BLOCK = 1 << 18  # scores at a time as float64: they fit the cache, and no copy of all is made
SMALLEST_SPREAD, LARGEST_SPREAD = (
    1e-3,
    1e12,
)  # of t · scores within an example: as good as uniform, as good as sure
NEWTON_STEPS = 100  # about 8 are needed
SURE_STEP = 1e-10  # mean square of a move of z; below, Newton's step ends all but at rounding
NOTHING_BUT_ROUNDING = 1e-12  # of the largest score


class Calibration(ABC):
    """How scores (N, C) become probabilities (N, C); `fit` learns one from out-of-fold scores.

    A new calibration is one frozen dataclass with `fit` and `log_probabilities` and one row in `CALIBRATIONS`.
    """

    @classmethod
    @abstractmethod
    def fit(cls, scores: Any, y: Any, weight: Any = None) -> Self:
        """The calibration of these scores.

        Parameters
        ----------
        scores : array of finite numbers, shape (N, C), C ≥ 2
            Of examples that the classifier was not fitted on. Read in blocks, in any precision.
        y : array of integers, shape (N,)
            The right classes, 0 to C−1.
        weight : array, shape (N,), or None
            At least 0 and not all 0; a weight of 2 is the same as the row twice.

        Raises
        ------
        ValueError, TypeError
            One sentence for scores that are not finite (or beyond 1e100), labels that are no classes, negative weights
            or nothing but zeros, shapes that do not fit.
        """

    @abstractmethod
    def log_probabilities(self, scores: Any) -> Array:
        """Logarithms of the probabilities, float64 of shape (N, C): finite where the probabilities underflow."""

    def probabilities(self, scores: Any) -> Array:
        """Probabilities of the classes, float64 of shape (N, C); each row sums to 1.

        Raises
        ------
        ValueError, TypeError
            If the scores are not finite, or not those of as many classes as the calibration knows.
        """
        return np.exp(self.log_probabilities(scores))


@dataclass(frozen=True)
class Temperature(Calibration):
    """Softmax of scaled scores: p = softmax(t · s) with one t > 0, which leaves the order of the classes as it is.

    `fit` minimizes the mean log-loss, a convex function of t:

        f(t) = Σ_i w_i (log Σ_j exp(t s_ij) − t s_iy) / Σ_i w_i

    It has no minimum where no example has a score above that of its right class: f falls forever. The targets are then
    smoothed as Platt's are: Σw + 1 of Σw + 2 at the right class, the rest shared by the others. Scores that say
    nothing, or the opposite, would make t = 0: t is kept so large that t · s differs by 0.001 within some example (and
    by no more than 1e12), so that the probabilities are all but uniform and still have the order of the scores. Where
    all scores of each example are equal, t = 1.

    Parameters
    ----------
    inverse_temperature : float > 0
        t; 1 is softmax of the scores as they are.

    Raises
    ------
    ValueError, TypeError
        If `inverse_temperature` is not a number above 0.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger, On calibration of modern neural networks, ICML 2017, https://arxiv.org/abs/1706.04599

    Examples
    --------
    Scores of 3 that are wrong once in four times claim too much; a logit of ln 3 is right:

    >>> scores = [[3.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 0.0]]
    >>> calibration = Temperature.fit(scores, [0, 0, 0, 1])
    >>> calibration.probabilities([[3.0, 0.0]]).round(4).tolist()
    [[0.75, 0.25]]
    """

    inverse_temperature: float = 1.0

    def __post_init__(self) -> None:
        check_number("Temperature(inverse_temperature=...)", self.inverse_temperature, above=0)

    @classmethod
    def fit(cls, scores: Any, y: Any, weight: Any = None) -> Self:
        """The t of least log-loss; see `Calibration.fit` for the parameters and errors.

        A class may be absent from y.
        """
        scores, y, weight = _checked(scores, y, weight)
        count = weight.sum()
        weight = weight / count
        spread, mean_spread, highest = _spreads(scores, y, weight)
        if spread < 1 / LARGEST:
            return cls()
        smoothing = 1 / ((count + 2) * (scores.shape[1] - 1)) if highest == 0 else 0.0

        def slope(t: float) -> float:
            """df/dt: Σ_j (p_j − target_j)(s_j − s_y), where the right class adds nothing."""
            total = 0.0
            for margins, w in _margins(scores, y, weight):
                p = _softmax(t * margins)
                p -= smoothing
                total += float(w @ np.einsum("ij,ij->i", p, margins))
            return total

        low, limit = SMALLEST_SPREAD / spread, LARGEST_SPREAD / spread
        if slope(low) >= 0:
            return cls(low)
        high = min(1 / max(mean_spread, 1 / limit), limit)
        while slope(high) < 0:
            if high == limit:
                return cls(limit)
            low, high = high, min(4 * high, limit)
        root: Any = brentq(slope, low, high, xtol=low * 1e-13, rtol=np.float64(1e-13))
        return cls(float(root))

    def log_probabilities(self, scores: Any) -> Array:
        """t s_j − log Σ exp(t s), shape (N, C)."""
        scaled = _checked_scores(scores).astype(np.float64)
        scaled -= scaled.max(axis=1, keepdims=True)
        with np.errstate(over="ignore"):  # to −inf, where p is 0
            scaled *= self.inverse_temperature
        return _normalized(scaled)


@dataclass(frozen=True)
class Sigmoid(Calibration):
    """Platt scaling: a logistic of each class's score against the rest, p_c ∝ σ(a_c s_c + b_c), made to sum to 1.

    Two classes have one logistic of the difference: p_1 = σ(a (s_1 − s_0) + b), p_0 = 1 − p_1. `fit` minimizes for each
    class, by Newton's method with backtracking, the strictly convex

        F(a, b) = Σ_i w_i (log(1 + exp(z_i)) − T_i z_i) / Σ_i w_i,   z = a s + b

    with Platt's targets T, (N₊ + 1)/(N₊ + 2) for the N₊ examples of the class and 1/(N₋ + 2) for the N₋ others, so that
    a and b are finite even for separated scores. Unlike a temperature it corrects scores that favour a class, and may
    change the order of the classes. Nothing bounds a: scores that say the opposite get a negative one.

    Sums are normalized by their logarithms. Where every logistic underflows, the probabilities are still those of the
    formula, while scikit-learn answers with equal ones.

    Parameters
    ----------
    slopes, offsets : tuples of floats
        a and b, one of each for two classes and C for C ≥ 3 classes.

    Raises
    ------
    ValueError, TypeError
        If the slopes and offsets are not as many finite numbers, one or at least three.

    References
    ----------
    Platt, Probabilistic outputs for support vector machines, 1999; Lin, Lin & Weng, A note on Platt's probabilistic
    outputs for support vector machines, 2007, https://doi.org/10.1007/s10994-007-5018-6; several classes as in Zadrozny
    & Elkan, Transforming classifier scores into accurate multiclass probability estimates, 2002,
    https://doi.org/10.1145/775047.775151

    Examples
    --------
    >>> calibration = Sigmoid.fit([[0.0, -2.0], [0.0, -1.0], [0.0, 1.0], [0.0, 2.0]], [0, 1, 0, 1])
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
            object.__setattr__(
                self, name, numbers
            )  # lists and arrays become tuples: comparable, hashable
        if len(self.slopes) != len(self.offsets) or len(self.slopes) in (0, 2):
            raise ValueError(
                "Sigmoid(slopes=..., offsets=...) must have one number each for two classes, C each for C ≥ 3 classes; "
                f"got {len(self.slopes)} slopes and {len(self.offsets)} offsets."
            )

    @classmethod
    def fit(cls, scores: Any, y: Any, weight: Any = None) -> Self:
        """A logistic for each class; see `Calibration.fit` for the parameters and errors.

        Every class must occur in y with a positive weight.
        """
        scores, y, weight = _checked(scores, y, weight)
        n_classes = scores.shape[1]
        absent = np.flatnonzero(np.bincount(y, weight, minlength=n_classes) == 0)
        if len(absent):
            raise ValueError(
                f"Sigmoid.fit needs examples of every class, but class {absent[0]} of 0 to {n_classes - 1} has none "
                "with a positive weight; give scores of all classes, or use Temperature."
            )
        if n_classes == 2:
            slope, offset = _platt(_difference(scores), y == 1, weight)
            return cls((slope,), (offset,))
        lines = [_platt(scores[:, c], y == c, weight) for c in range(n_classes)]
        return cls(tuple(slope for slope, _ in lines), tuple(offset for _, offset in lines))

    def log_probabilities(self, scores: Any) -> Array:
        """Logarithms of the logistics less that of their sum, shape (N, C)."""
        scores = _checked_scores(scores)
        n_classes = max(2, len(self.slopes))
        if scores.shape[1] != n_classes:
            raise ValueError(
                f"scores has {scores.shape[1]} columns, but the calibration was fitted to {n_classes} classes; "
                f"give {n_classes} columns."
            )
        lines = _difference(scores)[:, None] if n_classes == 2 else scores.astype(np.float64)
        with np.errstate(over="ignore"):
            lines = np.clip(lines * self.slopes + self.offsets, -LARGEST, LARGEST)
        if n_classes == 2:
            return log_expit(np.hstack([-lines, lines]))
        return _normalized(log_expit(lines))


CALIBRATIONS: dict[str, type[Calibration]] = {"temperature": Temperature, "sigmoid": Sigmoid}


def expected_calibration_error(
    probabilities: Any, y: Any, *, bins: int = 15, weight: Any = None
) -> float:
    """How far confidence is from accuracy, on average: Σ_b (w_b / Σ w) |accuracy_b − confidence_b|.

    The confidence of an example is its largest probability, and it is right where that is the right class's. Examples
    are sorted by confidence into bins of equal width, (0, 1/bins] to (1 − 1/bins, 1].

    Parameters
    ----------
    probabilities : array, shape (N, C)
    y : array of integers, shape (N,)
    bins : int ≥ 1
    weight : array, shape (N,), or None

    Returns
    -------
    float between 0, calibrated, and 1

    Raises
    ------
    ValueError, TypeError
        If a probability is outside [0, 1], and as `Calibration.fit`.

    References
    ----------
    Naeini, Cooper & Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015,
    https://doi.org/10.1609/aaai.v29i1.9602; Guo et al., 2017, https://arxiv.org/abs/1706.04599

    Examples
    --------
    Sure of 80 %, right in half of the cases:

    >>> round(expected_calibration_error([[0.8, 0.2], [0.8, 0.2]], [0, 1]), 4)
    0.3
    """
    check_number("expected_calibration_error(bins=...)", bins, at_least=1, integer=True)
    p, y, weight = _checked(probabilities, y, weight, name="probabilities")
    if p.min() < 0 or p.max() > 1 + 1e-6:
        raise ValueError(
            f"probabilities must be between 0 and 1, got {p.min():g} to {p.max():g}; calibrate scores first."
        )
    confidence = p.max(axis=1).astype(np.float64)
    excess = weight * (confidence - (p.argmax(axis=1) == y))
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(bin_of, excess)).sum() / weight.sum())


def _normalized(logarithms: Array) -> Array:
    """Less that of their sum, in their own memory; less the largest first, beside which the sum would be lost."""
    logarithms -= logarithms.max(axis=1, keepdims=True)
    logarithms -= np.log(np.exp(logarithms).sum(axis=1, keepdims=True))
    return logarithms


# --- temperature --------------------------------------------------------------------------------------------------


def _margins(scores: Array, y: Array, weight: Array) -> Iterator[tuple[Array, Array]]:
    """Blocks of scores less that of the right class, in float64, and their weights; rows without weight left out."""
    rows = max(1, BLOCK // scores.shape[1])
    for start in range(0, len(y), rows):
        part = start + np.flatnonzero(weight[start : start + rows])
        if len(part):
            block = scores[part].astype(np.float64)
            yield block - block[np.arange(len(part)), y[part], None], weight[part]


def _spreads(scores: Array, y: Array, weight: Array) -> tuple[float, float, float]:
    """Difference of the scores within an example, the largest and the mean, and the largest score above the right."""
    spread = mean = highest = 0.0  # the right class itself is not above
    for margins, w in _margins(scores, y, weight):
        ranges = np.ptp(margins, axis=1)
        spread, mean = max(spread, float(ranges.max())), mean + float(w @ ranges)
        highest = max(highest, float(margins.max()))
    return spread, mean, highest


def _softmax(scores: Array) -> Array:
    """Probabilities, in the memory of the scores."""
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


# --- sigmoid ------------------------------------------------------------------------------------------------------


def _difference(scores: Array) -> Array:
    """s_1 − s_0 in float64."""
    return scores[:, 1].astype(np.float64) - scores[:, 0]


def _platt(score: Array, positive: Array, weight: Array) -> tuple[float, float]:
    """Slope and offset of least F for one class's scores (N,) against the rest."""
    count = weight.sum()
    n_positive = weight[positive].sum()
    n_negative = weight[~positive].sum()
    target = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    weight = weight / count
    score = score.astype(np.float64)
    center = float(weight @ score)
    centered = score - center
    scale = float(weight @ np.abs(centered))
    if scale <= NOTHING_BUT_ROUNDING * np.abs(score).max():
        scale, centered = 1.0, np.zeros_like(score)
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
        decrease = float(
            -gradient @ step
        )  # twice what the quadratic model promises; the mean of curvature · move²
        if (
            decrease <= SURE_STEP * hessian[1, 1]
        ):  # no more searching: smaller decreases drown in rounding
            return line + step
        length = 1.0
        while value(line + length * step) > here - 1e-4 * length * decrease:
            length /= 2
        line = line + length * step
        here = value(line)
    return line


def _derivatives(u: Array, target: Array, weight: Array, line: Array) -> tuple[Array, Array]:
    """Gradient (2,) and Hessian (2, 2) in slope and offset; u without spread leaves the slope alone."""
    p = expit(line[0] * u + line[1])
    residual, curvature = weight * (p - target), weight * p * (1 - p)
    gradient = np.array([residual @ u, residual.sum()])
    cross = curvature @ u
    hessian = np.array([[curvature @ u**2, cross], [cross, curvature.sum()]])
    diagonal = hessian.diagonal()
    return gradient, hessian + np.diag(np.where(diagonal > 0, NOTHING_BUT_ROUNDING * diagonal, 1.0))


# --- checks -------------------------------------------------------------------------------------------------------


def _checked_scores(scores: Any, name: str = "scores") -> Array:
    scores = np.asarray(scores)
    if scores.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be an array of real numbers, got one of {scores.dtype}.")
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ValueError(
            f"{name} must have shape (N, C) with a column for each of C ≥ 2 classes, got shape {scores.shape}."
        )
    rows = max(1, BLOCK // scores.shape[1])
    for start in range(0, len(scores), rows):
        block = scores[start : start + rows].astype(np.float64)
        usable = np.abs(block) <= LARGEST
        if not usable.all():
            row, column = np.argwhere(~usable)[0]
            raise ValueError(
                f"{name} must be finite and at most {LARGEST:g} in size, got {block[row, column]:g} at row "
                f"{start + row}, column {column}; leave such rows out."
            )
    return scores


def _checked(scores: Any, y: Any, weight: Any, name: str = "scores") -> tuple[Array, Array, Array]:
    """Scores (N, C) as they came, labels (N,) as integers, weights (N,) as float64."""
    scores = _checked_scores(scores, name)
    y = np.asarray(y)
    if y.dtype.kind not in "iu":
        raise TypeError(
            f"y must hold class numbers, integers from 0 to C−1, got an array of {y.dtype}."
        )
    n_rows, n_classes = scores.shape
    if n_rows == 0 or y.shape != (n_rows,):
        raise ValueError(
            f"y must have one label for each row of {name}, at least one, got {y.shape} for {n_rows} rows."
        )
    stranger = (y < 0) | (y >= n_classes)
    if stranger.any():
        row = int(np.argmax(stranger))
        raise ValueError(
            f"y[{row}] = {y[row]} is no class: {name} has {n_classes} columns, so labels are 0 to {n_classes - 1}."
        )
    return scores, y.astype(np.intp), _checked_weight(weight, n_rows)


def _checked_weight(weight: Any, n_rows: int) -> Array:
    weight = np.ones(n_rows) if weight is None else np.asarray(weight)
    if weight.dtype.kind not in "fiub":
        raise TypeError(f"weight must be an array of real numbers, got one of {weight.dtype}.")
    weight = weight.astype(np.float64)
    if weight.shape != (n_rows,):
        raise ValueError(
            f"weight must have one number for each of {n_rows} rows, got shape {weight.shape}."
        )
    unusable = ~((weight >= 0) & (weight <= LARGEST))
    if unusable.any():
        row = int(np.argmax(unusable))
        raise ValueError(f"weight must be finite and at least 0, got {weight[row]:g} at row {row}.")
    if not weight.any():
        raise ValueError("weight must not be 0 everywhere; give some row a positive weight.")
    return weight

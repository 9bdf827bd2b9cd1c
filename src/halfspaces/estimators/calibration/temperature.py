"""Temperature scaling: one factor for all scores."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from scipy.optimize import brentq

from halfspaces.estimators.calibration.base import Calibration, normalize
from halfspaces.estimators.calibration.checks import BLOCK, check_examples, check_scores
from halfspaces.estimators.finite import LARGEST
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

SMALLEST_SPREAD = 1e-3  # of t · scores within an example: probabilities are nearly uniform
LARGEST_SPREAD = 1e12  # the same: probabilities are nearly 0 or 1


@dataclass(frozen=True)
class Temperature(Calibration):
    """Softmax of scaled scores, p = softmax(t · s) with one t > 0: the order of classes stays.

    `fit` minimizes the mean log-loss, a convex function of t:

        f(t) = Σ_i w_i (log Σ_j exp(t s_ij) − t s_iy) / Σ_i w_i

    Where no example has a larger score than that of its right class, f falls forever and has no
    minimum. The targets are then smoothed as Platt's are: (Σw + 1)/(Σw + 2) for the right class,
    the rest shared by the others. Scores without information, or with the opposite of it, would
    give t = 0; t is kept so large that t · s differs by 0.001 within some example (and so small
    that it differs by at most 1e12), so that the probabilities are nearly uniform and keep the
    order of the scores. If all scores of each example are equal, t = 1.

    Parameters
    ----------
    inverse_temperature : float > 0
        t; 1 is the softmax of the scores as they are.

    Raises
    ------
    ValueError, TypeError
        If `inverse_temperature` is not a number above 0.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger, On calibration of modern neural networks, ICML 2017,
    https://arxiv.org/abs/1706.04599

    Examples
    --------
    Scores of 3 that are wrong once in four times are too confident; a logit of ln 3 is right:

    >>> scores = [[3.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 0.0]]
    >>> calibration = Temperature.fit(scores, [0, 0, 0, 1])
    >>> calibration.probabilities([[3.0, 0.0]]).round(4).tolist()
    [[0.75, 0.25]]
    """

    keeps_order: ClassVar[bool] = True

    inverse_temperature: float = 1.0

    def __post_init__(self) -> None:
        check_number("Temperature(inverse_temperature=...)", self.inverse_temperature, above=0)

    @classmethod
    def fit(cls, scores: Any, y: Any, weight: Any = None) -> Self:
        """The t with the least log-loss; see `Calibration.fit` for the parameters and errors.

        A class may be absent from y.
        """
        scores, y, weight = check_examples(scores, y, weight)
        count = weight.sum()
        weight = weight / count
        spreads = _spreads(scores, y, weight)
        if spreads.largest < 1 / LARGEST:
            return cls()
        separated = spreads.highest == 0
        smoothing = 1 / ((count + 2) * (scores.shape[1] - 1)) if separated else 0.0

        def slope(t: float) -> float:
            """df/dt = Σ_j (p_j − target_j)(s_j − s_y), to which the right class adds nothing."""
            total = 0.0
            for margins, w in margin_blocks(scores, y, weight):
                p = _softmax(t * margins)
                p -= smoothing
                total += float(w @ np.einsum("ij,ij->i", p, margins))
            return total

        low = SMALLEST_SPREAD / spreads.largest
        limit = LARGEST_SPREAD / spreads.largest
        if slope(low) >= 0:
            return cls(low)
        high = min(1 / max(spreads.mean, 1 / limit), limit)
        while slope(high) < 0:
            if high == limit:
                return cls(limit)
            low = high
            high = min(4 * high, limit)
        root: Any = brentq(slope, low, high, xtol=low * 1e-13, rtol=np.float64(1e-13))
        return cls(float(root))

    def log_probabilities(self, scores: Any) -> Array:
        """t s_j − log Σ exp(t s), shape (N, C)."""
        scaled = check_scores(scores).astype(np.float64)
        scaled -= scaled.max(axis=1, keepdims=True)
        with np.errstate(over="ignore"):  # to −inf, where p is 0
            scaled *= self.inverse_temperature
        return normalize(scaled)


def margin_blocks(
    scores: Array, y: Array, weight: Array, *, block: int = BLOCK
) -> Iterator[tuple[Array, Array]]:
    """Scores minus that of the right class, in float64, and weights, some rows at a time.

    Rows of weight 0 are left out. `block` is the number of scores at a time.
    """
    rows = max(1, block // scores.shape[1])
    for start in range(0, len(y), rows):
        part = start + np.flatnonzero(weight[start : start + rows])
        if len(part):
            values = scores[part].astype(np.float64)
            yield values - values[np.arange(len(part)), y[part], None], weight[part]


class _Spreads(NamedTuple):
    """Differences of the scores within an example; the largest excess over the right score."""

    largest: float
    mean: float
    highest: float


def _spreads(scores: Array, y: Array, weight: Array) -> _Spreads:
    largest = 0.0
    mean = 0.0
    highest = 0.0  # that of the right class itself
    for margins, w in margin_blocks(scores, y, weight):
        ranges = np.ptp(margins, axis=1)
        largest = max(largest, float(ranges.max()))
        mean += float(w @ ranges)
        highest = max(highest, float(margins.max()))
    return _Spreads(largest, mean, highest)


def _softmax(scores: Array) -> Array:
    """Probabilities, computed in place."""
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores

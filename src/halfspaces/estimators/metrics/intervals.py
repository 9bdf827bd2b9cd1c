"""95 % intervals: of shares, of means of shares, and of means."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

import numpy as np

from halfspaces.support.types import Array

Z = 1.959963984540054  # half the width of a 95 % interval, in standard errors
PROBABILITY = 0.975  # below the upper end

Number = TypeVar("Number", float, Array)


@dataclass(frozen=True)
class Figure:
    """A figure and the ends of its 95 % interval.

    >>> print(Figure(0.5, 0.25, 0.75))
    0.5 (0.25 to 0.75)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


def wilson(p: Number, n: Number | float) -> tuple[Number, Number]:
    """Wilson's 95 % interval of a probability: `p` is the part of `n` rows that is right.

    (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n), z = 1.96. It has a width and lies within
    0 and 1, also where all rows are right or wrong.

    Wilson, Probable inference, the law of succession, and statistical inference, 1927,
    https://doi.org/10.1080/01621459.1927.10502953

    >>> [round(float(end), 3) for end in wilson(1.0, 10)]
    [0.722, 1.0]
    """
    middle = p + Z**2 / (2 * n)
    half = Z * np.sqrt(p * (1 - p) / n + (Z / (2 * n)) ** 2)
    scale = 1 + Z**2 / n
    low = np.clip((middle - half) / scale, 0.0, p)
    high = np.clip((middle + half) / scale, p, 1.0)
    return cast("Number", low), cast("Number", high)


def effective_rows(weight: Array) -> float:
    """The number of equal weights that tell as much: (Σ w)² / Σ w².

    >>> effective_rows(np.array([2.0, 2.0, 0.0]))
    2.0
    """
    return float(weight.sum() ** 2 / (weight @ weight))


def of_share(right: Array, weight: Array) -> Figure:
    """The weighted part of rows (N,) that are right, with Wilson's interval."""
    share = float(weight @ right / weight.sum())
    low, high = wilson(share, effective_rows(weight))
    return Figure(share, float(low), float(high))


def of_logit(value: float, influence: Array, rows: float) -> Figure:
    """A figure between 0 and 1 that depends smoothly on the rows, such as an average precision.

    logit(v) ± t e/(v (1 − v)), where e² = Σ (influence)² · n/(n − 1) and t is the quantile of n − 1
    degrees of freedom: a few rows, n of them, decide. Wilson's interval of n rows where the value
    is 0 or 1.

    Parameters
    ----------
    value : float
    influence : array, shape (N,)
        Of each row: its weight times the derivative of the figure in the weight.
    rows : float
        n.
    """
    from scipy.special import expit, logit, stdtrit

    spread = value * (1 - value)
    if spread <= 0 or rows <= 1:
        low, high = wilson(value, rows)
        return Figure(value, float(low), float(high))
    error = float(np.linalg.norm(influence)) * np.sqrt(rows / (rows - 1))
    half = float(stdtrit(rows - 1, PROBABILITY)) * error / spread
    middle = logit(value)
    return Figure(value, float(expit(middle - half)), float(expit(middle + half)))


def of_mean(values: Array, weight: Array) -> Figure:
    """The weighted mean of values (N,) ≥ 0, m exp(± 1.96 e/m), where e is its standard error.

    On the scale of logarithms, since such means are skewed: a few rows have large values.

    >>> print(of_mean(np.array([1.0, 2.0, 3.0]), np.ones(3)))
    2 (1.26 to 3.174)
    """
    total = weight.sum()
    mean = float(weight @ values / total)
    error = float(np.linalg.norm(weight * (values - mean)) / total)
    if mean <= 0:
        return Figure(mean, mean, mean)
    factor = float(np.exp(Z * error / mean))
    return Figure(mean, mean / factor, mean * factor)


def root_between(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that has different signs at `low` and `high` is 0."""
    from scipy.optimize import brentq

    root, _ = brentq(function, low, high, full_output=True)
    return float(root)


class Shares(NamedTuple):
    """Shares (K,) with the ends of their intervals (K,)."""

    value: Array
    low: Array
    high: Array


class Touched(NamedTuple):
    """The share that each row changes (N,), and its influence on it (N,)."""

    share: Array
    influence: Array


def of_mean_of_shares(shares: Shares, touched: Sequence[Touched]) -> Figure:
    """The mean m of K shares that may depend on each other: the wider of two intervals.

    One is Wilson's, for as many rows as would give a share of this value the same variance, as of
    shares of rows in clusters. The other is by the method of variance estimates: its lower end is
    m − √(Σ_jk r_jk d_j d_k)/K, where d_k is the distance of a share from the lower end of its own
    interval, and r_jk the correlation of two shares; likewise the upper end. So a share of 1 of few
    rows, whose variance seems to be 0, still adds its width.

    Parameters
    ----------
    shares : Shares
    touched : sequence of Touched
        A row may change several shares.

    References
    ----------
    Dean & Pagano, Evaluating confidence interval methods for binomial proportions in clustered
    surveys, 2015, https://doi.org/10.1093/jssam/smv024; Zou & Donner, Construction of confidence
    limits about effect measures: a general approach, 2008, https://doi.org/10.1002/sim.3095
    """
    mean = float(shares.value.mean())
    low = mean - _half(shares.value - shares.low, touched)
    high = mean + _half(shares.high - shares.value, touched)
    variance = float(np.sum(sum(part.influence for part in touched) ** 2)) / len(shares.value) ** 2
    spread = mean * (1 - mean)
    if min(variance, spread) > 0:
        wider = wilson(mean, spread / variance)
        low = min(low, float(wider[0]))
        high = max(high, float(wider[1]))
    return Figure(mean, max(low, 0.0), min(high, 1.0))


def _half(distance: Array, touched: Sequence[Touched]) -> float:
    """√(Σ_jk r_jk d_j d_k)/K of distances (K,); a share that nothing seems to vary is alone."""
    count = len(distance)
    parts = [np.bincount(part.share, part.influence**2, minlength=count) for part in touched]
    variance = np.sum(parts, axis=0)
    varies = variance > 0
    per_influence = np.where(varies, distance, 0.0) / np.sqrt(np.where(varies, variance, 1.0))
    rows = sum(per_influence[part.share] * part.influence for part in touched)
    alone = distance[~varies]
    return float(np.sqrt(np.sum(rows**2) + alone @ alone) / count)

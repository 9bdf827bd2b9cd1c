"""How well scores of two classes rank rows: the areas under two curves."""

from typing import NamedTuple

import numpy as np

from halfspaces.estimators.metrics.intervals import (
    Figure,
    Z,
    effective_rows,
    of_logit,
    root_between,
)
from halfspaces.support.types import Array

TINY = 1e-9  # areas are between this and 1 minus this where a variance is computed


class _Groups(NamedTuple):
    """Rows of the same score, from the lowest up: the group of each row, and two sums of weights.

    `positive` and `negative` have shape (G,).
    """

    of_row: Array
    positive: Array
    negative: Array


def _groups(score: Array, positive: Array, weight: Array) -> _Groups:
    values, index = np.unique(score, return_inverse=True)
    above = np.bincount(index, weight * positive, minlength=len(values))
    below = np.bincount(index, weight * ~positive, minlength=len(values))
    return _Groups(index, above, below)


def roc_auc(score: Array, positive: Array, weight: Array) -> Figure:
    """The area under the ROC curve: the probability that a positive row has the larger score.

    Ties count one half. The interval holds all areas θ with |area − θ| ≤ 1.96 √V(θ), where V is the
    variance for normal scores of equal spread, times DeLong's variance over V(area) where that is
    above 1. DeLong's alone is too small for areas near 1 and few positive rows: 91 % of its
    intervals held an area of 0.96 with 30 positive rows, 97 % of these do.

    Parameters
    ----------
    score : array, shape (N,)
    positive : array of bool, shape (N,)
        Both kinds are present.
    weight : array, shape (N,)

    References
    ----------
    DeLong, DeLong & Clarke-Pearson, Comparing the areas under two or more correlated receiver
    operating characteristic curves, 1988, https://doi.org/10.2307/2531595; Sun & Xu, Fast
    implementation of DeLong's algorithm, 2014, https://doi.org/10.1109/LSP.2014.2337313; Newcombe,
    Confidence intervals for an effect size measure based on the Mann-Whitney statistic, part 2,
    2006, https://doi.org/10.1002/sim.2324

    Examples
    --------
    >>> score = np.array([0.1, 0.4, 0.35, 0.8])
    >>> roc_auc(score, np.array([False, False, True, True]), np.ones(4)).value
    0.75
    """
    groups = _groups(score, positive, weight)
    P = groups.positive.sum()
    N = groups.negative.sum()
    # The part of the other kind that each group's rows are ranked right against.
    of_positive = (np.cumsum(groups.negative) - groups.negative / 2) / N
    of_negative = 1 - (np.cumsum(groups.positive) - groups.positive / 2) / P
    area = min(float(groups.positive @ of_positive / P), 1.0)
    ranked = np.where(positive, of_positive[groups.of_row] / P, of_negative[groups.of_row] / N)
    influence = weight * (ranked - area / np.where(positive, P, N))
    m = effective_rows(weight[positive])
    n = effective_rows(weight[~positive])
    variance = _with_one_fewer(influence[positive], m) + _with_one_fewer(influence[~positive], n)
    return Figure(area, *_ends(area, variance, m, n))


def _with_one_fewer(influence: Array, rows: float) -> float:
    """Σ (influence)² · n/(n − 1)."""
    return float(influence @ influence) * rows / max(rows - 1, 1.0)


def _ends(area: float, variance: float, m: float, n: float) -> tuple[float, float]:
    """The ends of the interval of `roc_auc`, for m and n rows of the two kinds."""
    inside = min(max(area, TINY), 1 - TINY)
    factor = max(variance / _normal_variance(inside, m, n), 1.0) if inside == area else 1.0

    def excess(theta: float) -> float:
        return (area - theta) ** 2 - Z**2 * factor * _normal_variance(theta, m, n)

    low = 0.0
    high = 1.0
    if excess(TINY) > 0 > excess(inside):
        low = root_between(excess, TINY, inside)
    if excess(1 - TINY) > 0 > excess(inside):
        high = root_between(excess, inside, 1 - TINY)
    return low, high


def _normal_variance(area: float, m: float, n: float) -> float:
    """The variance of the area under the curve of m and n normal scores of equal spread.

    (θ (1 − θ) + (m + n − 2)(q − θ²))/(m n), where q is the probability that two positive rows are
    above one negative row, Φ(h) − 2 T(h, 1/√3) with θ = Φ(h) and Owen's function T.
    """
    from scipy.special import ndtri, owens_t

    q = area - 2 * owens_t(ndtri(area), 3**-0.5)
    return float(area * (1 - area) + max(m + n - 2, 0.0) * (q - area**2)) / (m * n)


def average_precision(score: Array, positive: Array, weight: Array) -> Figure:
    """The average precision: Σ_k (R_k − R_k−1) P_k over falling thresholds.

    The mean, over positive rows, of the precision at the row's own score.

    Parameters
    ----------
    score, positive, weight
        As of `roc_auc`.

    Notes
    -----
    A row's influence counts what its weight changes at its own threshold and at all below it. The
    interval is symmetric on the scale of logits.

    References
    ----------
    Boyd, Eng & Page, Area under the precision-recall curve: point estimates and confidence
    intervals, 2013, https://doi.org/10.1007/978-3-642-40994-3_29

    Examples
    --------
    >>> score = np.array([0.1, 0.4, 0.35, 0.8])
    >>> figure = average_precision(score, np.array([False, False, True, True]), np.ones(4))
    >>> round(figure.value, 4)
    0.8333
    """
    groups = _groups(score, positive, weight)
    P = groups.positive.sum()
    above = np.cumsum(groups.positive[::-1])[::-1]  # positive rows with this score or more
    wrong = np.cumsum(groups.negative[::-1])[::-1]
    precision = above / (above + wrong)
    average = float(groups.positive @ precision / P)
    # What a row with this score or more changes at the thresholds below it.
    share = groups.positive / (above + wrong) ** 2
    gain = np.cumsum(share * wrong)
    loss = np.cumsum(share * above)
    at = groups.of_row
    own = precision[at] - average + gain[at]
    influence = weight * np.where(positive, own, -loss[at]) / P
    return of_logit(min(average, 1.0), influence, effective_rows(weight[positive]))

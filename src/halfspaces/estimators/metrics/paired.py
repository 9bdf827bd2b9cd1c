"""Two classifiers on the same rows: is one better, or could chance have made the difference?"""

from dataclasses import dataclass

import numpy as np

from halfspaces.estimators.metrics.intervals import Figure, Z, root_between
from halfspaces.support.types import Array

LEVEL = 0.05
BESIDE = 1e-9  # of a difference of shares


@dataclass(frozen=True)
class Paired:
    """The accuracy of a second classifier minus that of a first one.

    Parameters
    ----------
    rows : int
    first_only, second_only : int
        Rows that only the first, or only the second, predicts right.
    difference : Figure
        With the score interval of paired shares.
    p_value : float
        Of McNemar's exact test: the probability of counts at least as unequal if a row that one of
        them gets wrong is as likely to be wrong by either.
    """

    rows: int
    first_only: int
    second_only: int
    difference: Figure
    p_value: float


def paired_accuracy(first: Array, second: Array) -> Paired:
    """Whether rows are right by two classifiers, compared row by row.

    Only rows that one of them alone gets right tell of a difference: b of the first, c of the
    second. The interval of (c − b)/N is Tango's: all differences d with
    |c − b − N d| ≤ 1.96 √(N (2 q + d (1 − d))), where q is the likeliest probability that only the
    first is right, given d.

    Parameters
    ----------
    first, second : array of bool, shape (N,)

    References
    ----------
    McNemar, Note on the sampling error of the difference between correlated proportions or
    percentages, 1947, https://doi.org/10.1007/BF02295996; Tango, Equivalence test and confidence
    interval for the difference in proportions for the paired-sample design, 1998,
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B

    Examples
    --------
    Of 44 rows, 1 is right by the first alone and 9 by the second alone:

    >>> first = np.arange(44) < 1
    >>> second = (np.arange(44) > 0) & (np.arange(44) < 10)
    >>> paired = paired_accuracy(first, second)
    >>> round(paired.p_value, 4), print(paired.difference)
    0.1818 (0.05033 to 0.3283)
    (0.0215, None)
    """
    from scipy.stats import binomtest

    rows = len(first)
    b = int(np.count_nonzero(first & ~second))
    c = int(np.count_nonzero(second & ~first))
    p_value = float(binomtest(b, b + c).pvalue) if b + c else 1.0
    low, high = _tango(b, c, rows)
    return Paired(rows, b, c, Figure((c - b) / rows, low, high), p_value)


def _tango(b: int, c: int, rows: int) -> tuple[float, float]:
    difference = (c - b) / rows

    def excess(d: float) -> float:
        linear = -b - c + (2 * rows - c + b) * d
        root = np.sqrt(max(linear**2 - 8 * rows * (-b * d * (1 - d)), 0.0))
        q = max((root - linear) / (4 * rows), 0.0)
        variance = max(rows * (2 * q + d * (1 - d)), 0.0)
        return (c - b - rows * d) ** 2 - Z**2 * variance

    # The variance may be 0 at the difference itself: the roots are sought beside it.
    below = max(difference - BESIDE, -1.0)
    above = min(difference + BESIDE, 1.0)
    low = -1.0
    high = 1.0
    if excess(low) > 0 > excess(below):
        low = root_between(excess, low, below)
    if excess(high) > 0 > excess(above):
        high = root_between(excess, above, high)
    return low, high


def paired_mean(first: Array, second: Array) -> Figure:
    """The mean of second − first (N,), with ± 1.96 standard errors of the differences.

    >>> print(paired_mean(np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.0, 2.5])))
    0 (-0.462 to 0.462)
    """
    differences = second - first
    mean = float(differences.mean())
    half = Z * float(differences.std()) / np.sqrt(len(differences))
    return Figure(mean, mean - half, mean + half)


def holm(p_values: list[float]) -> list[float]:
    """P-values of several tests, adjusted so that all of them together keep the level.

    Holm, A simple sequentially rejective multiple test procedure, 1979,
    https://www.jstor.org/stable/4615733

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(np.argsort(p_values, kind="stable").tolist()):
        largest = max(largest, min((len(p_values) - place) * p_values[index], 1.0))
        adjusted[index] = largest
    return adjusted

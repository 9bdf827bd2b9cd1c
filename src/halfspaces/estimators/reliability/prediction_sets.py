"""Conformal prediction: sets of labels that hold the right one as often as promised."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from halfspaces.estimators.reliability.order_statistics import OrderStatistics
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

MOST = 1000  # ranks stored of all rows, and four times as many of all classes together
LEAST_OF_A_CLASS = 20


@dataclass(frozen=True)
class PredictionSets:
    """The labels whose probability is at least a threshold t, which held-out rows decide.

    With the probabilities q_1 ≤ ... ≤ q_n of the right labels of n held-out rows,

        S(x) = {c : p_c(x) ≥ t},   t = q_r,   r = ⌊(1 − coverage)(n + 1)⌋   (t = 0 for r = 0)

    holds the right label of a new row with a probability of at least `coverage`, whatever the
    classifier, where held-out rows and new ones are alike (exchangeable, and scored by the same
    classifier). No other rule for t has smaller sets on average if the probabilities are right.
    The likeliest label is always in S(x), so no set is empty.

    By class, t_c comes from the rows of class c alone: the promise then holds for the rows of each
    class, with larger sets; a class of too few held-out rows is in all sets.

    Parameters
    ----------
    every : OrderStatistics
        Of the probabilities of the right labels.
    by_class : tuple of OrderStatistics
        The same for the rows of each class, C ≥ 2.

    References
    ----------
    Sadinle, Lei & Wasserman, Least ambiguous set-valued classifiers with bounded error levels,
    2019, https://doi.org/10.1080/01621459.2017.1395341; Vovk, Gammerman & Shafer, Algorithmic
    learning in a random world, 2005, https://doi.org/10.1007/b106715; scores of several folds as in
    Vovk, Cross-conformal predictors, 2015, https://doi.org/10.1007/s10472-013-9368-4

    Examples
    --------
    >>> right = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.9, 0.8, 0.9, 0.4])
    >>> sets = PredictionSets.fit(right, np.array([0, 1, 2, 0, 1, 2, 0, 1, 2]), n_classes=3)
    >>> sets.of(np.array([[0.5, 0.45, 0.05], [0.9, 0.05, 0.05]]), coverage=0.8)
    array([[ True,  True, False],
           [ True, False, False]])
    """

    every: OrderStatistics
    by_class: tuple[OrderStatistics, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_class", tuple(self.by_class))
        parts = (self.every, *self.by_class)
        if len(parts) < 3 or not all(isinstance(part, OrderStatistics) for part in parts):
            raise ValueError("PredictionSets needs order statistics of all rows and of each class.")

    @classmethod
    def fit(cls, right: Array, y: Array, n_classes: int) -> Self:
        """Of the probabilities of the right labels (n,) and these labels, 0 to C−1, (n,)."""
        most = max(4 * MOST // n_classes, LEAST_OF_A_CLASS)
        parts = np.split(right[np.argsort(y, kind="stable")], _ends(y, n_classes))
        by_class = tuple(OrderStatistics.of(part, most) for part in parts)
        return cls(OrderStatistics.of(right, MOST), by_class)

    def thresholds(self, coverage: float, *, by_class: bool = False) -> Array:
        """t for each class (C,); all equal unless they are chosen by class.

        Raises
        ------
        ValueError, TypeError
            If the coverage is not a number above 0 and below 1.
        """
        check_number("coverage", coverage, above=0, below=1)
        if by_class:
            return np.array([_threshold(part, coverage) for part in self.by_class])
        return np.full(len(self.by_class), _threshold(self.every, coverage))

    def of(self, probabilities: Array, coverage: float, *, by_class: bool = False) -> Array:
        """Which labels are in the set of each row, (N, C), from probabilities (N, C)."""
        sets = probabilities >= self.thresholds(coverage, by_class=by_class)
        sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
        return sets


def _threshold(right: OrderStatistics, coverage: float) -> float:
    return right.at(math.floor((1 - coverage) * (right.count + 1)))


def _ends(y: Array, n_classes: int) -> Array:
    return np.cumsum(np.bincount(y, minlength=n_classes))[:-1]

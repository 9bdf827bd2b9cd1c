"""Which class is taken for which: precision, recall and F1 of each class, and their means."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from halfspaces.estimators.metrics.intervals import (
    Figure,
    Shares,
    Touched,
    of_mean_of_shares,
    wilson,
)
from halfspaces.support.types import Array


class Confused(NamedTuple):
    """Rows (Σ w) of class `true` that are taken for `predicted`, and which part of `true`."""

    true: int
    predicted: int
    rows: float
    part: float


@dataclass(frozen=True, eq=False)
class Confusion:
    """True and predicted classes of rows; no table of K x K classes is needed for the figures.

    Parameters
    ----------
    y, predicted : array, shape (N,)
        Classes, 0 to K−1.
    weight : array, shape (N,)
    n_classes : int
        K.

    Examples
    --------
    >>> confusion = Confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), np.ones(3), 2)
    >>> confusion.recall.value.tolist(), confusion.precision.value.tolist()
    ([0.5, 1.0], [1.0, 0.5])
    >>> confusion.matrix.tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    >>> print(confusion.balanced_accuracy)
    0.75 (0.3045 to 0.9527)
    """

    y: Array
    predicted: Array
    weight: Array
    n_classes: int

    @cached_property
    def right(self) -> Array:
        """Whether each row is right (N,)."""
        return self.y == self.predicted

    def _sum(self, classes: Array, values: Array) -> Array:
        return np.bincount(classes, values, minlength=self.n_classes)

    @cached_property
    def support(self) -> Array:
        """Σ w of the rows of each class (K,)."""
        return self._sum(self.y, self.weight)

    @cached_property
    def taken(self) -> Array:
        """Σ w of the rows predicted to be of each class (K,)."""
        return self._sum(self.predicted, self.weight)

    @cached_property
    def found(self) -> Array:
        """Σ w of the rows of each class that are right (K,)."""
        return self._sum(self.y, self.weight * self.right)

    @cached_property
    def recall(self) -> Shares:
        """The part of each class's rows that is found; nan for classes without rows."""
        return self._shares(self.support, self._sum(self.y, self.weight**2))

    @cached_property
    def precision(self) -> Shares:
        """The part of the rows predicted to be of each class that are; nan where there are none."""
        return self._shares(self.taken, self._sum(self.predicted, self.weight**2))

    @cached_property
    def f1(self) -> Shares:
        """2 TP/(2 TP + FP + FN) of each class; nan for classes neither present nor predicted.

        It is 2 j/(1 + j), where j = TP/(TP + FP + FN) is a share of rows, and so are its ends.
        """
        squares = self.weight**2
        either = self._sum(self.y, squares) + self._sum(self.predicted, squares * ~self.right)
        shares = self._shares(self.support + self.taken - self.found, either)
        return Shares(*(2 * share / (1 + share) for share in shares))

    def _shares(self, total: Array, squares: Array) -> Shares:
        """found / total with Wilson's intervals, where `squares` are the Σ w² of the totals."""
        with np.errstate(divide="ignore", invalid="ignore"):
            share = self.found / total
            return Shares(share, *wilson(share, total**2 / squares))

    @property
    def balanced_accuracy(self) -> Figure:
        """The mean recall of the classes that are present."""
        present = self.support > 0
        influence = self.weight * (self.right - self.recall.value[self.y]) / self.support[self.y]
        return _mean(self.recall, present, [Touched(self.y, influence)])

    @property
    def macro_f1(self) -> Figure:
        """The mean F1 of the classes that are present or predicted."""
        total = self.support + self.taken
        f1 = self.f1.value
        gain = np.where(self.right, 2 - 2 * f1[self.y], -f1[self.y])
        loss = np.where(self.right, 0.0, -f1[self.predicted])
        touched = [
            Touched(self.y, self.weight * gain / total[self.y]),
            Touched(self.predicted, self.weight * loss / total[self.predicted]),
        ]
        return _mean(self.f1, total > 0, touched)

    @property
    def matrix(self) -> Array:
        """Σ w by true class (down) and predicted class (across), (K, K)."""
        cells = self.y * self.n_classes + self.predicted
        sums = np.bincount(cells, self.weight, minlength=self.n_classes**2)
        return sums.reshape(self.n_classes, self.n_classes)

    def most_frequent(self, most: int) -> list[Confused]:
        """The pairs of classes that are most often confused, at most `most` of them."""
        wrong = ~self.right
        cells, index = np.unique(
            self.y[wrong] * self.n_classes + self.predicted[wrong], return_inverse=True
        )
        count = np.bincount(index, self.weight[wrong], minlength=len(cells))
        pairs = []
        for place in np.argsort(-count, kind="stable")[:most]:
            true, predicted = divmod(int(cells[place]), self.n_classes)
            part = float(count[place] / self.support[true])
            pairs.append(Confused(true, predicted, float(count[place]), part))
        return pairs


def _mean(shares: Shares, counted: Array, touched: list[Touched]) -> Figure:
    """The mean over the classes that count."""
    number = np.cumsum(counted) - 1
    return of_mean_of_shares(
        Shares(*(each[counted] for each in shares)),
        [Touched(number[part.share], part.influence) for part in touched],
    )

"""The scores that a search for λ gave to the rows that it held out, at the chosen strength."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from halfspaces.estimators.base import probabilities, winners
from halfspaces.estimators.calibration import Calibration, Temperature
from halfspaces.estimators.calibration.checks import BLOCK
from halfspaces.estimators.held_out import HeldOut
from halfspaces.estimators.reliability import Acceptance, PredictionSets, Reliability
from halfspaces.estimators.threshold import Threshold
from halfspaces.losses.base import Loss
from halfspaces.support.types import Array


@dataclass(frozen=True, eq=False)
class HeldOutScores:
    """Scores of n of N rows by classifiers that were not fitted on them.

    A row that several folds hold out has the mean of its scores.

    Parameters
    ----------
    rows : array of integers, shape (n,)
        Which of the N rows, rising, each once.
    scores : array, shape (n, C)
    y : array of integers, shape (n,)
        Their classes, 0 to C−1.
    n_rows : int
        N: the rows of X, or of the validation rows where these are data of their own.
    """

    rows: Array = field(repr=False)
    scores: Array = field(repr=False)
    y: Array = field(repr=False)
    n_rows: int

    @classmethod
    def of(cls, held_out: Sequence[HeldOut], scores: Sequence[Array]) -> Self:
        """Of the rows of each fold and their scores, each (n_k, C)."""
        blocks = [part.blocks for part in held_out]
        n_rows = len(blocks[0].y)
        rows = [np.arange(n_rows) if each.index is None else each.index for each in blocks]
        y = [part.y for part in held_out]
        return cls.joined(rows, scores, y, n_rows)

    @classmethod
    def joined(
        cls, rows: Sequence[Array], scores: Sequence[Array], y: Sequence[Array], n_rows: int
    ) -> Self:
        """Of the positions, scores and classes of each fold's rows.

        >>> rows = [np.array([2, 0]), np.array([2])]
        >>> scores = [np.array([[1.0, 0.0], [5.0, 6.0]]), np.array([[3.0, 0.0]])]
        >>> y = [np.array([0, 1]), np.array([0])]
        >>> HeldOutScores.joined(rows, scores, y, 4).decision_function
        array([ 1., nan, -2., nan])
        """
        every = np.concatenate(rows)
        order = np.argsort(every, kind="stable")
        every = every[order]
        values = np.concatenate(scores)[order]
        labels = np.concatenate(y)[order]
        first = np.flatnonzero(np.diff(every, prepend=-1))
        if len(first) < len(every):
            times = np.diff(first, append=len(every))
            values = np.add.reduceat(values, first, axis=0) / times[:, None].astype(values.dtype)
        return cls(every[first], values, labels[first], n_rows)

    @property
    def differences(self) -> Array:
        """The scores (n, C), or for two classes the difference of the two, (n,)."""
        two = self.scores.shape[1] == 2
        return self.scores[:, 1] - self.scores[:, 0] if two else self.scores

    @property
    def decision_function(self) -> Array:
        """Scores of all rows (N, C), or (N,) for two classes; nan where no fold held a row out."""
        return self.spread(self.differences)

    def probabilities(self, loss: Loss, calibration: Calibration | None) -> Array:
        """Probabilities of all rows (N, C); nan where no fold held a row out."""
        return self.spread(probabilities(self.differences, loss, calibration))

    def missing_calibration(
        self, loss: Loss, calibration: Calibration | None
    ) -> Calibration | None:
        """A temperature where neither the loss nor a calibration gives probabilities."""
        if calibration is not None or loss.probability is not None:
            return None
        return Temperature.fit(self.scores, self.y)

    def reliability(
        self, loss: Loss, calibration: Calibration | None, threshold: Threshold | None = None
    ) -> Reliability | None:
        """What the rows say of new ones; None where a score is not finite.

        Rows count equally, whatever their weights. Predictions are those of the threshold, if there
        is one; chosen on the same rows, it makes their error a little too low. A temperature makes
        the probabilities of a loss that has none.
        """
        if not np.isfinite(self.scores).all():
            return None
        own = self.missing_calibration(loss, calibration)
        n, n_classes = self.scores.shape
        right = np.empty(n)
        predicted = np.empty(n)
        is_right = np.empty(n, dtype=np.bool_)
        rows = max(1, BLOCK // n_classes)
        for start in range(0, n, rows):
            part = slice(start, start + rows)
            scores = self.differences[part]
            p = probabilities(scores, loss, calibration or own)
            each = np.arange(len(p))
            classes = winners(scores, loss, calibration, threshold)
            right[part] = p[each, self.y[part]]
            predicted[part] = p[each, classes]
            is_right[part] = classes == self.y[part]
        sets = PredictionSets.fit(right, self.y, n_classes)
        return Reliability(sets, Acceptance.fit(predicted, is_right), own)

    def spread(self, values: Array) -> Array:
        """Values (n, ...) of the rows held out, as those of all rows (N, ...): nan for others."""
        every = np.full((self.n_rows, *values.shape[1:]), np.nan, values.dtype)
        every[self.rows] = values
        return every

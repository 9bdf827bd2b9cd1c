"""The dual points of some rows, and what changes of them change."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from halfspaces.engines import PartitionedBlocks, by_row
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation
from halfspaces.support.types import Array

SOME_ROWS = 1 << 14  # whose losses are evaluated together: their arrays are small


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows whose dual points are to change.

    Parameters
    ----------
    objective : Objective
    evaluation : Evaluation
        Of all rows.
    rows : integer array, shape (B,)
    share : array, shape (B, M) or (B, 1)
        The weight of each row over the weight of all examples.
    """

    objective: Objective
    evaluation: Evaluation
    rows: Array
    share: Array

    @classmethod
    def of(cls, objective: Objective, evaluation: Evaluation, rows: Array) -> "Part":
        """The rows (indices) with their weights."""
        blocks = objective.blocks
        weight = np.ones(len(rows))
        if blocks.weight is not None:
            weight = blocks.of_rows(blocks.weight, rows)
        share = weight.reshape(len(rows), -1) / objective.total_weight
        return cls(objective, evaluation, rows, share)

    @property
    def labels(self) -> Array:
        """The labels (B,), or (B, M) of members that have their own."""
        return self.objective.blocks.labels(self.rows)

    def scores(self, V: Array | None) -> tuple[Array, Array]:
        """Scores (B, M, C) at the evaluated W, with the offsets of the smoothing, and at W + V.

        Both may be overwritten.
        """
        W = self.evaluation.request.W
        smoothing = self.evaluation.smoothing
        both = W if V is None else np.concatenate([W, V], axis=2)
        scores = self.objective.scores(both, self.rows)
        scores = scores.reshape(len(self.rows), W.shape[1], -1)
        here = scores[:, :, : W.shape[2]]
        if smoothing.offsets is not None:
            offsets = self.objective.blocks.of_rows(smoothing.offsets, self.rows)
            here = smoothing.shifted(here, offsets)
        return here, here.copy() if V is None else here + scores[:, :, W.shape[2] :]

    def slopes(self, scores: Array) -> Array:
        """∇L_i of scores (B, M, C), in whose place they are written."""
        loss = self.evaluation.smoothing.of(self.objective.loss)
        y = self.labels
        for rows in _some_rows(len(y)):
            scores[rows] = loss.formula(scores[rows].copy(), y[rows])[1]
        return scores

    def gradient_of(self, change: Array) -> Array:
        """Σ w_i x̃_i ⊗ change_i/Σ w over the rows, (D+1, M, C), for changes (B, M, C)."""
        linear = self.objective.linear
        blocks = self.objective.blocks
        index = self.rows if blocks.index is None else blocks.index[self.rows]
        numbers = np.zeros(len(blocks.y), np.min_scalar_type(len(index)))
        numbers[index] = np.arange(len(index))
        if isinstance(blocks, PartitionedBlocks):
            by_row.number_of(numbers)  # a worker needs those of its rows
        weighed = change * self.share[:, :, None]
        columns = weighed.astype(blocks.dtype, copy=False).reshape(len(weighed), -1)
        (dV,) = blocks.sum(
            lambda block: (linear.pull(block.X, columns[numbers[block.rows]]),),
            self.rows,
            columns.shape[1],
        )
        dc = weighed.sum(axis=0).ravel()  # in float64: class sums must vanish
        return linear.pullback((dV, dc), 1.0, (self.objective.n_features + 1, *change.shape[1:]))

    def conjugate_change(self, before: Array, after: Array) -> Array:
        """Change of the mean conjugate Σ w_i L*_i(a_i)/Σ w, (M,)."""
        loss = self.objective.loss
        y = self.labels
        change = np.empty(after.shape[:2])
        for rows in _some_rows(len(y)):
            new, old = (
                loss.conjugate(dual[rows].astype(np.float64), y[rows]) for dual in (after, before)
            )
            change[rows] = new - old
        return np.sum(self.share * change, axis=0)


def _some_rows(count: int) -> Iterator[slice]:
    return (slice(start, start + SOME_ROWS) for start in range(0, count, SOME_ROWS))

"""The second-order model of one class on its columns, lowered by coordinate descent."""

from dataclasses import dataclass

import numpy as np

from halfspaces.kernels.column_loops import (
    add_products,
    column_sums,
    descend,
    descend_gram,
    write_gram,
)
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array

MOST_IN_GRAM = 1000  # columns of which all products with each other are computed
SWEEPS_IN_GRAM = 500
GRAM_ACCURACY = 1e-2
SWEEPS = 20  # over the columns themselves
LEAST_SQUARE = 1e-30
ACCURACY = 0.1  # of the violations, relative to the first


@dataclass(eq=False)
class ClassModel:
    """⟨g, v⟩ + ½ Σ_i bend_i (Xv)_i² + t Σ|w| + ½ ridge w² with v = w − start, and its w so far.

    Parameters
    ----------
    stored : tuple of arrays
        Ends, rows and values of the columns.
    work : integer array, shape (K,)
        The columns of this class.
    gradient, start, threshold, ridge : arrays, shape (K,)
        g, which includes the ridge's at the start.
    bend : array, shape (N,)
        The curvature of each row.
    """

    stored: tuple[Array, Array, Array]
    work: Array
    gradient: Array
    start: Array
    threshold: Array
    ridge: Array
    bend: Array

    def __post_init__(self) -> None:
        self.weights = self.start.copy()
        self.Q = self._hessian() if len(self.work) <= MOST_IN_GRAM else None

    @property
    def diagonal(self) -> Array:
        """Of the Hessian, (K,)."""
        if self.Q is not None:
            return np.maximum(np.diag(self.Q), LEAST_SQUARE)
        ends, rows, values = self.stored
        squares = np.empty(len(self.work))
        run_compiled(column_sums, ends, rows, values**2, self.work, self.bend, squares)
        return np.maximum(squares + self.ridge, LEAST_SQUARE)

    def _hessian(self) -> Array:
        """Xᵀ diag(bend) X and the ridge, (K, K)."""
        ends = self.stored[0]
        longest_first = np.argsort(ends[self.work] - ends[self.work + 1], kind="stable")
        Q = np.empty((len(self.work), len(self.work)))
        buffer = np.zeros((len(self.bend), 4))
        run_compiled(write_gram, *self.stored, self.work[longest_first], self.bend, buffer, Q)
        back = np.argsort(longest_first)
        Q = Q[np.ix_(back, back)]
        Q[np.diag_indices(len(Q))] += self.ridge
        return Q

    def descend(self, slopes: Array | None) -> tuple[float, Array]:
        """Lower the model; returns the violation before and the change (N,) of the scores.

        `slopes` (N,) is what all moves so far have added to the slopes of the scores; None: there
        were none.
        """
        before = self.weights.copy()
        violation = np.zeros(1)
        if self.Q is None:
            slopes = np.zeros_like(self.bend) if slopes is None else slopes
            run_compiled(
                descend, *self.stored, self.work, self.bend, self.gradient, self.start,
                self.threshold, self.ridge, SWEEPS, ACCURACY, self.weights, slopes, violation,
            )  # fmt: skip
        else:
            sums = self.gradient + self.ridge * (before - self.start)
            if slopes is not None:
                added = np.empty_like(sums)
                run_compiled(column_sums, *self.stored, self.work, slopes, added)
                sums += added
            run_compiled(
                descend_gram, self.Q, self.threshold, SWEEPS_IN_GRAM, GRAM_ACCURACY,
                self.weights, sums, violation,
            )  # fmt: skip
        change = np.zeros_like(self.bend)
        run_compiled(add_products, *self.stored, self.work, self.weights - before, change)
        return float(violation[0]), change

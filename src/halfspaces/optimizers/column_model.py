"""The objective on a few columns of X, minimized by Newton steps: coordinate descent on each model.

Under L1 few weights are not 0. On the columns of these, and of those that are to leave 0, the data
loss itself costs little. Each step minimizes its second-order model there,

    min_v ⟨g, v⟩ + ½ Σ_i z_iᵀ H_i z_i + t Σ|w + v| + r Σ (w + v)²,    z_i = Xv of row i,

with the loss's own second derivative H_i = diag(h_i) − p_i p_iᵀ in the scores of each row, and is
shortened until the objective falls. Classes of a one-vs-all loss do not interact: each is a problem
of its own, solved by whichever worker is free.

References
----------
Friedman, Hastie & Tibshirani, Regularization paths for generalized linear models via coordinate
descent, 2010, https://doi.org/10.18637/jss.v033.i01
Yuan, Ho & Lin, An improved GLMNET for L1-regularized logistic regression, JMLR 2012,
https://www.jmlr.org/papers/v13/yuan12a.html
"""

from dataclasses import dataclass

import numpy as np

from halfspaces.kernels.column_loops import add_products, column_sums
from halfspaces.kernels.compile import run_compiled
from halfspaces.optimizers.column_coupling import Together
from halfspaces.optimizers.column_descent import ACCURACY, ClassModel
from halfspaces.optimizers.columns import Columns, RowLoss
from halfspaces.optimizers.quasi_newton import SUFFICIENT_DECREASE
from halfspaces.optimizers.soft_threshold_steps import violations
from halfspaces.support.types import Array

NEWTON_STEPS = 20
HALVINGS = 20  # of a step
ROUNDS = 3  # over classes that interact, for one model


@dataclass(eq=False)
class ColumnModel:
    """The objective of some classes on the columns that each of them works on.

    Parameters
    ----------
    columns : Columns
    rows : RowLoss
    work : list of integer arrays, (K_c,) each
        The columns of each class.
    weights : list of arrays, (K_c,) each
        W there; the bias belongs to the columns as they are.
    threshold, ridge : float
        t and 2r of the penalty t Σ|W| + r ΣW².
    """

    columns: Columns
    rows: RowLoss
    work: list[Array]
    weights: list[Array]
    threshold: float
    ridge: float

    def __post_init__(self) -> None:
        last = len(self.columns.ends) - 2 if self.columns.bias else -1
        free = [work == last for work in self.work]
        self.thresholds = [np.where(bias, 0.0, self.threshold) for bias in free]
        self.ridges = [np.where(bias, 0.0, self.ridge) for bias in free]
        self.stored = self.columns[:3]

    def minimize(self, accuracy: float) -> list[Array]:
        """The weights at which no condition of optimality is violated by more than a part.

        `accuracy` is relative to the first violation, or to the threshold if that is less.
        """
        scores = np.zeros((len(self.work), len(self.rows.y)))
        for c, work in enumerate(self.work):
            run_compiled(add_products, *self.stored, work, self.weights[c], scores[c])
        value, slopes = self.rows.value_and_slopes(scores)
        target = 0.0
        for step in range(NEWTON_STEPS):
            gradients = self._gradients(slopes)
            worst = np.array(
                [
                    np.max(violations(*each), initial=0.0)
                    for each in zip(gradients, self.weights, self.thresholds, strict=True)
                ]
            )
            largest = float(np.max(worst))
            if step == 0:
                target = accuracy * (min(largest, self.threshold) or largest)
            if largest <= target:
                break
            aim, moves = self._aim(gradients, scores, worst)
            taken = self._search(value, gradients, aim, scores, moves)
            if taken is None:
                break
            value, slopes, scores, self.weights = taken
        return self.weights

    def _gradients(self, slopes: Array) -> list[Array]:
        """The gradient of the smooth part on each class's columns, the ridge's included."""
        gradients: list[Array] = []
        for c, work in enumerate(self.work):
            sums = np.empty(len(work))
            run_compiled(column_sums, *self.stored, work, slopes[c], sums)
            gradients.append(sums + self.ridges[c] * self.weights[c])
        return gradients

    def _aim(
        self, gradients: list[Array], scores: Array, worst: Array
    ) -> tuple[list[Array], Array]:
        """The weights at the minimum of the model, nearly, and the move (G, N) of the scores.

        Classes that interact take turns, the one furthest from its optimum first: the order does
        not depend on the numbers of the classes.
        """
        bend, tie = self.rows.curvature(scores)
        interact = tie.size > 0
        bent = bend - tie**2 if interact else bend
        models = [
            ClassModel(self.stored, *each)
            for each in zip(
                self.work,
                gradients,
                self.weights,
                self.thresholds,
                self.ridges,
                bent,
                strict=True,
            )
        ]
        moves = np.zeros_like(scores)
        shared = np.zeros(tie.shape[1])  # Σ tie · moves over the classes
        enough = ACCURACY * float(np.max(worst))
        for turn in range(ROUNDS if interact else 1):
            found = np.zeros(len(worst))
            for c in np.argsort(-worst, kind="stable"):
                slopes = None
                if interact and moves.any():
                    slopes = bend[c] * moves[c] - tie[c] * shared
                found[c], change = models[c].descend(slopes)
                moves[c] += change
                if interact:
                    shared += tie[c] * change
            if turn and np.max(found) <= enough:
                break
            if interact:
                shared = Together(models, bend, tie).step(moves, shared)
        return [model.weights for model in models], moves

    def _search(
        self,
        value: float,
        gradients: list[Array],
        aim: list[Array],
        scores: Array,
        moves: Array,
    ) -> tuple[float, Array, Array, list[Array]] | None:
        """Value, slopes, scores and weights after the longest of step, step/2, ... that descends.

        None if none does.
        """
        slope = 0.0
        for c, weights in enumerate(self.weights):
            slope += float(gradients[c] @ (aim[c] - weights))
            slope += float(self.thresholds[c] @ (np.abs(aim[c]) - np.abs(weights)))
        here = value + self._penalty(self.weights)
        factor = 1.0
        for _ in range(HALVINGS):
            there = scores + factor * moves
            trial = aim
            if factor < 1:
                pairs = zip(self.weights, aim, strict=True)
                trial = [weights + factor * (end - weights) for weights, end in pairs]
            data, slopes = self.rows.value_and_slopes(there)
            if data + self._penalty(trial) <= here + SUFFICIENT_DECREASE * factor * slope:
                return data, slopes, there, trial
            factor *= 0.5
        return None

    def _penalty(self, weights: list[Array]) -> float:
        """t Σ|w| + r Σ w² of the columns' weights."""
        parts = zip(weights, self.thresholds, self.ridges, strict=True)
        return float(sum(t @ np.abs(w) + 0.5 * (r @ w**2) for w, t, r in parts))

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

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_array

from halfspaces.kernels.column_loops import add_products, column_sums, descend, descend_gram, write_gram
from halfspaces.kernels.compile import run_compiled
from halfspaces.kernels.sparse_rows import stacked
from halfspaces.losses.base import Loss
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.optimizers.quasi_newton import SUFFICIENT_DECREASE
from halfspaces.optimizers.soft_threshold_steps import violations
from halfspaces.rows.blocks import Blocks
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array

NEWTON_STEPS = 20
HALVINGS = 20  # of a step
SWEEPS = 20  # over the columns, for one model of one class
ROUNDS = 8  # over classes that interact, for one model
MOST_IN_GRAM = 1000  # columns of which all products with each other are computed
SWEEPS_IN_GRAM = 500
GRAM_ACCURACY = 1e-2
MODEL_ACCURACY = 0.1  # of a model's minimum, relative to the violations at its start
LEAST_BEND = 1e-4  # times the bound of the loss's curvature: rows far from any margin bend nothing


class Columns(NamedTuple):
    """Some columns of the standardized X, and ones for the bias if there is one.

    Sparse columns are not centred: `shift` is what the bias of the columns as they are has less
    than that of centred ones, for weights of 1.
    """

    ends: Array  # (K+1,)
    rows: Array  # the row of each stored value
    values: Array
    shift: Array  # (K,)
    bias: bool

    @classmethod
    def of(cls, blocks: Blocks, linear: Linear, features: Array, member: int) -> "Columns":
        """By one visit to the rows that copies these columns alone: 8 bytes a stored value, or 12.

        `member` selects the standardization.
        """
        scale = linear.standardization.scale[features]
        mean = linear.residual_mean[features]
        if scale.ndim > 1:
            scale = scale[:, member]
        if mean.ndim > 1:
            mean = mean[:, member]
        stored: Any = stacked([*blocks.map(lambda block: block.X[:, features])])
        if isinstance(stored, np.ndarray):
            stored, mean = stored - mean.astype(stored.dtype), np.zeros_like(mean)
        columns = csc_array(stored)
        ends = columns.indptr.astype(np.int64)
        rows = columns.indices.astype(np.int32)
        values = columns.data / np.repeat(scale, np.diff(ends)).astype(columns.dtype)
        if linear.fit_intercept:
            n = columns.shape[0]
            ends = np.append(ends, ends[-1] + n)
            rows = np.concatenate([rows, np.arange(n, dtype=np.int32)])
            values = np.concatenate([values, np.ones(n, values.dtype)])
            mean, scale = np.append(mean, 0.0), np.append(scale, 1.0)
        return cls(ends, rows, values, mean / scale, linear.fit_intercept)


class RowLoss:
    """The mean loss of some classes as a function of their scores (G, N).

    Parameters
    ----------
    loss : Loss
    classes : sequence of integers
        One class of a one-vs-all loss, or all classes in order.
    y : integer array, shape (N,)
    share : array, shape (N,)
        The weight of each row over the weight of all.
    """

    def __init__(self, loss: Loss, classes: list[int], y: Array, share: Array) -> None:
        self.loss = loss
        self.classes = classes
        self.y = y
        self.share = share
        self.sign = np.where(y == classes[0], -1.0, 1.0)  # of a violation in a class's score
        self.own = isinstance(loss, OneVsAll)

    def value_and_slopes(self, scores: Array) -> tuple[float, Array]:
        """The mean loss and its gradient in the scores (G, N)."""
        if isinstance(self.loss, OneVsAll):
            violation = self.sign * scores + self.loss.margin
            values, slopes = self.loss.surrogate.value_and_slope(violation)
            return float(values[0] @ self.share), self.sign * self.share * slopes
        values, slopes = self.loss.formula(np.array(scores.T, order="C"), self.y)
        return float(values @ self.share), np.array((slopes * self.share[:, None]).T, order="C")

    def curvature(self, scores: Array) -> tuple[Array, Array]:
        """h and p (G, N) of the Hessian diag(h) − p pᵀ of each row; p (G, 0) where it is 0.

        An upper bound for losses whose Hessian has another form.
        """
        bound = self.loss.curvature(len(self.classes))
        untied = np.zeros((len(scores), 0))
        if isinstance(self.loss, OneVsAll):
            bend = self.loss.surrogate.second_derivative(self.sign * scores + self.loss.margin)
            return self.share * np.maximum(bend, LEAST_BEND * bound), untied
        if isinstance(self.loss, Softmax):
            p = np.exp(scores - scores.max(axis=0))
            p /= p.sum(axis=0)
            return self.share * (p + LEAST_BEND * bound), np.sqrt(self.share) * p
        return np.tile(bound * self.share, (len(scores), 1)), untied


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
        models = [
            _ClassModel.of(self, c, gradients[c], bend[c] - tie[c] ** 2 if interact else bend[c])
            for c in range(len(self.work))
        ]
        moves = np.zeros_like(scores)
        shared = np.zeros(tie.shape[1])  # Σ tie · moves over the classes
        enough = MODEL_ACCURACY * float(np.max(worst))
        for turn in range(ROUNDS if interact else 1):
            found = np.zeros(len(worst))
            for c in np.argsort(-worst, kind="stable"):
                slopes = None
                if interact and turn:
                    slopes = bend[c] * moves[c] - tie[c] * shared
                elif interact and shared.any():
                    slopes = -tie[c] * shared
                found[c], change = models[c].descend(slopes)
                moves[c] += change
                if interact:
                    shared += tie[c] * change
            if turn and np.max(found) <= enough:
                break
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


@dataclass(eq=False)
class _ClassModel:
    """The model of one class, and its weights so far.

    Parameters
    ----------
    model : ColumnModel
    c : int
        The position of the class.
    gradient : array, shape (K,)
        Where the model is made.
    bend : array, shape (N,)
        The curvature of each row.
    Q : array, shape (K, K), or None
        The Hessian, where there are few columns.
    weights : array, shape (K,)
    """

    model: ColumnModel
    c: int
    gradient: Array
    bend: Array
    Q: Array | None
    weights: Array

    @classmethod
    def of(cls, model: ColumnModel, c: int, gradient: Array, bend: Array) -> "_ClassModel":
        work = model.work[c]
        Q = None
        if len(work) <= MOST_IN_GRAM:
            ends = model.columns.ends
            order = np.argsort(ends[work] - ends[work + 1], kind="stable")
            sorted_gram = np.empty((len(work), len(work)))
            run_compiled(
                write_gram, *model.stored, work[order], bend, np.zeros((len(bend), 4)), sorted_gram
            )
            back = np.argsort(order)
            Q = sorted_gram[np.ix_(back, back)]
            Q[np.diag_indices(len(work))] += model.ridges[c]
        return cls(model, c, gradient, bend, Q, model.weights[c].copy())

    def descend(self, slopes: Array | None) -> tuple[float, Array]:
        """Lower the model; returns the violation before and the change of the scores (N,).

        `slopes` (N,) is what moves so far have added to the slopes of the scores; None: nothing.
        """
        model, c = self.model, self.c
        work, threshold, start = model.work[c], model.thresholds[c], model.weights[c]
        before = self.weights.copy()
        violation = np.zeros(1)
        if self.Q is None:
            slopes = np.zeros_like(self.bend) if slopes is None else slopes
            run_compiled(
                descend, *model.stored, work, self.bend, self.gradient, start, threshold,
                model.ridges[c], SWEEPS, MODEL_ACCURACY, self.weights, slopes, violation,
            )  # fmt: skip
        else:
            sums = self.gradient + model.ridges[c] * (before - start)
            if slopes is not None:
                added = np.empty(len(work))
                run_compiled(column_sums, *model.stored, work, slopes, added)
                sums += added
            run_compiled(
                descend_gram, self.Q, threshold, SWEEPS_IN_GRAM, GRAM_ACCURACY,
                self.weights, sums, violation,
            )  # fmt: skip
        change = np.zeros_like(self.bend)
        run_compiled(add_products, *model.stored, work, self.weights - before, change)
        return float(violation[0]), change

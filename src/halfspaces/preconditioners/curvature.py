"""The typical second derivative of a loss along the scores, which multiplies the Gram matrix.

It is largest near W = 0 and falls as the scores of the fitted rows grow, so a sample of the rows
measures how it has changed at an iterate, and how long a step along a direction should be.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.preconditioners.gram_matrix import sample_rows
from halfspaces.rows.blocks import Blocks
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Features

PROBED_ROWS = 256  # the sample that measures the curvature at an iterate
LENGTHS = 2.0 ** np.arange(-8, 2.5, 0.5)  # of a step, to choose from
WORTH_IT = 1.5  # times the gain of a step of length 1: the least gain of another length
BUMP = 0.25  # of a score, for a second difference
DIRECTIONS = 3  # in the scores, at most
# Where every example is classified correctly by far there is no curvature, and an inverse needs
# some:
LEAST_CURVATURE = 1e-11  # of that at W = 0


@dataclass(frozen=True, eq=False)
class ScalarCurvature:
    """The Hessian a (Gram + ridge I) of each member, without the Gram matrix.

    Parameters
    ----------
    a : array, shape (M,)
        The typical second derivative of the loss in one score.
    penalty : array, shape (M,)
        2λ.
    tau : float
        A ridge beside that of the penalty.
    start : float
        a at W = 0.
    probe : Probe or None
        Rows that measure how a changes; None leaves a as it is.
    """

    a: Array
    penalty: Array
    tau: float
    start: float
    probe: "Probe | None"

    @classmethod
    def of(
        cls,
        objective: Objective,
        n_members: int,
        given: float | None,
        typical: float,
        tau: float = 0.0,
    ) -> "ScalarCurvature":
        """At W = 0: `given`, or `typical` times the loss's own."""
        start = typical * chance_curvature(objective) if given is None else given
        probe = Probe.of(objective) if given is None and objective.loss.smooth else None
        penalty = np.zeros(n_members) + objective.penalty.curvature(n_members)
        return cls(np.full(n_members, start), penalty, tau, start, probe)

    @property
    def ridges(self) -> Array:
        """The ridge of each member beside its Gram matrix, (M,)."""
        return self.penalty / self.a + self.tau

    def at(self, W: Array) -> Array:
        """a at W, (M,)."""
        if self.probe is None:
            return self.a
        return self.start * np.maximum(self.probe.share(W), LEAST_CURVATURE)

    def with_penalty(self, penalty: Array | None) -> "ScalarCurvature":
        """For a penalty of another curvature, 2λ (M,); None leaves it."""
        return self if penalty is None else replace(self, penalty=penalty)

    def ratio(self, a: Array) -> Array:
        """The factor, at least 1, between this a and another, (M,)."""
        return np.maximum(a / self.a, self.a / a)

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """The best of `LENGTHS` (M,) along a direction: the loss of some rows, the slope of all.

        1 where that is nearly as good, or no rows measure it.
        """
        if self.probe is None:
            return np.ones(W.shape[1])
        t = LENGTHS[:, None]
        squares = np.sum(direction[:-1] ** 2, (0, 2))
        bent = self.probe.bent(W, direction, LENGTHS) + 0.5 * t**2 * self.penalty * squares
        change = np.where(np.isfinite(bent), bent + t * slope, np.inf)
        best = np.argmin(change, axis=0)
        whole = change[LENGTHS == 1][0]
        better = np.min(change, axis=0) < np.minimum(WORTH_IT * whole, 0)
        return np.where(better, LENGTHS[best], 1.0)


@dataclass(frozen=True, eq=False)
class Probe:
    """Some rows on which the second derivative of a loss is compared with that at W = 0.

    Parameters
    ----------
    X, y, weight, center
        As `Blocks` takes them, copies; weights (n, M) or (n, 1).
    linear : Linear
    loss : Loss
    n_classes : int
    """

    X: Features
    y: Array
    weight: Array
    center: Array | None
    linear: Linear
    loss: Loss
    n_classes: int

    @classmethod
    def of(cls, objective: Objective) -> "Probe":
        """A sample of an objective's rows."""
        rows = sample_rows(objective, PROBED_ROWS)
        blocks = objective.blocks
        sample = blocks.subset(rows)
        X: Any = blocks.X
        return cls(
            X=X[sample.index],
            y=sample.labels(),
            weight=sample.weights().reshape(len(rows), -1),
            center=blocks.center,
            linear=objective.linear,
            loss=objective.loss,
            n_classes=objective.n_classes,
        )

    def share(self, W: Array) -> Array:
        """The mean second derivative at W over that at 0, (M,).

        1 where a loss is flat at 0, or the rows have no weight.
        """
        at_zero = self._at_zero
        here = self._second_derivative(self._scores(W))
        return np.where(at_zero > 0, here / np.where(at_zero > 0, at_zero, 1.0), 1.0)

    def bent(self, W: Array, direction: Array, lengths: Array) -> Array:
        """The mean loss at W + t direction above its tangent at W, for each length t, (T, M)."""
        start = self._scores(W)
        step = self._scores(direction)
        total = self.weight.sum(axis=0)
        share = self.weight / np.where(total > 0, total, 1.0)
        value, dscores = self.loss.formula(start.copy(), self.y)
        slope = np.sum(dscores * step, axis=2)
        rises = []
        for t in lengths:
            there = self.loss.formula(start + t.astype(step.dtype) * step, self.y)[0]
            rises.append(np.sum(share * (there - value - t * slope), 0))
        return np.stack(rises)

    def _scores(self, W: Array) -> Array:
        """Scores (n, M, C)."""
        blocks = Blocks(self.X, self.y, center=self.center, n_jobs=1)
        folded = self.linear.fold(W, blocks.dtype)
        scores = np.concatenate(list(blocks.map(lambda block: self.linear.scores(folded, block.X))))
        return scores.reshape(len(self.y), *W.shape[1:])

    @cached_property
    def _at_zero(self) -> Array:
        """The sum of second derivatives at W = 0, (M,) or (1,)."""
        members = self.y.shape[1] if self.y.ndim == 2 else self.weight.shape[1]
        return self._second_derivative(np.zeros((len(self.y), members, self.n_classes)))

    def _second_derivative(self, scores: Array) -> Array:
        """Weighted sums (M,) of second differences, along ±1 by a bit of the class number."""
        classes = np.arange(scores.shape[2])
        total = np.zeros(scores.shape[1])
        for digit in range(min(DIRECTIONS, int(classes[-1]).bit_length())):
            bump = (BUMP * (1 - 2.0 * (classes >> digit & 1))).astype(scores.dtype)
            up = self.loss.formula(scores + 1 * bump, self.y)[1]
            down = self.loss.formula(scores + -1 * bump, self.y)[1]
            total += np.sum(self.weight * ((up - down) @ bump), axis=0)
        return total


def chance_curvature(objective: Objective) -> float:
    """Mean second derivative of the loss in one score at scores 0, by centred differences.

    A loss with kinks has none; its smoothing with μ = 1 measures the density of kinks along a
    score.
    """
    loss = objective.loss if objective.loss.smooth else objective.loss.smoothed(1.0)
    n_classes = objective.n_classes
    # At equal scores all labels are alike: the first stands for them, with its right class and a
    # wrong one.
    bumps = BUMP * np.eye(2, n_classes)
    labels = np.zeros(2, dtype=np.int64)
    up = loss.formula(1 * bumps, labels)[1]
    down = loss.formula(-1 * bumps, labels)[1]
    right, wrong = np.diag(up - down) / (2 * BUMP)
    return max(float(right + (n_classes - 1) * wrong) / n_classes, 1e-6)

"""The typical second derivative of a loss along the scores."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.objective import Objective
from halfspaces.preconditioners.gram_matrix import (
    sample_rows,
)
from halfspaces.rows.blocks import Blocks
from halfspaces.scores import Linear
from halfspaces.support.types import Array, Features

PROBED_ROWS = 256  # that tell the curvature at an iterate


LENGTHS = 2.0 ** np.arange(-8, 2.5, 0.5)  # of a step that are looked at


WORTH_IT = 1.5  # times what a step of length 1 gains


BUMP = 0.25  # of a score, for a second difference


DIRECTIONS = 3  # in the scores, at most


NO_CURVATURE = 1e-11  # of that at W = 0: where every example is right by far there is none, and a map needs some


@dataclass(frozen=True, eq=False)
class Curvature:
    """What multiplies the Gram matrix, and what is added to it: a (Gram + ridge I), of each member.

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
        Rows that tell how it changes; None keeps a as it is.
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
    ) -> "Curvature":
        """At chance, unless it is given."""
        start = typical * chance_curvature(objective) if given is None else given
        probe = Probe.of(objective) if given is None and objective.loss.smooth else None
        penalty = np.zeros(n_members) + objective.penalty.curvature(n_members)
        return cls(np.full(n_members, start), penalty, tau, start, probe)

    @property
    def ridges(self) -> Array:
        """(M,)."""
        return self.penalty / self.a + self.tau

    def at(self, W: Array) -> Array:
        """a where W is, (M,)."""
        return (
            self.a
            if self.probe is None
            else self.start * np.maximum(self.probe.share(W), NO_CURVATURE)
        )

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """Of `LENGTHS` the best for the objective along a direction as some rows see it, its slope that of all.

        1 where that is nearly as good, or nothing is known.
        """
        if self.probe is None:
            return np.ones(W.shape[1])
        t = LENGTHS[:, None]
        bent = self.probe.bent(W, direction, LENGTHS) + 0.5 * t**2 * self.penalty * np.sum(
            direction[:-1] ** 2, (0, 2)
        )
        change = np.where(np.isfinite(bent), bent + t * slope, np.inf)
        best, whole = np.argmin(change, axis=0), change[LENGTHS == 1][0]
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
        """Rows of an objective."""
        rows = sample_rows(objective, PROBED_ROWS)
        every, taken = objective.blocks, objective.blocks.subset(rows)
        X: Any = every.X
        weight = taken.weights().reshape(len(rows), -1)
        return cls(
            X[taken.index],
            taken.labels(),
            weight,
            every.center,
            objective.linear,
            objective.loss,
            objective.n_classes,
        )

    def share(self, W: Array) -> Array:
        """The mean second derivative at W over that at 0, (M,); 1 where a loss is flat at 0, or rows have no weight."""
        at_zero, here = self._at_zero, self._second(self._scores(W))
        return np.where(at_zero > 0, here / np.where(at_zero > 0, at_zero, 1.0), 1.0)

    def bent(self, W: Array, direction: Array, lengths: Array) -> Array:
        """The mean loss at W + t direction above its tangent at W, for each length t, (T, M)."""
        start, step = self._scores(W), self._scores(direction)
        total = self.weight.sum(axis=0)
        share = self.weight / np.where(total > 0, total, 1.0)
        value, slope = self.loss.value_and_grad(start.copy(), self.y)
        slope = np.sum(slope * step, axis=2)
        there = (
            self.loss.value_and_grad(start + t.astype(step.dtype) * step, self.y)[0]
            for t in lengths
        )
        return np.stack(
            [
                np.sum(share * (each - value - t * slope), 0)
                for t, each in zip(lengths, there, strict=True)
            ]
        )

    def _scores(self, W: Array) -> Array:
        """Scores (n, M, C)."""
        blocks = Blocks(self.X, self.y, center=self.center, n_jobs=1)
        folded = self.linear.fold(W, blocks.dtype)
        scores = np.concatenate(list(blocks.map(lambda block: self.linear.scores(folded, block.X))))
        return scores.reshape(len(self.y), *W.shape[1:])

    @cached_property
    def _at_zero(self) -> Array:
        """Those at W = 0, (M,) or (1,)."""
        return self._second(np.zeros((len(self.y), self.weight.shape[1], self.n_classes)))

    def _second(self, scores: Array) -> Array:
        """Second differences, in directions ±1 by the digits of the classes' numbers; weighted sums (M,)."""
        classes, total = np.arange(scores.shape[2]), np.zeros(scores.shape[1])
        for digit in range(min(DIRECTIONS, int(classes[-1]).bit_length())):
            bump = (BUMP * (1 - 2.0 * (classes >> digit & 1))).astype(scores.dtype)
            up, down = (
                self.loss.value_and_grad(scores + sign * bump, self.y)[1] for sign in (1, -1)
            )
            total += np.sum(self.weight * ((up - down) @ bump), axis=0)
        return total


def chance_curvature(objective: Objective) -> float:
    """Mean second derivative of the loss in one score when all scores are 0, by centred differences.

    A loss with kinks has none; its smoothing with μ = 1 tells the density of kinks along a score.
    """
    loss = objective.loss if objective.loss.smooth else objective.loss.smoothed(1.0)
    n_classes, h = objective.n_classes, 0.25
    # All labels are alike at equal scores: the first stands for them, and of its classes the right one and a wrong one.
    bumps = h * np.eye(2, n_classes)
    up, down = (
        loss.value_and_grad(sign * bumps, np.zeros(2, dtype=np.int64))[1] for sign in (1, -1)
    )
    right, wrong = np.diag(up - down) / (2 * h)
    return max(float(right + (n_classes - 1) * wrong) / n_classes, 1e-6)

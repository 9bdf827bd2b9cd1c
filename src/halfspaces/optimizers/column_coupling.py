"""A step on the columns' weights of all classes together, where classes interact."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_solve

from halfspaces.kernels.column_loops import add_products, column_sums
from halfspaces.kernels.compile import run_compiled
from halfspaces.optimizers.column_descent import ClassModel
from halfspaces.optimizers.soft_threshold_steps import HALVINGS, cholesky
from halfspaces.preconditioners.conjugate_gradients import conjugate_gradients
from halfspaces.support.types import Array

CG_STEPS = 20
CG_ACCURACY = 0.1


class Together:
    """A Newton step on all weights of all classes that are not 0, where classes interact.

    Coordinate descent class by class is slow along what all classes have in common, such as words
    that are in every document.
    """

    def __init__(self, models: list[ClassModel], bend: Array, tie: Array) -> None:
        self.models = models
        self.stored = models[0].stored
        self.bend = bend
        self.tie = tie
        self.free = [np.flatnonzero((each.weights != 0) | (each.threshold == 0)) for each in models]
        self.work = [each.work[free] for each, free in zip(models, self.free, strict=True)]
        self.ends = np.cumsum([0, *map(len, self.free)])
        self.ridge = self._each(lambda model: model.ridge)
        self.factors = [
            None if each.Q is None else cholesky(each.Q[np.ix_(free, free)])
            for each, free in zip(models, self.free, strict=True)
        ]
        self.diagonal = self._each(lambda model: model.diagonal)

    def step(self, moves: Array, shared: Array) -> Array:
        """Change the weights and the moves (G, N) of the scores; returns the new Σ tie · moves."""
        slopes = self.bend * moves - self.tie * shared
        now = self._each(lambda model: model.weights)
        start = self._each(lambda model: model.start)
        threshold = self._each(lambda model: model.threshold)
        gradient = self._each(lambda model: model.gradient)
        gradient = gradient + self.sums(slopes) + self.ridge * (now - start)
        sign = np.sign(now) * (threshold > 0)
        right = -(gradient + threshold * sign)
        target = CG_ACCURACY * np.linalg.norm(right)
        step = conjugate_gradients(
            self.product,
            right,
            precondition=self.precondition,
            enough=lambda residual, energy, first: bool(np.linalg.norm(residual) <= target),
            max_steps=CG_STEPS,
        )
        for _ in range(HALVINGS):
            moved = np.where((threshold > 0) & (now * (now + step) < 0), 0.0, now + step)
            taken = moved - now
            change = self.scores(taken)
            bent = np.sum(self.bend * change**2) - np.sum(np.sum(self.tie * change, axis=0) ** 2)
            fall = gradient @ taken + 0.5 * (bent + self.ridge @ taken**2)
            if fall + threshold @ (np.abs(moved) - np.abs(now)) < 0:
                for c, free in enumerate(self.free):
                    self.models[c].weights[free] = moved[self.ends[c] : self.ends[c + 1]]
                moves += change
                return np.sum(self.tie * moves, axis=0)
            step *= 0.5
        return shared

    def _each(self, part: Callable[[ClassModel], Array]) -> Array:
        """An array of each class, of its free weights, one after the other."""
        pairs = zip(self.models, self.free, strict=True)
        return np.concatenate([part(model)[free] for model, free in pairs])

    def scores(self, step: Array) -> Array:
        """X times a step: the change (G, N) of the scores."""
        change = np.zeros_like(self.bend)
        for c, work in enumerate(self.work):
            part = step[self.ends[c] : self.ends[c + 1]]
            run_compiled(add_products, *self.stored, work, part, change[c])
        return change

    def sums(self, slopes: Array) -> Array:
        """The transpose of `scores`."""
        sums = np.empty(self.ends[-1])
        for c, work in enumerate(self.work):
            part = sums[self.ends[c] : self.ends[c + 1]]
            run_compiled(column_sums, *self.stored, work, slopes[c], part)
        return sums

    def product(self, step: Array) -> Array:
        """The Hessian of the model times a step."""
        change = self.scores(step)
        slopes = self.bend * change - self.tie * np.sum(self.tie * change, axis=0)
        return self.sums(slopes) + self.ridge * step

    def precondition(self, residual: Array) -> Array:
        """Each class's own Hessian, or its diagonal, inverted, times a residual."""
        solved = residual / self.diagonal
        for c, factor in enumerate(self.factors):
            part = slice(self.ends[c], self.ends[c + 1])
            if factor is not None and len(factor):
                solved[part] = cho_solve((factor, True), residual[part], check_finite=False)
        return solved

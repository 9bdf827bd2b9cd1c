"""A quadratic model of the data loss under soft-thresholding penalties, minimized without a pass.

With the curvature B (`halfspaces.optimizers.sketch`) a step V solves

    min_V ⟨g, V⟩ + ½⟨V, B V⟩ + t Σ|W + V| + r Σ (W + V)²,    B = σ A ⊗ Gram + U K Uᵀ,

class by class (block coordinate descent), each class by Newton's method on its few weights that are
not 0. Work is counted in multiply-adds; a minimization that has done its share ends where it is.
Each of its steps lowers the model, so that V is a step all the same.

References
----------
Lee, Sun & Saunders, Proximal Newton-type methods, 2014, https://doi.org/10.1137/130921428
Andrew & Gao, Scalable training of L1-regularized log-linear models, ICML 2007,
https://doi.org/10.1145/1273496.1273501
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from halfspaces.optimizers.sketch import Curvature
from halfspaces.optimizers.soft_threshold_steps import (
    HALVINGS,
    cholesky,
    coordinate_descent,
    projected_step,
    violations,
)
from halfspaces.preconditioners.conjugate_gradients import conjugate_gradients
from halfspaces.support.types import Array
from halfspaces.system.blas import one_blas_thread

_solve_triangular: Any = scipy.linalg.get_lapack_funcs("potrs", dtype=np.float64)

ROUNDS = 4  # over the classes
NEWTON_STEPS = 8  # of one class in one round
REMOVALS = 4  # rounds of taking out weights that would step to the wrong side of 0
CG_STEPS = 30
CG_ACCURACY = 0.1
CALL = 5e4  # multiply-adds in the time of a few calls of NumPy
NEW_WEIGHTS = 10  # that may leave 0 at a time; or half as many as are not 0, if that is more


@dataclass(eq=False)
class Model:
    """The model about one member's W, and the step V that minimizes it."""

    curvature: Curvature  # B
    gradient: Array  # (n, C), of data loss and ridge at V = 0
    start: Array  # W (n, C)
    threshold: Array  # t (n,), 0 for the bias
    ridge: Array  # 2r (n,)
    most_work: float = np.inf  # multiply-adds

    def __post_init__(self) -> None:
        self.V = np.zeros_like(self.gradient)
        self.products = np.zeros(self.gradient.shape)  # Gram V
        n, C = self.gradient.shape
        self.U = np.zeros((n, C, 0))
        self.K = np.zeros((0, 0))
        if self.curvature.pairs:
            self.U, self.K = self.curvature.corrections()
        self.along = np.zeros(len(self.K))  # Uᵀ V
        self.blocks: dict[int, tuple[Array, Array]] = {}
        self.factors: dict[int, tuple[Array, Array]] = {}
        self.work = 0.0

    def minimize(self, accuracy: float) -> Array:
        """V, with `accuracy` times the violation of the optimality conditions at 0, or less.

        Or with what `most_work` allows; at least one class has moved.
        """
        first = 0.0
        for turn in range(ROUNDS):
            slopes = self._slopes()
            violations = np.max(self._violations(slopes), axis=0)
            first = first if turn else float(np.max(violations))
            if np.max(violations) <= accuracy * first:
                break
            # The class furthest from its optimum first: the order does not depend on class numbers.
            for c in np.argsort(-violations, kind="stable"):
                if turn == 0 or violations[c] > 0.3 * accuracy * first:
                    self._descend(int(c))
                if self.work >= self.most_work:
                    return self.V
            self._couple()
            if self.work >= self.most_work:
                break
        return self.V

    def _couple(self) -> None:
        """Take a Newton step on all weights that are not 0, of all classes together.

        By conjugate gradients, preconditioned by the classes' own blocks.
        """
        at = self.start + self.V
        slopes = self._slopes()
        threshold = self.threshold[:, None]
        free = (at != 0) | (threshold == 0)
        sign = np.sign(at) * (threshold > 0)
        system = _System(self, free)
        step = np.zeros_like(at)
        step[free] = system.solve(-(slopes + threshold * sign)[free])
        for _ in range(HALVINGS):
            moved = np.where(at * (at + step) * (threshold > 0) < 0, 0.0, at + step)
            taken = moved - at
            change = np.sum(slopes * taken) + 0.5 * taken[free] @ system.product(taken[free])
            change += np.sum(threshold * (np.abs(moved) - np.abs(at)))
            if change < 0:
                self.V = moved - self.start
                self.products += system.gram_product(taken, whole=True)
                self.along += np.tensordot(taken, self.U, axes=2)
                return
            step *= 0.5

    def _slopes(self) -> Array:
        """The gradient of the smooth part (n, C)."""
        scale = self.curvature.scale
        bend = scale * self.curvature.sketch.along_classes(self.products)
        slopes = self.gradient + bend + self.ridge[:, None] * self.V
        return slopes + self.U @ (self.K @ self.along)

    def _violations(self, slopes: Array) -> Array:
        """The violation of each weight's condition of optimality (n, C)."""
        return violations(slopes, self.start + self.V, self.threshold[:, None])

    def _descend(self, c: int) -> None:
        """Minimize over the weights of class c that are not 0 or have the largest violations."""
        sketch = self.curvature.sketch
        shared = self.products.mean(axis=1)
        bend = sketch.own * self.products[:, c] - sketch.shared * shared
        slope = self.gradient[:, c] + self.curvature.scale * sketch.curvature * bend
        slope += self.ridge * self.V[:, c] + self.U[:, c] @ (self.K @ self.along)
        at = self.start[:, c] + self.V[:, c]
        work = self._working_set(slope, at)
        if len(work) == 0:
            return
        Q = self._block(c, work)
        before = self.V[work, c]
        self.V[work, c] = self._newton(c, work, Q, slope[work], at[work]) - self.start[work, c]
        self._add_move(c, work, self.V[work, c] - before)

    def _add_move(self, c: int, work: Array, move: Array) -> None:
        """Add the products with a move of some weights of class c."""
        gram = self.curvature.sketch.gram
        moved = np.flatnonzero(move)
        if 3 * len(moved) < len(gram):
            self.products[:, c] += move[moved].astype(gram.dtype) @ gram[work[moved]]
        else:
            every = np.zeros(len(gram), gram.dtype)
            every[work] = move
            self.products[:, c] += gram @ every
        self.work += min(len(moved), len(gram)) * len(gram)
        self.along += move @ self.U[work, c]

    def _working_set(self, slope: Array, at: Array) -> Array:
        """Indices of weights that are not 0 or have no threshold, and of the worst others."""
        working = (at != 0) | (self.threshold == 0)
        excess = np.where(working, 0.0, np.abs(slope) - self.threshold)
        most = max(NEW_WEIGHTS, int(working.sum()) // 2)
        new = np.flatnonzero(excess > 0)
        if len(new) > most:
            new = new[np.argpartition(-excess[new], most)[:most]]
        working[new] = True
        return np.flatnonzero(working)

    def _block(self, c: int, work: Array) -> Array:
        """B + ridge of some weights of class c."""
        known = self.blocks.get(c)
        if known is not None and np.array_equal(known[0], work):
            return known[1]
        sketch = self.curvature.sketch
        share = sketch.own - sketch.shared / self.gradient.shape[1]
        own = self.curvature.scale * sketch.curvature * share
        Q = own * sketch.gram[np.ix_(work, work)].astype(np.float64)
        U = self.U[work, c]
        Q += U @ self.K @ U.T
        self.work += CALL + len(work) * U.shape[1] * (U.shape[1] + len(work))
        Q[np.diag_indices(len(work))] += self.ridge[work]
        self.blocks[c] = work, Q
        self.factors.pop(c, None)
        return Q

    def _newton(self, c: int, work: Array, Q: Array, slope: Array, at: Array) -> Array:
        """New weights of the working set, by Newton steps that stop at 0 where a sign changes.

        The weights and not the move: 0 must be exact, since rounding that leaves a weight on the
        wrong side of it would count as twice the threshold.
        """
        threshold = self.threshold[work]
        now = at
        first = np.inf
        for turn in range(NEWTON_STEPS):
            self.work += CALL + 3.0 * Q.size
            slopes = slope + Q @ (now - at)
            worst = float(np.max(violations(slopes, now, threshold)))
            first = worst if turn == 0 else first
            if worst <= 1e-3 * first or worst == 0:
                break
            free = (now != 0) | (np.abs(slopes) > threshold)
            sign = np.where(now != 0, np.sign(now), -np.sign(slopes)) * (threshold > 0)
            step = self._newton_step(c, Q, slopes + threshold * sign, free, (now == 0) * sign)
            moved = projected_step(Q, slopes, now, step, sign, threshold)
            now = coordinate_descent(Q, slopes, now, threshold) if moved is None else moved
        return now

    def _newton_step(self, c: int, Q: Array, slopes: Array, free: Array, leaving: Array) -> Array:
        """The Newton step on the free weights.

        `leaving` holds the signs of weights that are to leave 0, else 0. Weights that would step to
        the wrong side are taken out: stopped at 0, they would spoil the direction of the others.
        """
        step = np.zeros(len(free))
        for _ in range(REMOVALS):
            step[:] = 0
            if not free.any():
                break
            step[free] = -self._solve(c, Q, free, slopes[free])
            wrong = free & (step * leaving < 0)
            if not wrong.any():
                break
            free = free & ~wrong
        return step

    def _solve(self, c: int, Q: Array, free: Array, right: Array) -> Array:
        """Q restricted to the free weights, inverted, times the right side."""
        known = self.factors.get(c)
        if known is None or not np.array_equal(known[0], free):
            self.factors[c] = known = free, cholesky(Q if free.all() else Q[np.ix_(free, free)])
            self.work += len(known[1]) ** 3 / 3
        self.work += CALL / 2 + len(known[1]) ** 2
        return _solve_triangular(known[1], right, lower=1)[0]


class _System:
    """B + ridge restricted to some weights (a mask) of all classes, and its inverse."""

    def __init__(self, model: Model, free: Array) -> None:
        self.model = model
        self.free = free
        self.rows = np.flatnonzero(free.any(axis=1))
        gram = model.curvature.sketch.gram
        nearly_all = 4 * len(self.rows) > 3 * len(gram)
        self.gram = gram if nearly_all else gram[np.ix_(self.rows, self.rows)]
        self.U = model.U[free]
        self.ridge = np.broadcast_to(model.ridge[:, None], free.shape)[free]
        self.positions = [np.flatnonzero(np.nonzero(free)[1] == c) for c in range(free.shape[1])]
        self.blocks = []
        for c in range(free.shape[1]):
            work = np.flatnonzero(free[:, c])
            self.blocks.append((work, model._block(c, work)))

    def gram_product(self, step: Array, *, whole: bool = False) -> Array:
        """Gram times a step (n, C) of free weights; on all features, or on those with any."""
        gram = self.model.curvature.sketch.gram
        product = np.zeros_like(step)
        if whole or len(self.gram) == len(gram):
            columns = slice(None) if len(self.gram) == len(gram) else self.rows
            return (gram[:, columns] @ step[columns].astype(gram.dtype)).astype(np.float64)
        product[self.rows] = self.gram @ step[self.rows].astype(gram.dtype)
        return product

    def product(self, vector: Array) -> Array:
        """B + ridge times a vector of the free weights."""
        curvature = self.model.curvature
        self.model.work += CALL + self.gram.size * self.free.shape[1] + 2.0 * self.U.size
        step = np.zeros(self.free.shape)
        step[self.free] = vector
        bent = curvature.scale * curvature.sketch.along_classes(self.gram_product(step))[self.free]
        return bent + self.ridge * vector + self.U @ (self.model.K @ (self.U.T @ vector))

    def precondition(self, vector: Array) -> Array:
        """Each class's own block, inverted, times a vector."""
        solved = np.empty_like(vector)
        for c, (work, Q) in enumerate(self.blocks):
            if len(work):
                at = self.positions[c]
                solved[at] = self.model._solve(c, Q, np.ones(len(work), bool), vector[at])
        return solved

    def solve(self, right: Array) -> Array:
        """Conjugate gradients to a small part of the right side."""
        model = self.model
        target = CG_ACCURACY * np.linalg.norm(right)
        return conjugate_gradients(
            self.product,
            right,
            precondition=self.precondition,
            enough=lambda residual, energy, first: (
                bool(np.linalg.norm(residual) <= target) or model.work >= model.most_work
            ),
            max_steps=CG_STEPS,
        )


def sparse_step(
    curvature: Curvature,
    W: Array,
    gradient: Array,
    threshold: float,
    ridge: float,
    accuracy: float,
    most_work: float,
) -> Array:
    """W + V (D+1, C) for the step V that minimizes the model of one member; zeros are exactly 0.

    Parameters
    ----------
    curvature : Curvature
    W, gradient : arrays, shape (D+1, C)
        The iterate, and the gradient of the data loss there.
    threshold, ridge : float
        t and 2r of the penalty t Σ|W| + r ΣW².
    accuracy : float
        Of the conditions of optimality, relative to their violation at V = 0.
    most_work : float
        Multiply-adds, about; a model that would need more is minimized less accurately.
    """
    sketch = curvature.sketch
    features = np.arange(len(sketch.gram)) < len(sketch.mean)
    start = np.zeros((len(features), W.shape[1]))
    start[features] = W[:-1]
    ridges = ridge * features
    slope = sketch.centred(gradient) + ridges[:, None] * start
    model = Model(curvature, slope, start, threshold * features, ridges, most_work)
    with one_blas_thread():
        V = model.minimize(accuracy)
    moved = W.copy()
    moved[:-1] += V[features]
    if sketch.has_bias:
        moved[-1] += V[-1] - sketch.mean @ V[:-1]
    return moved

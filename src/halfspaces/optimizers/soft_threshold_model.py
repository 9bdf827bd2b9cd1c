"""A quadratic model of the data loss under soft-thresholding penalties, minimized without a visit to the data.

The Hessian of every one of these losses is about A ⊗ Gram(X), A the curvature among the classes. Pairs (s, y) of moves
and changes of the gradient, seen on the way, correct it (the compact form of BFGS). So a step V solves

    min_V ⟨g, V⟩ + ½⟨V, B V⟩ + t Σ|W + V| + r Σ (W + V)²,    B = σ A ⊗ Gram + U K Uᵀ,

class by class (block coordinate descent), each class by Newton's method on its few weights that are not 0.

References
----------
Lee, Sun & Saunders, Proximal Newton-type methods, 2014, https://doi.org/10.1137/130921428
Byrd, Nocedal & Schnabel, Representations of quasi-Newton matrices, 1994, https://doi.org/10.1007/BF01582063
Andrew & Gao, Scalable training of L1-regularized log-linear models, ICML 2007, https://doi.org/10.1145/1273496.1273501
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.linalg

from halfspaces.objective import Objective
from halfspaces.preconditioners.conjugate_gradients import conjugate_gradients
from halfspaces.preconditioners.curvature import chance_curvature
from halfspaces.preconditioners.gram import TYPICAL, enough_rows
from halfspaces.preconditioners.gram_matrix import centred_gram, sample_rows
from halfspaces.rows.moments import Moments
from halfspaces.support.parallel import one_blas_thread
from halfspaces.support.types import Array

_solve_triangular: Any = scipy.linalg.get_lapack_funcs("potrs", dtype=np.float64)

Pair = tuple[
    Array, Array
]  # a move and the change of the gradient along it, (n, C) each, in centred units

DAMPING = 1e-2  # of A, in the direction that adds the same to all classes, where a shift-invariant loss is flat
ROUNDS = 4  # over the classes
NEWTON_STEPS = 8  # of one class in one round
HALVINGS = 8  # of a step
REMOVALS = 4  # of weights that want to leave 0 and would not get far
CG_STEPS = 30
CG_ACCURACY = 0.1
NEW_WEIGHTS = 10  # so many may leave 0 at a time, or half as many as there are


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is known of the curvature before any step: the Gram matrix of features and bias, and A = κ(d I − 11ᵀ/C).

    It serves every strength, class and member, and all objectives over the same examples.

    Parameters
    ----------
    gram : array, shape (n, n)
        Of the centred features, n = D, and, with a bias, n = D + 1: the bias is uncorrelated with centred features.
    mean : array, shape (D,)
        Taken off the features.
    curvature : float
        κ.
    own, shared : float
        d, and 1 where the loss is flat in the direction that adds the same to all classes, else 0.
    """

    gram: Array = field(repr=False)
    mean: Array = field(repr=False)
    curvature: float
    own: float
    shared: float

    @classmethod
    def of(cls, objective: Objective, n_members: int = 1) -> "Sketch":
        """From a sample of the rows, scaled to the variances of all of them.

        A feature that is rarely not 0 may hardly be in the sample; its weight would take steps without bounds. Scaling
        keeps correlations as they are: what adding to the diagonal would do to the least eigenvalues costs passes.
        """
        gram, mean = centred_gram(
            objective, sample_rows(objective, enough_rows(objective, n_members))
        )
        C, diagonal, eps = (
            objective.n_classes,
            np.diag(gram).copy(),
            float(np.finfo(gram.dtype).eps),
        )
        floor = 30 * eps * np.sqrt(len(gram)) * max(float(diagonal.max()), 1e-30)
        variances = _variances(objective, diagonal)
        scale = np.sqrt(variances / np.maximum(diagonal, floor)).astype(gram.dtype)
        gram *= scale
        gram *= scale[:, None]
        bias = int(objective.fit_intercept)
        gram = np.pad(gram, (0, bias))
        np.fill_diagonal(
            gram,
            np.append(np.maximum(np.diag(gram)[: len(mean)], variances) + floor, np.ones(bias)),
        )
        own = 1 + DAMPING if objective.loss.shift_invariant else 1.0
        a = TYPICAL * chance_curvature(objective)
        curvature = a * C / (C - 1) if objective.loss.shift_invariant else a
        return cls(gram, mean, curvature, own, float(objective.loss.shift_invariant))

    def centred(self, gradient: Array) -> Array:
        """A gradient (D+1, C) in the parameters of centred features and their bias (n, C)."""
        features = gradient[:-1] - self.mean[:, None] * gradient[-1]
        return (
            features
            if len(self.gram) == len(self.mean)
            else np.concatenate([features, gradient[-1:]])
        )

    def centred_move(self, move: Array) -> Array:
        """A move (D+1, C) in the same parameters."""
        if len(self.gram) == len(self.mean):
            return move[:-1]
        return np.concatenate([move[:-1], move[-1:] + self.mean @ move[:-1]])

    def along_classes(self, products: Array) -> Array:
        """(n, C) times A."""
        return self.curvature * (
            self.own * products - self.shared * products.mean(axis=1, keepdims=True)
        )


def _variances(objective: Objective, sampled: Array) -> Array:
    """Of the features as the scores see them, all examples counted; those sampled where members differ in weights."""
    blocks = objective.blocks
    if not objective.fit_intercept or (blocks.weight is not None and blocks.weight.ndim > 1):
        return sampled
    moments = Moments.of(blocks)
    return moments.squares / moments.count / objective.linear.standardization.scale**2


@dataclass(eq=False)
class Curvature:
    """B of one member: the sketch, scaled by σ, and the pairs that correct it."""

    sketch: Sketch
    pairs: deque[Pair]
    scale: float = 1.0

    def learn(self, move: Array, change: Array) -> None:
        """Remember a pair, given in the objective's parameters (D+1, C)."""
        s, y = self.sketch.centred_move(move), self.sketch.centred(change)
        if np.sum(s * y) > 1e-12 * np.linalg.norm(s) * np.linalg.norm(y):
            self.pairs.append((s, y))

    def corrections(self) -> tuple[Array, Array]:
        """U (n, C, 2m) and K (2m, 2m)."""
        n, (s, y) = (
            len(self.sketch.gram),
            (np.stack(part, axis=2) for part in zip(*self.pairs, strict=True)),
        )
        C, m = s.shape[1:]
        products = (self.sketch.gram @ s.reshape(n, -1).astype(self.sketch.gram.dtype)).reshape(
            s.shape
        )
        Bs = self.scale * self.sketch.along_classes(products.astype(np.float64))
        flat = [part.reshape(n * C, m) for part in (s, y, Bs)]
        sy, sBs = flat[0].T @ flat[1], flat[0].T @ flat[2]
        lower = np.tril(sy, -1)
        middle = np.block([[(sBs + sBs.T) / 2, lower], [lower.T, -np.diag(np.diag(sy))]])
        return np.concatenate([Bs, y], axis=2), -np.linalg.inv(middle)


@dataclass(eq=False)
class Model:
    """The model about one member's W, and the step V that minimizes it."""

    curvature: Curvature
    gradient: Array  # (n, C), of data loss and ridge at V = 0
    start: Array  # W (n, C)
    threshold: Array  # t (n,), 0 for the bias
    ridge: Array  # 2r (n,)

    def __post_init__(self) -> None:
        self.V = np.zeros_like(self.gradient)
        self.products = np.zeros(self.gradient.shape)  # Gram V
        n, C = self.gradient.shape
        self.U, self.K = np.zeros((n, C, 0)), np.zeros((0, 0))
        if self.curvature.pairs:
            self.U, self.K = self.curvature.corrections()
        self.along = np.zeros(len(self.K))  # Uᵀ V
        self.blocks: dict[int, tuple[Array, Array]] = {}
        self.factors: dict[int, tuple[Array, Array]] = {}

    def minimize(self, accuracy: float) -> Array:
        """V, its largest violation of the conditions of optimality at most so many times that of V = 0."""
        first = 0.0
        for turn in range(ROUNDS):
            slopes = self._slopes()
            violations = np.max(self._violations(slopes), axis=0)
            first = first if turn else float(np.max(violations))
            if np.max(violations) <= accuracy * first:
                break
            # Those furthest from their optimum first: an order that does not depend on the classes' numbers.
            for c in np.argsort(-violations, kind="stable"):
                if turn == 0 or violations[c] > 0.3 * accuracy * first:
                    self._descend(int(c))
            self._couple()
        return self.V

    def _couple(self) -> None:
        """A Newton step on all weights that are not 0, of all classes together: conjugate gradients on their system.

        Preconditioned by the classes' own blocks.
        """
        at, slopes = self.start + self.V, self._slopes()
        free = (at != 0) | (self.threshold == 0)[:, None]
        sign = np.sign(at) * (self.threshold > 0)[:, None]
        system = _System(self, free)
        step = np.zeros_like(at)
        step[free] = system.solve(-(slopes + self.threshold[:, None] * sign)[free])
        for _ in range(HALVINGS):
            there = np.where(at * (at + step) * (self.threshold > 0)[:, None] < 0, 0.0, at + step)
            taken = there - at
            bent = system.product(taken[free])
            change = np.sum(slopes * taken) + 0.5 * taken[free] @ bent
            change += np.sum(self.threshold[:, None] * (np.abs(there) - np.abs(at)))
            if change < 0:
                self.V = there - self.start
                self.products += system.gram_product(taken, whole=True)
                self.along += np.tensordot(taken, self.U, axes=2)
                return
            step *= 0.5

    def _slopes(self) -> Array:
        """The gradient of the smooth part (n, C)."""
        sketch, scale = self.curvature.sketch, self.curvature.scale
        slopes = (
            self.gradient
            + scale * sketch.along_classes(self.products)
            + self.ridge[:, None] * self.V
        )
        return slopes + self.U @ (self.K @ self.along)

    def _violations(self, slopes: Array) -> Array:
        """How far each weight is from its condition of optimality (n, C)."""
        return _violations(slopes, self.start + self.V, self.threshold[:, None])

    def _descend(self, c: int) -> None:
        """Minimize over the weights of class c that are not 0 or that want to leave it most."""
        sketch, scale = self.curvature.sketch, self.curvature.scale
        shared = self.products.mean(axis=1)
        slope = self.gradient[:, c] + scale * sketch.curvature * (
            sketch.own * self.products[:, c] - sketch.shared * shared
        )
        slope += self.ridge * self.V[:, c] + self.U[:, c] @ (self.K @ self.along)
        at = self.start[:, c] + self.V[:, c]
        work = self._worked_on(slope, at)
        if len(work) == 0:
            return
        Q = self._block(c, work)
        before = self.V[work, c]
        self.V[work, c] = self._newton(c, work, Q, slope[work], at[work]) - self.start[work, c]
        move = self.V[work, c] - before
        moved = np.flatnonzero(move)
        gram = sketch.gram
        if 3 * len(moved) < len(gram):
            self.products[:, c] += move[moved].astype(gram.dtype) @ gram[work[moved]]
        else:
            every = np.zeros(len(gram), gram.dtype)
            every[work] = move
            self.products[:, c] += gram @ every
        self.along += move @ self.U[work, c]

    def _worked_on(self, slope: Array, at: Array) -> Array:
        """Indices of weights that are not 0, of those that have no threshold, and of the worst others."""
        busy = (at != 0) | (self.threshold == 0)
        excess = np.where(busy, 0.0, np.abs(slope) - self.threshold)
        most = max(NEW_WEIGHTS, int(busy.sum()) // 2)
        new = np.flatnonzero(excess > 0)
        if len(new) > most:
            new = new[np.argpartition(-excess[new], most)[:most]]
        busy[new] = True
        return np.flatnonzero(busy)

    def _block(self, c: int, work: Array) -> Array:
        """B + ridge of some weights of class c."""
        known = self.blocks.get(c)
        if known is not None and np.array_equal(known[0], work):
            return known[1]
        sketch = self.curvature.sketch
        own = (
            self.curvature.scale
            * sketch.curvature
            * (sketch.own - sketch.shared / self.gradient.shape[1])
        )
        Q = own * sketch.gram[np.ix_(work, work)].astype(np.float64)
        U = self.U[work, c]
        Q += U @ self.K @ U.T
        Q[np.diag_indices(len(work))] += self.ridge[work]
        self.blocks[c] = work, Q
        self.factors.pop(c, None)
        return Q

    def _newton(self, c: int, work: Array, Q: Array, slope: Array, at: Array) -> Array:
        """Where the weights worked on go: Newton steps on free ones, stopped at 0 where they change sign.

        The place and not the move: 0 must be 0, since rounding that leaves a weight on the wrong side of it would count
        as twice the threshold.
        """
        threshold, now = self.threshold[work], at
        first = np.inf
        for turn in range(NEWTON_STEPS):
            slopes = slope + Q @ (now - at)
            violations = _violations(slopes, now, threshold)
            worst = float(np.max(violations))
            first = worst if turn == 0 else first
            if worst <= 1e-3 * first or worst == 0:
                break
            free = (now != 0) | (np.abs(slopes) > threshold)
            sign = np.where(now != 0, np.sign(now), -np.sign(slopes)) * (threshold > 0)
            step = np.zeros(len(work))
            for _ in range(REMOVALS):
                step[:] = 0
                step[free] = -self._solve(c, Q, free, (slopes + threshold * sign)[free])
                back = free & (now == 0) & (step * sign < 0)
                if not back.any():
                    break
                free = (
                    free & ~back
                )  # stopped at 0 at once, they would spoil the direction of the others
            there = _descended(Q, slopes, now, step, sign, threshold)
            now = _swept(Q, slopes, now, threshold) if there is None else there
        return now

    def _solve(self, c: int, Q: Array, free: Array, right: Array) -> Array:
        """Q restricted to the free weights, inverted, times the right side."""
        known = self.factors.get(c)
        if known is None or not np.array_equal(known[0], free):
            self.factors[c] = known = free, _factor(Q if free.all() else Q[np.ix_(free, free)])
        return _solve_triangular(known[1], right, lower=1)[0]


class _System:
    """B + ridge restricted to some weights (a mask) of all classes, and its inverse."""

    def __init__(self, model: Model, free: Array) -> None:
        self.model, self.free = model, free
        self.rows = np.flatnonzero(free.any(axis=1))
        gram = model.curvature.sketch.gram
        self.gram = (
            gram if 4 * len(self.rows) > 3 * len(gram) else gram[np.ix_(self.rows, self.rows)]
        )
        self.U = model.U[free]
        self.ridge = np.broadcast_to(model.ridge[:, None], free.shape)[free]
        self.positions = [np.flatnonzero(np.nonzero(free)[1] == c) for c in range(free.shape[1])]
        self.blocks = []
        for c in range(free.shape[1]):
            work = np.flatnonzero(free[:, c])
            self.blocks.append((work, model._block(c, work)))

    def gram_product(self, step: Array, *, whole: bool = False) -> Array:
        """Gram times a step (n, C) that is 0 outside; on all features, or on those that are free somewhere."""
        gram, product = self.model.curvature.sketch.gram, np.zeros_like(step)
        if whole or len(self.gram) == len(gram):
            columns = slice(None) if len(self.gram) == len(gram) else self.rows
            return (gram[:, columns] @ step[columns].astype(gram.dtype)).astype(np.float64)
        product[self.rows] = self.gram @ step[self.rows].astype(gram.dtype)
        return product

    def product(self, vector: Array) -> Array:
        """B + ridge times a vector of the free weights."""
        curvature, step = self.model.curvature, np.zeros(self.free.shape)
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
        target = CG_ACCURACY * np.linalg.norm(right)
        return conjugate_gradients(
            self.product,
            right,
            precondition=self.precondition,
            enough=lambda residual, energy, first: bool(np.linalg.norm(residual) <= target),
            max_steps=CG_STEPS,
        )


def _factor(Q: Array) -> Array:
    """The Cholesky factor (lower); what rounding took from the least eigenvalues is given back."""
    lift = 0.0
    while True:
        try:
            lifted = Q + lift * np.eye(len(Q)) if lift else Q
            return scipy.linalg.cholesky(lifted, lower=True, check_finite=False)
        except scipy.linalg.LinAlgError:
            lift = max(10 * lift, 1e-6 * float(np.mean(np.abs(np.diag(Q)))), 1e-300)


def _descended(
    Q: Array, slopes: Array, at: Array, step: Array, sign: Array, threshold: Array
) -> Array | None:
    """Where the longest of step, step/2, ... leads that lowers the model, weights that change sign stopped at 0."""
    for _ in range(HALVINGS):
        there = at + step
        there = np.where((threshold > 0) & (there * sign < 0), 0.0, there)
        taken = there - at
        change = slopes @ taken + 0.5 * taken @ Q @ taken + threshold @ (np.abs(there) - np.abs(at))
        if change < 0:
            return there
        step = 0.5 * step
    return None


def _swept(Q: Array, slopes: Array, at: Array, threshold: Array) -> Array:
    """Where one turn of coordinate descent leads: it lowers the model where a projected Newton step does not."""
    there, slopes = at.copy(), slopes.copy()
    for j, bent in enumerate(np.diag(Q)):
        wanted = bent * there[j] - slopes[j]
        moved = np.sign(wanted) * max(abs(wanted) - threshold[j], 0.0) / bent - there[j]
        if moved != 0:
            slopes += moved * Q[j]
            there[j] = 0.0 if abs(wanted) <= threshold[j] else there[j] + moved
    return there


def _violations(slopes: Array, at: Array, threshold: Array) -> Array:
    """The distance of −slope from the subdifferential of t|·|."""
    return np.where(
        at != 0,
        np.abs(slopes + threshold * np.sign(at)),
        np.maximum(np.abs(slopes) - threshold, 0.0),
    )


def sparse_step(
    curvature: Curvature, W: Array, gradient: Array, threshold: float, ridge: float, accuracy: float
) -> Array:
    """The point W + V (D+1, C) for the step V that minimizes the model of one member, zeros exactly 0.

    Parameters
    ----------
    curvature : Curvature
    W, gradient : arrays, shape (D+1, C)
        Where, and the gradient of the data loss there.
    threshold, ridge : float
        t and 2r of the penalty t Σ|W| + r ΣW².
    accuracy : float
        Of the conditions of optimality, relative to their violation at V = 0.
    """
    sketch, features = (
        curvature.sketch,
        np.arange(len(curvature.sketch.gram)) < len(curvature.sketch.mean),
    )
    start = np.zeros((len(features), W.shape[1]))
    start[features] = W[:-1]
    ridges = ridge * features
    model = Model(
        curvature,
        sketch.centred(gradient) + ridges[:, None] * start,
        start,
        threshold * features,
        ridges,
    )
    with one_blas_thread():
        V = model.minimize(accuracy)
    there = W.copy()
    there[:-1] += V[features]
    if not features.all():
        there[-1] += V[-1] - sketch.mean @ V[:-1]
    return there

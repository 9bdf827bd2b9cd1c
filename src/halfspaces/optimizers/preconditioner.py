"""Preconditioners: the Hessian of every one of these losses is about (curvature of a class) ⊗ Gram(X) + 2λ.

One sketch of the Gram matrix, from some of the rows, serves every class and member. Cholesky for one strength, an
eigendecomposition for several; by the side of the rows (`dual`) where those are fewer than the features. All at fixed
thread counts: the bits do not depend on the number of workers.

References
----------
Frangella, Rathore, Zhao & Udell, PROMISE: preconditioned stochastic optimization methods by incorporating scalable
curvature estimates, JMLR 2024, https://arxiv.org/abs/2309.02014
Frangella, Tropp & Udell, Randomized Nyström preconditioning, SIMAX 2023, https://arxiv.org/abs/2110.02820
Rudi, Carratino & Rosasco, FALKON, 2017, https://arxiv.org/abs/1705.10958
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg

from halfspaces._validation import check_number
from halfspaces.blocks import (
    Blocks,
    Features,
    available_workers,
    blas_threads,
    one_blas_thread,
    ordered_map,
)
from halfspaces.losses import Loss
from halfspaces.objective import Objective
from halfspaces.optimizers.by_class import MOST_NUMBERS, ROWS_A_CLASS, ClassHessians, ClassModel
from halfspaces.optimizers.dual import CentredRows, Dual, DualInverse
from halfspaces.optimizers.gram_matrix import (
    MOST_BYTE_ROWS,
    are_bytes,
    centred_gram,
    copy_lower_to_upper,
    panels,
    sample_rows,
)
from halfspaces.scores import Linear

Array = np.ndarray

TURNED_ROWS = 1024  # of eigenvectors
TYPICAL = 0.8  # curvature of a fitted loss beside that at chance: it falls as scores grow
FACTOR_THREADS = 2  # of a factorization, for any number of workers: so its bits are the same
CHEAPER = 2  # rows where bytes are multiplied: still for less than half the time
LEAST_RANK, MOST_RANK = 512, 2048
PROBED_ROWS = 256  # that tell the curvature at an iterate
LENGTHS = 2.0 ** np.arange(-8, 2.5, 0.5)  # of a step that are looked at
WORTH_IT = 1.5  # times what a step of length 1 gains
BUMP = 0.25  # of a score, for a second difference
DIRECTIONS = 3  # in the scores, at most
NO_CURVATURE = 1e-11  # of that at W = 0: where every example is right by far there is none, and a map needs some
CHANGED, ANOTHER = 2.0, 10.0  # times a curvature: worth another factorization; older pairs tell nothing of it
CLASSES_CHANGED, CLASSES_ANOTHER = 1.02, 1.25  # the same where the curvatures of the classes are known: a look is cheap
MOST_FALL = 100.0  # of a curvature at a time
CHEAP = 4  # passes, in D × D products: an eigendecomposition for one strength


class Preconditioning(ABC):
    """A linear map of gradients (D+1, M, C) to steps."""

    @abstractmethod
    def __call__(self, gradient: Array) -> Array:
        """The steps."""

    def at(self, W: Array) -> tuple["Preconditioning", Array]:
        """The map for the curvature at W, and the members (a mask) whose curvature there is quite another."""
        return self, np.zeros(W.shape[1], bool)

    def with_penalty(self, curvature: Array) -> "Preconditioning":
        """The map for a penalty of another curvature, 2λ (M,)."""
        return self

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """How far to go first (M,) along a direction (D+1, M, C) with these slopes (M,): 1 is a quasi-Newton step."""
        return np.ones(W.shape[1])


class Preconditioner(ABC):
    """Builds an approximate inverse Hessian from an objective."""

    @abstractmethod
    def build(self, objective: Objective, n_members: int) -> Preconditioning:
        """A linear map of gradients (D+1, M, C) to steps of the same shape."""


@dataclass(frozen=True)
class Identity(Preconditioner, Preconditioning):
    """No preconditioning."""

    def build(self, objective: Objective, n_members: int) -> "Identity":
        """Itself."""
        return self

    def __call__(self, gradient: Array) -> Array:
        """The gradient."""
        return gradient


@dataclass(frozen=True)
class Gram(Preconditioner):
    """(a · Gram + 2λI)⁻¹ for every class, the Gram matrix of the centred features from a sample of the rows.

    Parameters
    ----------
    rows : int or None
        Size of the sample. None takes at least 2 D, and more where a pass is dear beside the sketch: as many as cost
        three passes.
    curvature : float or None
        a, the typical second derivative of the loss in one score. None takes 0.8 times the loss's own: at chance
        first, and then where the iterate is (`GramInverse.at`).

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    rows: int | None = None
    curvature: float | None = None

    def __post_init__(self) -> None:
        if self.rows is not None:
            check_number("Gram(rows=...)", self.rows, at_least=1, integer=True)
        if self.curvature is not None:
            check_number("Gram(curvature=...)", self.curvature, above=0)

    def build(self, objective: Objective, n_members: int) -> Preconditioning:
        """Sketch, factorize, and solve for each gradient."""
        rows = sample_rows(objective, self.rows or enough_rows(objective, n_members))
        scale = Curvature.of(objective, n_members, self.curvature, TYPICAL)
        if 2 * len(rows) <= objective.n_features:
            centred = CentredRows.of(objective, rows)
            return GramInverse(Dual.of(centred).inverse(scale.ridges), centred.mean, scale, objective.fit_intercept)
        gram, mean = centred_gram(objective, rows)
        one = np.ptp(scale.ridges) == 0
        factor = Cholesky.of(gram, scale.ridges) if one else Eigen.of(gram, scale.ridges)
        return GramInverse(factor, mean, scale, objective.fit_intercept, self._hessians(objective, n_members, rows))

    def _hessians(self, objective: Objective, n_members: int, sketched: Array) -> ClassHessians | None:
        """None: the curvature is one number."""
        return None


@dataclass(frozen=True)
class ByClass(Gram):
    """`Gram` that becomes a model of the Hessian by classes (`halfspaces.optimizers.by_class`) where that pays.

    It takes an eigendecomposition instead of a Cholesky factor, and looks at the curvatures of 500 examples a class.
    So it does for several strengths in turn, and for one where a pass is dear beside D × D products; for smooth losses.

    Examples
    --------
    >>> from halfspaces import LinearClassifier
    >>> from halfspaces.minimize import minimize
    >>> from halfspaces.optimizers import LBFGS
    >>> from sklearn.datasets import load_digits
    >>> objective = LinearClassifier(strength=0.01).objective(*load_digits(return_X_y=True))
    >>> passes = [minimize(objective, LBFGS(preconditioner=each), tol=1e-4).passes for each in (Gram(), ByClass())]
    >>> passes[1] < 0.8 * passes[0]
    True
    """

    def _hessians(self, objective: Objective, n_members: int, sketched: Array) -> ClassHessians | None:
        """Of smooth losses whose curvatures find room."""
        classes = objective.n_classes
        if self.curvature is not None or not objective.loss.smooth or n_members * classes**3 > MOST_NUMBERS:
            return None
        probed = sample_rows(objective, ROWS_A_CLASS * classes)
        probed = probed[np.argsort(objective.blocks.labels(probed), kind="stable")]
        return ClassHessians(objective.blocks, sketched, probed, objective.linear, objective.loss, classes)


@dataclass(frozen=True)
class LowRank(Preconditioner):
    """(a · Gram + (2λ + a τ) I)⁻¹ for every class, the Gram matrix from so few rows that its rank is below D.

    The diagonal a τ stands for what these rows do not show. τ is where the effective dimension Σ κ/(κ + τ) of their
    Gram matrix is a quarter of their number: in the directions that stand out from τ, so many rows tell the curvature
    to a constant factor. Where all rows are drawn, τ is 0. Costs n² D operations, holds n rows.

    Parameters
    ----------
    rank : int or None
        n, the number of rows drawn. None takes as many as cost three passes, 512 at least and 2,048 at most.
    curvature : float or None
        a, the typical second derivative of the loss in one score; None takes the loss's own, as `Gram` does.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    rank: int | None = None
    curvature: float | None = None

    def __post_init__(self) -> None:
        if self.rank is not None:
            check_number("LowRank(rank=...)", self.rank, at_least=1, integer=True)
        if self.curvature is not None:
            check_number("LowRank(curvature=...)", self.curvature, above=0)

    def build(self, objective: Objective, n_members: int) -> Preconditioning:
        """Draw the rows, decompose their products, and solve for each gradient."""
        rows = sample_rows(objective, self.rank or affordable_rank(objective, n_members))
        centred = CentredRows.of(objective, rows)
        dual, every = Dual.of(centred), len(sample_rows(objective, objective.n_examples))
        tau = dual.damping(len(rows) / 4) if len(rows) < every else 0.0
        scale = Curvature.of(objective, n_members, self.curvature, 1.0, tau)
        return GramInverse(dual.inverse(scale.ridges), centred.mean, scale, objective.fit_intercept)


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
        cls, objective: Objective, n_members: int, given: float | None, typical: float, tau: float = 0.0
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
        return self.a if self.probe is None else self.start * np.maximum(self.probe.share(W), NO_CURVATURE)

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """Of `LENGTHS` the best for the objective along a direction as some rows see it, its slope that of all.

        1 where that is nearly as good, or nothing is known.
        """
        if self.probe is None:
            return np.ones(W.shape[1])
        t = LENGTHS[:, None]
        bent = self.probe.bent(W, direction, LENGTHS) + 0.5 * t**2 * self.penalty * np.sum(direction[:-1] ** 2, (0, 2))
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
            X[taken.index], taken.labels(), weight, every.center, objective.linear, objective.loss, objective.n_classes
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
        there = (self.loss.value_and_grad(start + t.astype(step.dtype) * step, self.y)[0] for t in lengths)
        return np.stack([np.sum(share * (each - value - t * slope), 0) for t, each in zip(lengths, there, strict=True)])

    def _scores(self, W: Array) -> Array:
        """Scores (n, M, C)."""
        blocks = Blocks(self.X, self.y, center=self.center, n_jobs=1)
        folded = self.linear.fold(W, blocks.dtype)
        scores = np.concatenate(list(blocks.map(lambda X, y, weight: self.linear.scores(folded, X))))
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
            up, down = (self.loss.value_and_grad(scores + sign * bump, self.y)[1] for sign in (1, -1))
            total += np.sum(self.weight * ((up - down) @ bump), axis=0)
        return total


@dataclass(frozen=True, eq=False)
class Cholesky:
    """Solves (Gram + ridge I) V = R for one ridge, by a Cholesky factor.

    Parameters
    ----------
    factor : array, shape (D, D), Fortran order
        The factor above the diagonal and on it, the Gram matrix below.
    diagonal : array, shape (D,)
        Of the Gram matrix.
    """

    factor: Array
    diagonal: Array

    @classmethod
    def of(cls, gram: Array, ridges: Array) -> "Cholesky":
        """The factor, in gram's own memory; members whose ridges differ share their geometric mean.

        A ridge too small for this precision grows until it is not.
        """
        diagonal = np.diag(gram).copy()
        ridge = max(float(np.exp(np.mean(np.log(np.maximum(ridges, 1e-300))))), _floor(gram))
        while True:
            np.fill_diagonal(gram, diagonal + ridge)
            try:
                with blas_threads(FACTOR_THREADS):
                    factor = scipy.linalg.cho_factor(gram.T, overwrite_a=True, check_finite=False)[0]
                return cls(factor, diagonal)
            except scipy.linalg.LinAlgError:
                ridge *= 10
                copy_lower_to_upper(gram.T)  # the half that the attempt has not touched

    def ridged(self, ridges: Array) -> "Cholesky":
        """For another ridge, in the memory of this one."""
        return Cholesky.of(self._gram(), ridges)

    def eigen(self, ridges: Array) -> "Eigen":
        """The decomposition instead, in the memory of this factor."""
        return Eigen.of(self._gram(), ridges)

    def _gram(self) -> Array:
        copy_lower_to_upper(self.factor)
        np.fill_diagonal(self.factor, self.diagonal)
        return self.factor.T

    def solve(self, right: Array) -> Array:
        """V (D, M, C)."""
        columns = right.reshape(len(right), -1).astype(self.factor.dtype)
        with one_blas_thread():  # a second would spin for a while beside the workers of the next visit
            solution = scipy.linalg.cho_solve((self.factor, False), columns, check_finite=False)
        return solution.reshape(right.shape)


@dataclass(frozen=True, eq=False)
class Eigen:
    """Solves (Gram + ridge I) V = R for a ridge of each member: eigenvalues (D,), eigenvectors (D, D), ridges (M,)."""

    values: Array
    vectors: Array
    ridges: Array
    floor: float

    @classmethod
    def of(cls, gram: Array, ridges: Array) -> "Eigen":
        """The decomposition."""
        floor = _floor(gram)
        with blas_threads(FACTOR_THREADS):
            # The transpose is the same matrix in the order that LAPACK overwrites without a copy.
            values, vectors = scipy.linalg.eigh(gram.T, overwrite_a=True, check_finite=False, driver="evd")
        return cls(np.maximum(values, 0), vectors, ridges, floor)

    def ridged(self, ridges: Array) -> "Eigen":
        """For other ridges."""
        return replace(self, ridges=ridges)

    def solve(self, right: Array) -> Array:
        """V (D, M, C)."""
        shrunk = self.values[:, None] + np.maximum(self.ridges, self.floor)
        return self.turned(self.turned(right, back=True) / shrunk[:, :, None])

    def turned(self, columns: Array, *, back: bool = False) -> Array:
        """From the eigenvectors to the features, or back, (D, ...), in panels by two workers."""
        vectors = self.vectors.T if back else self.vectors
        flat = columns.reshape(len(columns), -1).astype(vectors.dtype)
        with one_blas_thread():
            parts = ordered_map(lambda panel: vectors[panel] @ flat, panels(len(flat), TURNED_ROWS), FACTOR_THREADS)
            return np.concatenate(list(parts)).reshape(columns.shape)


@dataclass(frozen=True, eq=False)
class GramInverse(Preconditioning):
    """The linear map of gradients to steps, the bias included."""

    factor: Cholesky | Eigen | DualInverse
    mean: Array
    scale: Curvature
    fit_intercept: bool
    hessians: ClassHessians | None = None

    def __call__(self, gradient: Array) -> Array:
        """(a · Gram + 2λI)⁻¹ of each class's gradient."""
        # The bias is decoupled from centred features: solve in (w, b + mean·w), then change back.
        slope = gradient[-1]
        step = np.zeros_like(gradient)
        step[:-1] = self.factor.solve(gradient[:-1] - self.mean[:, None, None] * slope)
        if self.fit_intercept:
            step[-1] = slope - np.einsum("d,dmc->mc", self.mean, step[:-1])
        return step / self.scale.a[:, None]

    def at(self, W: Array) -> tuple[Preconditioning, Array]:
        """With the curvature at W, where that is no longer the one before."""
        if self.hessians is not None and len(self.mean) ** 2 <= CHEAP * self.hessians.blocks.n_examples * W[0].size:
            return self._by_class(self.scale).at(W)
        a = self.scale.at(W)
        ratio = np.maximum(a / self.scale.a, self.scale.a / a)
        if np.all(ratio < CHANGED):
            return self, ratio >= ANOTHER
        return self._scaled(replace(self.scale, a=np.where(ratio < CHANGED, self.scale.a, a))), ratio >= ANOTHER

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """1, unless some rows tell that another length gains much more."""
        return self.scale.length(W, direction, slope)

    def with_penalty(self, curvature: Array) -> Preconditioning:
        """With another ridge; since there are several, in the eigenvectors of the Gram matrix."""
        scale = replace(self.scale, penalty=curvature)
        return self._scaled(scale) if self.hessians is None else self._by_class(scale)

    def _scaled(self, scale: Curvature) -> "GramInverse":
        return replace(self, factor=self.factor.ridged(scale.ridges), scale=scale)

    def _by_class(self, scale: Curvature) -> "ClassInverse":
        hessians, factor = self.hessians, self.factor
        assert hessians is not None
        assert not isinstance(factor, DualInverse)
        eigen = factor if isinstance(factor, Eigen) else factor.eigen(scale.ridges)
        frequencies, means = hessians.means(self.mean)
        turned = eigen.turned(np.ascontiguousarray(means.T), back=True).T
        return ClassInverse(eigen, self.mean, scale, self.fit_intercept, hessians, frequencies, turned)


@dataclass(frozen=True, eq=False)
class ClassInverse(Preconditioning):
    """The same map by a model that knows the curvature among the classes and along their means (`by_class`)."""

    eigen: Eigen
    mean: Array
    scale: Curvature
    fit_intercept: bool
    hessians: ClassHessians
    frequencies: Array  # of the classes, (K,)
    means: Array  # of the classes in the eigenvectors, (K, D)
    curvatures: Array | None = None  # A_k (K, M, C, C); None before any W was seen

    @cached_property
    def models(self) -> list[ClassModel]:
        """The Hessian of each member, with the bias where there is one."""
        assert self.curvatures is not None
        bias = int(self.fit_intercept)
        values = np.append(self.eigen.values.astype(np.float64) + self.eigen.floor, np.ones(bias))
        means = np.pad(self.means, ((0, 0), (0, bias)), constant_values=1.0)
        ridges = (np.append(np.full(len(self.mean), ridge), np.zeros(bias)) for ridge in self.scale.penalty)
        curvatures = np.moveaxis(self.curvatures, 1, 0)
        return [
            ClassModel(values, self.frequencies, means, each, ridge)
            for each, ridge in zip(curvatures, ridges, strict=True)
        ]

    def __call__(self, gradient: Array) -> Array:
        """H⁻¹ of the gradient, or of several, one behind the other, (D+1, M, J·C)."""
        slope, classes = gradient[-1], len(self.means)
        right = self.eigen.turned(gradient[:-1] - self.mean[:, None, None] * slope, back=True)
        right = np.concatenate([right, slope[None]])[: len(self.models[0].values)]
        V, members = np.empty_like(right), len(self.models)
        parts = [(m, slice(c, c + classes)) for m in range(members) for c in range(0, right.shape[2], classes)]

        def solve(part: tuple[int, slice]) -> None:
            m, columns = part
            V[:, m, columns] = self.models[m].solve(right[:, m, columns].astype(np.float64))

        with one_blas_thread():
            for _ in ordered_map(solve, parts, available_workers(self.hessians.blocks.n_jobs)):
                pass
        step = np.zeros_like(gradient)
        step[:-1] = self.eigen.turned(V[: len(self.mean)])
        if self.fit_intercept:
            step[-1] = V[-1] - np.einsum("d,dmc->mc", self.mean, step[:-1])
        return step

    def at(self, W: Array) -> tuple["ClassInverse", Array]:
        """With the curvatures at W, where these are no longer those before.

        A step too far may lead to where every example is right by far, and the curvature next to nothing: it falls by a
        factor of 100 at most.
        """
        found = self.scale.at(W)
        a = np.maximum(found, self.scale.a / MOST_FALL)
        ratio = np.maximum(a / self.scale.a, self.scale.a / a)
        if self.curvatures is not None and np.all(ratio < CLASSES_CHANGED):
            return self, np.zeros(W.shape[1], bool)
        curvatures = self.hessians.at(W, more=a - found)
        seen = replace(self, curvatures=curvatures, scale=replace(self.scale, a=a))
        return seen, ratio >= CLASSES_ANOTHER

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """1, unless some rows tell that another length gains much more."""
        return self.scale.length(W, direction, slope)

    def with_penalty(self, curvature: Array) -> "ClassInverse":
        """With another ridge."""
        return replace(self, scale=replace(self.scale, penalty=curvature))


def chance_curvature(objective: Objective) -> float:
    """Mean second derivative of the loss in one score when all scores are 0, by centred differences.

    A loss with kinks has none; its smoothing with μ = 1 tells the density of kinks along a score.
    """
    loss = objective.loss if objective.loss.smooth else objective.loss.smoothed(1.0)
    n_classes, h = objective.n_classes, 0.25
    # All labels are alike at equal scores: the first stands for them, and of its classes the right one and a wrong one.
    bumps = h * np.eye(2, n_classes)
    up, down = (loss.value_and_grad(sign * bumps, np.zeros(2, dtype=np.int64))[1] for sign in (1, -1))
    right, wrong = np.diag(up - down) / (2 * h)
    return max(float(right + (n_classes - 1) * wrong) / n_classes, 1e-6)


def enough_rows(objective: Objective, n_members: int) -> int:
    """At least 2 D and 4096; n rows cost n D² operations, three passes 12 N D M C. More where bytes are multiplied."""
    D, columns = objective.n_features, n_members * objective.n_classes
    rows = max(4096, 2 * D, 12 * objective.n_examples * columns // D)
    return min(CHEAPER * rows, MOST_BYTE_ROWS) if are_bytes(objective) else rows


def affordable_rank(objective: Objective, n_members: int) -> int:
    """n rows cost n² D operations, three passes 12 N D M C."""
    columns = n_members * objective.n_classes
    return int(np.clip(np.sqrt(12 * objective.n_examples * columns), LEAST_RANK, MOST_RANK))


def _floor(gram: Array) -> float:
    """The least ridge for which a factorization in this precision is safe."""
    eps = float(np.finfo(gram.dtype).eps)
    return 30 * eps * max(float(np.max(np.diag(gram))), 1e-30) * math.sqrt(len(gram))

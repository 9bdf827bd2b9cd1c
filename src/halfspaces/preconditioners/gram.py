"""Preconditioners from the Gram matrix of the features."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from halfspaces.objective import Objective
from halfspaces.preconditioners.base import Preconditioner, Preconditioning
from halfspaces.preconditioners.class_hessian import (
    MOST_NUMBERS,
    ROWS_A_CLASS,
    ClassHessians,
    ClassModel,
)
from halfspaces.preconditioners.curvature import Curvature
from halfspaces.preconditioners.factors import Cholesky, Eigen
from halfspaces.preconditioners.gram_matrix import (
    MOST_BYTE_ROWS,
    are_bytes,
    centred_gram,
    sample_rows,
)
from halfspaces.preconditioners.row_gram import CentredRows, Dual, DualInverse
from halfspaces.support.parallel import available_workers, one_blas_thread, ordered_map
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

TYPICAL = 0.8  # curvature of a fitted loss beside that at chance: it falls as scores grow


CHEAPER = 2  # rows where bytes are multiplied: still for less than half the time


LEAST_RANK, MOST_RANK = 512, 2048


CHANGED, ANOTHER = (
    2.0,
    10.0,
)  # times a curvature: worth another factorization; older pairs tell nothing of it


CLASSES_CHANGED, CLASSES_ANOTHER = (
    1.02,
    1.25,
)  # the same where the curvatures of the classes are known: a look is cheap


MOST_FALL = 100.0  # of a curvature at a time


CHEAP = 4  # passes, in D × D products: an eigendecomposition for one strength


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
            return GramInverse(
                Dual.of(centred).inverse(scale.ridges), centred.mean, scale, objective.fit_intercept
            )
        gram, mean = centred_gram(objective, rows)
        one = np.ptp(scale.ridges) == 0
        factor = Cholesky.of(gram, scale.ridges) if one else Eigen.of(gram, scale.ridges)
        return GramInverse(
            factor, mean, scale, objective.fit_intercept, self._hessians(objective, n_members, rows)
        )

    def _hessians(
        self, objective: Objective, n_members: int, sketched: Array
    ) -> ClassHessians | None:
        """None: the curvature is one number."""
        return None


@dataclass(frozen=True)
class ByClass(Gram):
    """`Gram` that becomes a model of the Hessian by classes (`halfspaces.preconditioners.class_hessian`) where that pays.

    It takes an eigendecomposition instead of a Cholesky factor, and looks at the curvatures of 500 examples a class.
    So it does for several strengths in turn, and for one where a pass is dear beside D × D products; for smooth losses.

    Examples
    --------
    >>> from halfspaces import LinearClassifier
    >>> from halfspaces import minimize
    >>> from halfspaces.optimizers import LBFGS
    >>> from sklearn.datasets import load_digits
    >>> objective = LinearClassifier(strength=0.01).objective(*load_digits(return_X_y=True))
    >>> passes = [minimize(objective, LBFGS(preconditioner=each), tol=1e-4).passes for each in (Gram(), ByClass())]
    >>> passes[1] < 0.8 * passes[0]
    True
    """

    def _hessians(
        self, objective: Objective, n_members: int, sketched: Array
    ) -> ClassHessians | None:
        """Of smooth losses whose curvatures find room."""
        classes = objective.n_classes
        if (
            self.curvature is not None
            or not objective.loss.smooth
            or n_members * classes**3 > MOST_NUMBERS
        ):
            return None
        probed = sample_rows(objective, ROWS_A_CLASS * classes)
        probed = probed[np.argsort(objective.blocks.labels(probed), kind="stable")]
        return ClassHessians(
            objective.blocks, sketched, probed, objective.linear, objective.loss, classes
        )


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
        if (
            self.hessians is not None
            and len(self.mean) ** 2 <= CHEAP * self.hessians.blocks.n_examples * W[0].size
        ):
            return self._by_class(self.scale).at(W)
        a = self.scale.at(W)
        ratio = np.maximum(a / self.scale.a, self.scale.a / a)
        if np.all(ratio < CHANGED):
            return self, ratio >= ANOTHER
        return self._scaled(
            replace(self.scale, a=np.where(ratio < CHANGED, self.scale.a, a))
        ), ratio >= ANOTHER

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
        return ClassInverse(
            eigen, self.mean, scale, self.fit_intercept, hessians, frequencies, turned
        )


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
        ridges = (
            np.append(np.full(len(self.mean), ridge), np.zeros(bias))
            for ridge in self.scale.penalty
        )
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
        parts = [
            (m, slice(c, c + classes))
            for m in range(members)
            for c in range(0, right.shape[2], classes)
        ]

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


def enough_rows(objective: Objective, n_members: int) -> int:
    """At least 2 D and 4096; n rows cost n D² operations, three passes 12 N D M C. More where bytes are multiplied."""
    D, columns = objective.n_features, n_members * objective.n_classes
    rows = max(4096, 2 * D, 12 * objective.n_examples * columns // D)
    return min(CHEAPER * rows, MOST_BYTE_ROWS) if are_bytes(objective) else rows


def affordable_rank(objective: Objective, n_members: int) -> int:
    """n rows cost n² D operations, three passes 12 N D M C."""
    columns = n_members * objective.n_classes
    return int(np.clip(np.sqrt(12 * objective.n_examples * columns), LEAST_RANK, MOST_RANK))

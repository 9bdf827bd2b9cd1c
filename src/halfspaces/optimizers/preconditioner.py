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

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from scipy.sparse import csr_array

from halfspaces._validation import check_number
from halfspaces.blocks import Features, Visit, available_workers, blas_threads, one_blas_thread, ordered_map, stacked
from halfspaces.objective import Objective
from halfspaces.optimizers.dual import CentredRows, Dual, DualInverse
from halfspaces.scores import Linear

Array = np.ndarray
Preconditioning = Callable[[Array], Array]  # a linear map of gradients (D+1, M, C) to steps

CHUNK_ROWS = 3072
PANEL = 256
TYPICAL = 0.8  # curvature of a fitted loss beside that at chance: it falls as scores grow
FACTOR_THREADS = 2  # of a factorization, for any number of workers: so its bits are the same
SPARSE_PANEL = 128  # columns of sparse rows that are filled at a time
LEAST_RANK, MOST_RANK = 512, 2048


class Preconditioner(ABC):
    """Builds an approximate inverse Hessian from an objective."""

    @abstractmethod
    def build(self, objective: Objective, n_members: int) -> Preconditioning:
        """A linear map of gradients (D+1, M, C) to steps of the same shape."""


@dataclass(frozen=True)
class Identity(Preconditioner):
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
        a, the typical second derivative of the loss in one score; None takes 0.8 times the loss's own at chance.

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
        a = TYPICAL * chance_curvature(objective) if self.curvature is None else self.curvature
        ridges = np.asarray(objective.penalty.curvature(n_members)) / a
        if 2 * len(rows) <= objective.n_features:
            centred = CentredRows.of(objective, rows)
            return GramInverse(Dual.of(centred).inverse(ridges), centred.mean, a, objective.fit_intercept)
        gram, mean = centred_gram(objective, rows)
        factor = Cholesky.of(gram, ridges[0]) if np.ptp(ridges) == 0 else Eigen.of(gram, ridges)
        return GramInverse(factor, mean, a, objective.fit_intercept)


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
        a, the typical second derivative of the loss in one score; None takes the loss's own at chance.

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
        a = chance_curvature(objective) if self.curvature is None else self.curvature
        centred = CentredRows.of(objective, rows)
        dual, every = Dual.of(centred), len(sample_rows(objective, objective.n_examples))
        tau = dual.damping(len(rows) / 4) if len(rows) < every else 0.0
        ridges = np.asarray(objective.penalty.curvature(n_members)) / a + tau
        return GramInverse(dual.inverse(ridges), centred.mean, a, objective.fit_intercept)


@dataclass(frozen=True, eq=False)
class Cholesky:
    """Solves (Gram + ridge I) V = R for one ridge, by a Cholesky factor (upper, Fortran order)."""

    factor: Array

    @classmethod
    def of(cls, gram: Array, ridge: float) -> "Cholesky":
        """The factor, in gram's own memory; a ridge too small for this precision grows until it is not."""
        diagonal, ridge = np.diag(gram).copy(), max(ridge, _floor(gram))
        while True:
            np.fill_diagonal(gram, diagonal + ridge)
            try:
                with blas_threads(FACTOR_THREADS):
                    return cls(scipy.linalg.cho_factor(gram.T, overwrite_a=True, check_finite=False)[0])
            except scipy.linalg.LinAlgError:
                ridge *= 10
                _copy_lower_to_upper(gram.T)  # the half that the attempt has not touched

    def solve(self, right: Array) -> Array:
        """V (D, M, C)."""
        columns = right.reshape(len(right), -1).astype(self.factor.dtype)
        with one_blas_thread():
            solution = scipy.linalg.cho_solve((self.factor, False), columns, check_finite=False)
        return solution.reshape(right.shape)


@dataclass(frozen=True, eq=False)
class Eigen:
    """Solves (Gram + ridge I) V = R for a ridge of each member: eigenvectors (D, D), 1/(eigenvalue + ridge) (D, M)."""

    vectors: Array
    inverse: Array

    @classmethod
    def of(cls, gram: Array, ridges: Array) -> "Eigen":
        """The decomposition."""
        floor = _floor(gram)
        with one_blas_thread():
            # The transpose is the same matrix in the order that LAPACK overwrites without a copy.
            values, vectors = scipy.linalg.eigh(gram.T, overwrite_a=True, check_finite=False, driver="evd")
        return cls(vectors, 1 / (np.maximum(values, 0)[:, None] + np.maximum(ridges, floor)))

    def solve(self, right: Array) -> Array:
        """V (D, M, C)."""
        columns = right.reshape(len(right), -1).astype(self.vectors.dtype)
        with one_blas_thread():
            rotated = (self.vectors.T @ columns).reshape(right.shape) * self.inverse[:, :, None]
            return (self.vectors @ rotated.reshape(len(right), -1).astype(self.vectors.dtype)).reshape(right.shape)


@dataclass(frozen=True, eq=False)
class GramInverse:
    """The linear map of gradients to steps, the bias included."""

    factor: Cholesky | Eigen | DualInverse
    mean: Array
    curvature: float
    fit_intercept: bool

    def __call__(self, gradient: Array) -> Array:
        """(a · Gram + 2λI)⁻¹ of each class's gradient."""
        # The bias is decoupled from centred features: solve in (w, b + mean·w), then change back.
        slope = gradient[-1]
        step = np.zeros_like(gradient)
        step[:-1] = self.factor.solve(gradient[:-1] - self.mean[:, None, None] * slope)
        if self.fit_intercept:
            step[-1] = slope - np.einsum("d,dmc->mc", self.mean, step[:-1])
        return step / self.curvature


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
    """At least 2 D and 4096; n rows cost n D² operations, three passes 12 N D M C."""
    D, columns = objective.n_features, n_members * objective.n_classes
    return max(4096, 2 * D, 12 * objective.n_examples * columns // D)


def affordable_rank(objective: Objective, n_members: int) -> int:
    """n rows cost n² D operations, three passes 12 N D M C."""
    columns = n_members * objective.n_classes
    return int(np.clip(np.sqrt(12 * objective.n_examples * columns), LEAST_RANK, MOST_RANK))


def sample_rows(objective: Objective, size: int, seed: int = 0) -> Array:
    """Sorted indices of at most `size` examples, drawn without replacement from those of positive weight."""
    weights = objective.blocks.weights().reshape(objective.n_examples, -1).sum(axis=1)
    candidates = np.flatnonzero(weights > 0)
    if len(candidates) <= size:
        return candidates
    return np.sort(np.random.default_rng(seed).choice(candidates, size, replace=False))


def centred_gram(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """Weighted Gram matrix (D, D) of the sampled features about their mean, and that mean (D,).

    In standardized units. Without a bias the Hessian is that of the features as they are: the mean counts as 0.
    """
    if isinstance(objective.blocks.X, csr_array):
        return _sparse_gram(objective, rows)
    dtype, D = objective.blocks.dtype, objective.n_features
    gram, mean, count = np.zeros((D, D), dtype), np.zeros(D), 0.0
    panels = [slice(start, min(start + PANEL, D)) for start in range(0, D, PANEL)]
    chunk = np.empty((min(CHUNK_ROWS, len(rows)), D), dtype)
    local = threading.local()
    for start in range(0, len(rows), CHUNK_ROWS):
        Z, weight = _standardized(objective, rows[start : start + CHUNK_ROWS], chunk)
        mean += weight.astype(dtype) @ Z
        count += float(weight.sum())
        if objective.blocks.weight is not None:
            Z *= np.sqrt(weight).astype(dtype)[:, None]

        def add(panel: slice, Z: Array = Z) -> None:
            if not hasattr(local, "product"):
                local.product = np.empty(D * PANEL, dtype)
            below = gram[panel.start :, panel]
            below += np.matmul(Z[:, panel.start :].T, Z[:, panel], out=local.product[: below.size].reshape(below.shape))

        with one_blas_thread():
            for _ in ordered_map(add, panels, available_workers(objective.blocks.n_jobs)):
                pass
    mean *= objective.fit_intercept / count

    def finish(panel: slice) -> None:
        below = gram[panel.start :, panel]
        below *= dtype.type(1 / count)
        below -= np.outer(mean[panel.start :], mean[panel]).astype(dtype)
        _mirror(gram, panel)

    for _ in ordered_map(finish, panels, available_workers(objective.blocks.n_jobs)):
        pass
    return gram, mean


def _sparse_gram(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """The same from sparse rows: a panel of columns at a time is filled, and the means are taken off the products."""
    dtype, D, units = objective.blocks.dtype, objective.n_features, objective.linear.standardization

    def visit(X: Any, y: Array, weight: Array | None) -> tuple[csr_array, Array]:
        return X, _mean_weight(y, weight)

    parts, weights = zip(*objective.blocks.map(visit, rows), strict=True)
    Z: Any = stacked(parts)
    root = np.sqrt(np.concatenate(weights) / np.sum(np.concatenate(weights)))
    Z.data = Z.data * (np.repeat(root, np.diff(Z.indptr)) / units.scale[Z.indices]).astype(dtype)
    mean, columns = root @ Z, Z.tocsc()
    offset = mean - units.mean / units.scale
    kept = np.zeros(D) if objective.fit_intercept else offset
    taken, given, gram = mean.astype(dtype), kept.astype(dtype), np.empty((D, D), dtype)

    def fill(start: int) -> None:
        panel, rest = slice(start, start + SPARSE_PANEL), slice(start, None)
        products = columns[:, rest].T @ columns[:, panel].toarray()
        products += np.outer(given[rest], given[panel]) - np.outer(taken[rest], taken[panel])
        gram[rest, panel] = products

    for _ in ordered_map(fill, list(range(0, D, SPARSE_PANEL)), available_workers(objective.blocks.n_jobs)):
        pass
    _copy_lower_to_upper(gram)
    return gram, offset - kept


def _copy_lower_to_upper(square: Array) -> None:
    for start in range(0, len(square), PANEL):
        _mirror(square, slice(start, start + PANEL))


def _mirror(square: Array, panel: slice) -> None:
    """Rows right of the diagonal from columns below it."""
    rest = slice(panel.stop, None)
    square[panel, rest] = square[rest, panel].T
    corner = square[panel, panel]
    corner[:] = np.tril(corner) + np.tril(corner, -1).T


def _standardized(objective: Objective, rows: Array, out: Array | None = None) -> tuple[Array, Array]:
    """Standardized features (rows, D), in `out` where it is given, and weights (rows,)."""
    linear, dtype = objective.linear, objective.blocks.dtype
    shift = (linear.standardization.mean - linear.center).astype(dtype)
    factor = (1 / linear.standardization.scale).astype(dtype)
    Z = np.empty((len(rows), len(shift)), dtype) if out is None else out[: len(rows)]
    weights = np.empty(len(rows))

    def visit(X: Any, y: Array, weight: Array | None) -> tuple[Array, Array]:
        standardized = X - shift
        standardized *= factor
        return standardized, _mean_weight(y, weight)

    start = 0
    for part, weight in objective.blocks.map(visit, rows):
        Z[start : start + len(part)], weights[start : start + len(part)] = part, weight
        start += len(part)
    return Z, weights


def _mean_weight(y: Array, weight: Array | None) -> Array:
    """The weight of each example (B,), the members' mean where they have weights of their own."""
    return np.ones(len(y)) if weight is None else weight.reshape(len(y), -1).mean(axis=1)


def _floor(gram: Array) -> float:
    """The least ridge for which a factorization in this precision is safe."""
    eps = float(np.finfo(gram.dtype).eps)
    return 30 * eps * max(float(np.max(np.diag(gram))), 1e-30) * np.sqrt(len(gram))


def largest_eigenvalue(
    objective: Objective, batch_size: int | None = None, *, rows: int = 2048, turns: int = 20
) -> float:
    """λ_max of [x̃, 1]ᵀ[x̃, 1]/N over a sample of the standardized rows, by power iteration: 1.1 times a lower bound.

    For random batches the expected smoothness, λ_max + (max ‖[x̃, 1]‖² − λ_max) (N − B)/(B (N − 1))
    (Gower et al., SGD: general analysis and improved rates, ICML 2019, https://arxiv.org/abs/1901.09401).
    """
    blocks, linear, rows_taken = objective.blocks, objective.linear, sample_rows(objective, rows)
    v, value, count = np.random.default_rng(0).standard_normal((objective.n_features + 1, 1, 1)), 0.0, 0.0

    for _ in range(turns):
        dV, dc, count = blocks.sum(_turn(linear, linear.fold(v, blocks.dtype)), rows_taken)
        v = linear.pullback(dV, dc, v.shape) / count
        value = float(np.linalg.norm(v))
        v /= value if value > 0 else 1
    if batch_size is not None:
        longest = float(max(map(np.max, blocks.map(_lengths(objective), rows_taken)))) * len(rows_taken) / count
        left_out = max(objective.n_examples - batch_size, 0) / (batch_size * max(objective.n_examples - 1, 1))
        value += max(longest - value, 0.0) * left_out
    return 1.1 * value


def _turn(linear: Linear, folded: tuple[Array, Array]) -> Visit[tuple[Array, Array, float]]:
    """A visit that adds up w_i [x̃_i, 1] s_i for the scores s_i of the folded parameters, and w_i."""

    def visit(X: Features, y: Array, weight: Array | None) -> tuple[Array, Array, float]:
        scores, counted = linear.scores(folded, X), _mean_weight(y, weight)
        return *linear.pull(X, scores * counted.astype(scores.dtype)[:, None]), float(counted.sum())

    return visit


def _lengths(objective: Objective) -> Visit[Array]:
    """A visit that gives w_i ‖[x̃_i, 1]‖² (B,) of standardized rows, sparse ones never filled."""
    linear = objective.linear
    factor = 1 / linear.standardization.scale
    shift = (linear.standardization.mean - linear.center) * factor

    def visit(X: Any, y: Array, weight: Array | None) -> Array:
        Z = X * factor
        squares = (Z**2).sum(axis=1) - 2 * (Z @ shift) + shift @ shift
        return _mean_weight(y, weight) * (squares + objective.fit_intercept)

    return visit

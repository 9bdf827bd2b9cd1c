"""The Gram matrix of n rows by its n × n side: nothing of size D × D, and sparse rows are filled a few at a time.

Let Z (n, D) hold the centred rows, each times √(w_i / Σ w). Gram = ZᵀZ has the eigenvalues of ZZᵀ = Q diag(κ) Qᵀ, and

    (Gram + ρI)⁻¹ = (I − Zᵀ Q diag(1/(κ + ρ)) Qᵀ Z) / ρ,

so that a solve is two products with the rows. Z itself is never formed: rows stay as they came, and the products are
those of the score function.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg

from halfspaces.objective import Objective
from halfspaces.rows.blocks import Blocks, compute_dtype
from halfspaces.scores import Linear
from halfspaces.support.parallel import one_blas_thread
from halfspaces.support.types import Array, Block, Features

FILLED = 1 << 21  # elements of the standardized rows that are formed at a time
PANEL = 256


@dataclass(frozen=True, eq=False)
class CentredRows:
    """Z (n, D), as a linear map.

    Parameters
    ----------
    X : array or csr_array, shape (n, D)
        A copy of the rows, as they came.
    center : array, shape (D,), or None
    n_jobs : int or None
        As blocks take them. Blocks are made for each product: with their buffers this could not be saved.
    linear : Linear
        What standardizes them.
    root : array, shape (n,)
        √(w_i / Σ w).
    mean : array, shape (D,)
        Theirs, in standardized units; 0 without a bias, where the Hessian is that of the rows as they are.
    """

    X: Features
    center: Array | None
    n_jobs: int | None
    linear: Linear
    root: Array
    mean: Array

    @classmethod
    def of(cls, objective: Objective, rows: Array) -> "CentredRows":
        """Those of an objective; members with weights of their own share their mean."""
        taken, every = objective.blocks.subset(rows), objective.blocks
        X: Any = every.X
        share = taken.weights().reshape(len(rows), -1).mean(axis=1)
        share /= share.sum()
        ones, zeros = np.ones(len(rows)), np.zeros(objective.n_features)
        whole = cls(
            X[taken.index], every.center, every.n_jobs, objective.linear.shared, ones, zeros
        )
        mean = whole.pull(share[:, None])[:, 0] * objective.fit_intercept
        return replace(whole, root=np.sqrt(share), mean=mean)

    def blocks(self) -> Blocks:
        """The rows in blocks, all with the label 0."""
        labels = np.zeros(len(self.root), np.int64)
        return Blocks(self.X, labels, center=self.center, n_jobs=self.n_jobs)

    def times(self, V: Array, first: int = 0) -> Array:
        """Z[first:] V (n − first, K) for V (D, K), in the precision of the rows."""
        linear, W, blocks = self.linear, np.concatenate([V, -(self.mean @ V)[None]]), self.blocks()
        folded = linear.fold(W, blocks.dtype)
        rows = slice(first, None)
        scores = blocks.map(
            lambda block: linear.scores(folded, block.X), rows, columns=linear.columns(W)
        )
        return np.concatenate(list(scores)) * self.root[rows].astype(blocks.dtype)[:, None]

    def pull(self, S: Array) -> Array:
        """Zᵀ S (D, K), float64, for S (n, K)."""
        linear, weighed = self.linear, (S * self.root[:, None]).astype(compute_dtype(self.X.dtype))
        dV, dc = self.blocks().sum(
            lambda block: linear.pull(block.X, weighed[block.rows]), columns=S.shape[1]
        )
        return linear.pullback(dV, dc, (len(dV) + 1, dV.shape[1]))[:-1] - np.outer(self.mean, dc)

    def products(self) -> Array:
        """The lower half of ZZᵀ (n, n)."""
        n, D = len(self.root), len(self.mean)
        kernel = np.empty((n, n), compute_dtype(self.X.dtype))
        size = max(1, min(PANEL, FILLED // D))
        for start in range(0, n, size):
            panel = np.arange(start, min(start + size, n))
            kernel[start:, panel] = self.times(self._filled(panel).T, start)
        return kernel

    def _filled(self, panel: Array) -> Array:
        """Some rows of Z."""
        units = self.linear.standardization

        def visit(block: Block) -> Array:
            dense = block.X if isinstance(block.X, np.ndarray) else block.X.toarray()
            return (dense - (units.mean - self.linear.center)) / units.scale

        filled = np.concatenate(list(self.blocks().map(visit, panel)))
        return (filled - self.mean) * self.root[panel][:, None]


@dataclass(frozen=True, eq=False)
class Dual:
    """The eigenvalues κ (n,) and vectors Q (n, n) of ZZᵀ."""

    rows: CentredRows
    values: Array
    vectors: Array

    @classmethod
    def of(cls, rows: CentredRows) -> "Dual":
        """The decomposition, at one thread."""
        products = rows.products()
        with one_blas_thread():
            # The transpose is the order that LAPACK overwrites without a copy.
            options = {"lower": False, "overwrite_a": True, "check_finite": False, "driver": "evd"}
            values, vectors = scipy.linalg.eigh(products.T, **options)
        return cls(rows, np.maximum(values.astype(np.float64), 0.0), vectors)

    def inverse(self, ridges: Array) -> "DualInverse":
        """(Gram + ridge I)⁻¹ for a ridge of each member (M,)."""
        # 1/ρ cancels to 1/(κ + ρ) along the rows, which costs κ/ρ of the precision: what is left must keep its sign.
        floor = 100 * float(np.finfo(self.vectors.dtype).eps) * max(float(self.values.max()), 1e-30)
        return DualInverse(self, np.maximum(ridges, floor))

    def damping(self, freedom: float) -> float:
        """τ of which Σ κ/(κ + τ), the effective dimension, is `freedom`; 0 where it is below that for every τ."""
        present = self.values[self.values > 1e-12 * self.values.max(initial=0.0)]
        if len(present) <= freedom:
            return 0.0
        low, high = np.log(1e-15 * present.max()), np.log(present.sum() / freedom)
        for _ in range(60):
            middle = (low + high) / 2
            many = np.sum(present / (present + np.exp(middle))) > freedom
            low, high = (middle, high) if many else (low, middle)
        return float(np.exp(high))


@dataclass(frozen=True, eq=False)
class DualInverse:
    """Solves (Gram + ridge I) V = R for a ridge of each member (M,)."""

    dual: Dual
    ridges: Array

    def ridged(self, ridges: Array) -> "DualInverse":
        """For other ridges."""
        return self.dual.inverse(ridges)

    def solve(self, right: Array) -> Array:
        """V (D, M, C)."""
        rows, vectors = self.dual.rows, self.dual.vectors
        along = rows.times(right.reshape(len(right), -1))
        shrunk = self.dual.values[:, None] + self.ridges
        with one_blas_thread():
            rotated = (vectors.T @ along).reshape(-1, *right.shape[1:]) / shrunk[:, :, None]
            along = vectors @ rotated.reshape(along.shape).astype(vectors.dtype)
        return (right - rows.pull(along).reshape(right.shape)) / self.ridges[:, None]

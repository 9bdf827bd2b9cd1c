"""The Gram matrix of n rows by its n × n side: nothing of size D × D, for fewer rows than features.

Let Z (n, D) hold the centred rows, each times √(w_i / Σ w). Gram = ZᵀZ has the eigenvalues of
ZZᵀ = Q diag(κ) Qᵀ, and

    (Gram + ρI)⁻¹ = (I − Zᵀ Q diag(1/(κ + ρ)) Qᵀ Z) / ρ,

so that a solve is two products with the rows. Z itself is never formed: rows stay as they came,
sparse ones too, and the products are those of the score function.

References
----------
Frangella, Tropp & Udell, Randomized Nyström preconditioning, SIMAX 2023,
https://arxiv.org/abs/2110.02820; Rudi, Carratino & Rosasco, FALKON, 2017,
https://arxiv.org/abs/1705.10958
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg

from halfspaces.objective.objective import Objective
from halfspaces.rows.blocks import Blocks, compute_dtype
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Block, Features
from halfspaces.system.blas import one_blas_thread

DENSE_ELEMENTS = 1 << 21  # of the standardized rows that are formed at a time
PANEL = 256  # rows of ZZᵀ that are formed at a time


@dataclass(frozen=True, eq=False)
class CentredRows:
    """Z (n, D), as a linear map.

    Parameters
    ----------
    X : array or csr_array, shape (n, D)
        A copy of the rows, as they came.
    center : array, shape (D,), or None
        As `Blocks` takes it.
    n_jobs : int or None
        As `Blocks` takes it. Blocks are made for each product: their buffers could not be saved.
    linear : Linear
        Standardizes the rows.
    root : array, shape (n,)
        √(w_i / Σ w).
    mean : array, shape (D,)
        Of the rows, in standardized units; 0 without a bias, where the Hessian is that of the rows
        as they are.
    """

    X: Features
    center: Array | None
    n_jobs: int | None
    linear: Linear
    root: Array
    mean: Array

    @classmethod
    def of(cls, objective: Objective, rows: Array) -> "CentredRows":
        """Some rows of an objective; where members have weights of their own, by their mean."""
        blocks = objective.blocks
        sample = blocks.subset(rows)
        X: Any = blocks.X
        share = sample.weights().reshape(len(rows), -1).mean(axis=1)
        share /= share.sum()
        uncentred = cls(
            X=X[sample.index],
            center=blocks.center,
            n_jobs=blocks.n_jobs,
            linear=objective.linear.shared,
            root=np.ones(len(rows)),
            mean=np.zeros(objective.n_features),
        )
        mean = uncentred.transposed_times(share[:, None])[:, 0] * objective.fit_intercept
        return replace(uncentred, root=np.sqrt(share), mean=mean)

    def blocks(self) -> Blocks:
        """The rows in blocks, all with the label 0."""
        labels = np.zeros(len(self.root), np.int64)
        return Blocks(self.X, labels, center=self.center, n_jobs=self.n_jobs)

    def times(self, V: Array, first: int = 0) -> Array:
        """Z[first:] V (n − first, K) for V (D, K), in the precision of the rows."""
        W = np.concatenate([V, -(self.mean @ V)[None]])
        blocks = self.blocks()
        folded = self.linear.fold(W, blocks.dtype)
        rows = slice(first, None)
        scores = blocks.map(
            lambda block: self.linear.scores(folded, block.X),
            rows,
            columns=self.linear.columns(W),
        )
        return np.concatenate(list(scores)) * self.root[rows].astype(blocks.dtype)[:, None]

    def transposed_times(self, S: Array) -> Array:
        """Zᵀ S (D, K), float64, for S (n, K)."""
        weighed = (S * self.root[:, None]).astype(compute_dtype(self.X.dtype))
        (dV,) = self.blocks().sum(
            lambda block: (self.linear.pull(block.X, weighed[block.rows]),), columns=S.shape[1]
        )
        dc = weighed.sum(axis=0, dtype=np.float64)
        pulled = self.linear.pullback((dV, dc), 1.0, (len(dV) + 1, dV.shape[1]))[:-1]
        return pulled - np.outer(self.mean, dc)

    def products(self) -> Array:
        """The lower half of ZZᵀ (n, n)."""
        n = len(self.root)
        products = np.empty((n, n), compute_dtype(self.X.dtype))
        size = max(1, min(PANEL, DENSE_ELEMENTS // len(self.mean)))
        for start in range(0, n, size):
            panel = np.arange(start, min(start + size, n))
            products[start:, panel] = self.times(self._dense(panel).T, start)
        return products

    def _dense(self, panel: Array) -> Array:
        """Some rows of Z."""
        units = self.linear.standardization

        def visit(block: Block) -> Array:
            dense = block.X if isinstance(block.X, np.ndarray) else block.X.toarray()
            return (dense - (units.mean - self.linear.center)) / units.scale

        dense = np.concatenate(list(self.blocks().map(visit, panel)))
        return (dense - self.mean) * self.root[panel][:, None]


@dataclass(frozen=True, eq=False)
class RowGram:
    """The eigendecomposition of ZZᵀ, the Gram matrix of the rows.

    Parameters
    ----------
    rows : CentredRows
    values : array, shape (n,)
        κ.
    vectors : array, shape (n, n)
        Q.
    """

    rows: CentredRows
    values: Array
    vectors: Array

    @classmethod
    def of(cls, rows: CentredRows) -> "RowGram":
        """The decomposition, by one thread."""
        products = rows.products()
        with one_blas_thread():
            # The transpose is the order that LAPACK overwrites without a copy.
            options = {"lower": False, "overwrite_a": True, "check_finite": False, "driver": "evd"}
            values, vectors = scipy.linalg.eigh(products.T, **options)
        return cls(rows, np.maximum(values.astype(np.float64), 0.0), vectors)

    def inverse(self, ridges: Array) -> "RowGramInverse":
        """(Gram + ridge I)⁻¹ for a ridge of each member (M,)."""
        # 1/ρ cancels to 1/(κ + ρ) along the rows, at the cost of κ/ρ of the precision: the rest
        # must keep its sign.
        eps = float(np.finfo(self.vectors.dtype).eps)
        least = 100 * eps * max(float(self.values.max()), 1e-30)
        return RowGramInverse(self, np.maximum(ridges, least))

    def damping(self, dimension: float) -> float:
        """τ that makes the effective dimension Σ κ/(κ + τ) equal; 0 where it is less for any τ."""
        present = self.values[self.values > 1e-12 * self.values.max(initial=0.0)]
        if len(present) <= dimension:
            return 0.0
        low = np.log(1e-15 * present.max())
        high = np.log(present.sum() / dimension)
        for _ in range(60):  # bisection of log τ
            middle = (low + high) / 2
            if np.sum(present / (present + np.exp(middle))) > dimension:
                low = middle
            else:
                high = middle
        return float(np.exp(high))


@dataclass(frozen=True, eq=False)
class RowGramInverse:
    """Solves (Gram + ridge I) V = R for a ridge of each member (M,), by `RowGram`."""

    gram: RowGram
    ridges: Array

    def ridged(self, ridges: Array) -> "RowGramInverse":
        """For other ridges."""
        return self.gram.inverse(ridges)

    def solve(self, right: Array) -> Array:
        """V (D, M, C)."""
        rows = self.gram.rows
        vectors = self.gram.vectors
        along = rows.times(right.reshape(len(right), -1))
        shrunk = self.gram.values[:, None] + self.ridges
        with one_blas_thread():
            rotated = (vectors.T @ along).reshape(-1, *right.shape[1:]) / shrunk[:, :, None]
            along = vectors @ rotated.reshape(along.shape).astype(vectors.dtype)
        outside = right - rows.transposed_times(along).reshape(right.shape)
        return outside / self.ridges[:, None]

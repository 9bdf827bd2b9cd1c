"""Factorizations of a Gram matrix that solve (Gram + ridge I) V = R.

Cholesky for one ridge, an eigendecomposition for several. Both by one thread of BLAS: the bits do
not depend on other threads. Two take 2 to 90 times as long as one while other processes use the
cores, since each waits for the other.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.linalg

from halfspaces.preconditioners.gram_matrix import copy_lower_to_upper, panels
from halfspaces.support.types import Array
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.threads import ordered_map

PANEL_ROWS = 1024  # of the eigenvectors, multiplied at a time
WORKERS = 2  # a product by panels is bound by memory: more gain little


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
        ridge = float(np.exp(np.mean(np.log(np.maximum(ridges, 1e-300)))))
        ridge = max(ridge, _least_ridge(gram))
        while True:
            np.fill_diagonal(gram, diagonal + ridge)
            try:
                with one_blas_thread():
                    factor, _ = scipy.linalg.cho_factor(
                        gram.T, overwrite_a=True, check_finite=False
                    )
                return cls(factor, diagonal)
            except scipy.linalg.LinAlgError:
                ridge *= 10
                copy_lower_to_upper(gram.T)  # the half that the attempt left intact

    def ridged(self, ridges: Array) -> "Cholesky":
        """For another ridge, in the memory of this one."""
        return Cholesky.of(self._gram(), ridges)

    def eigen(self, ridges: Array) -> "Eigen":
        """The eigendecomposition instead, in the memory of this factor."""
        return Eigen.of(self._gram(), ridges)

    def _gram(self) -> Array:
        copy_lower_to_upper(self.factor)
        np.fill_diagonal(self.factor, self.diagonal)
        return self.factor.T

    @cached_property
    def inverse(self) -> Array:
        """(Gram + ridge I)⁻¹, for right sides on a device, where a product is what is fast."""
        identity = np.eye(len(self.factor), dtype=self.factor.dtype)
        with one_blas_thread():
            return scipy.linalg.cho_solve((self.factor, False), identity, check_finite=False)

    def solve(self, right: Array) -> Array:
        """V (D, M, C)."""
        if not isinstance(right, np.ndarray):
            return (self.inverse @ right.reshape(len(right), -1)).reshape(right.shape)
        columns = right.reshape(len(right), -1).astype(self.factor.dtype)
        with one_blas_thread():
            solution = scipy.linalg.cho_solve((self.factor, False), columns, check_finite=False)
        return solution.reshape(right.shape)


@dataclass(frozen=True, eq=False)
class Eigen:
    """Solves (Gram + ridge I) V = R for a ridge of each member, by an eigendecomposition.

    Parameters
    ----------
    values : array, shape (D,)
    vectors : array, shape (D, D)
    ridges : array, shape (M,)
    floor : float
        The least ridge that is safe in this precision.
    """

    values: Array
    vectors: Array
    ridges: Array
    floor: float

    @classmethod
    def of(cls, gram: Array, ridges: Array) -> "Eigen":
        """The decomposition, in gram's own memory."""
        floor = _least_ridge(gram)
        with one_blas_thread():
            # The transpose is the same matrix in the order that LAPACK overwrites without a copy.
            values, vectors = scipy.linalg.eigh(
                gram.T, overwrite_a=True, check_finite=False, driver="evd"
            )
        return cls(np.maximum(values, 0), vectors, ridges, floor)

    def ridged(self, ridges: Array) -> "Eigen":
        """For other ridges."""
        return replace(self, ridges=ridges)

    def eigen(self, ridges: Array) -> "Eigen":
        """For other ridges, as of a `Cholesky`."""
        return self.ridged(ridges)

    def solve(self, right: Array) -> Array:
        """V (D, M, C)."""
        shrunk = self.values[:, None] + np.maximum(self.ridges, self.floor)
        return self.to_features(self.to_eigenvectors(right) / shrunk[:, :, None])

    def to_eigenvectors(self, columns: Array) -> Array:
        """Coordinates along the eigenvectors of columns (D, ...) in the features."""
        return _product(self.vectors.T, columns)

    def to_features(self, columns: Array) -> Array:
        """Columns in the features of coordinates (D, ...) along the eigenvectors."""
        return _product(self.vectors, columns)


def _product(vectors: Array, columns: Array) -> Array:
    """vectors @ columns (D, ...), in panels by two workers."""
    if not isinstance(columns, np.ndarray):  # on a device
        return (vectors @ columns.reshape(len(columns), -1)).reshape(columns.shape)
    flat = columns.reshape(len(columns), -1).astype(vectors.dtype)
    with one_blas_thread():
        parts = ordered_map(
            lambda panel: vectors[panel] @ flat, panels(len(flat), PANEL_ROWS), WORKERS
        )
        return np.concatenate(list(parts)).reshape(columns.shape)


def _least_ridge(gram: Array) -> float:
    """The least ridge for which a factorization in this precision is safe."""
    eps = float(np.finfo(gram.dtype).eps)
    return 30 * eps * max(float(np.max(np.diag(gram))), 1e-30) * math.sqrt(len(gram))

"""Factorizations that solve (Gram + ridge I) V = R."""

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

from halfspaces.preconditioners.gram_matrix import (
    copy_lower_to_upper,
    panels,
)
from halfspaces.support.parallel import blas_threads, one_blas_thread, ordered_map
from halfspaces.support.types import Array

TURNED_ROWS = 1024  # of eigenvectors


FACTOR_THREADS = 2  # of a factorization, for any number of workers: so its bits are the same


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
                    factor = scipy.linalg.cho_factor(gram.T, overwrite_a=True, check_finite=False)[
                        0
                    ]
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
        with (
            one_blas_thread()
        ):  # a second would spin for a while beside the workers of the next visit
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
            values, vectors = scipy.linalg.eigh(
                gram.T, overwrite_a=True, check_finite=False, driver="evd"
            )
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
            parts = ordered_map(
                lambda panel: vectors[panel] @ flat, panels(len(flat), TURNED_ROWS), FACTOR_THREADS
            )
            return np.concatenate(list(parts)).reshape(columns.shape)


def _floor(gram: Array) -> float:
    """The least ridge for which a factorization in this precision is safe."""
    eps = float(np.finfo(gram.dtype).eps)
    return 30 * eps * max(float(np.max(np.diag(gram))), 1e-30) * math.sqrt(len(gram))

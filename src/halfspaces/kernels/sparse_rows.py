"""Sparse rows: their one form, parts of them, sums with the values that are not stored."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack

from halfspaces.support.types import Array, Features


def canonical(X: Any) -> csr_array:
    """A sparse matrix as sorted rows without duplicates; sorted rows share their memory with X.

    >>> import scipy.sparse
    >>> canonical(scipy.sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2))).toarray()
    array([[0., 3.]])
    """
    rows = csr_array(X)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return rows


def sparse_rows(X: Any, chunk: slice | Array) -> csr_array:
    """X[chunk], without the copy that scipy makes of the rows of a slice."""
    if isinstance(chunk, np.ndarray) or chunk.step != 1:
        return X[chunk]
    ends = X.indptr[chunk.start : chunk.stop + 1]
    stored = slice(ends[0], ends[-1])
    arrays = (X.data[stored], X.indices[stored], ends - ends[0])
    return csr_array(arrays, shape=(len(ends) - 1, X.shape[1]))


def stacked(parts: Sequence[Any]) -> Features:
    """Dense or sparse parts concatenated along the rows."""
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else csr_array(vstack(parts))


def deviation_sums(X: csr_array, weight: Array, origin: Array) -> tuple[Array, Array]:
    """Weighted sums of x − origin and of its square, (D,) each, in float64."""
    columns = X.indices
    weights = np.repeat(weight, np.diff(X.indptr))

    def by_column(values: Array) -> Array:
        return np.bincount(columns, values, len(origin))

    deviations = X.data - origin[columns]
    # Values that are not stored deviate by −origin. Their weight is a difference of sums, and must
    # be exactly 0 for a column that is stored in every row of a weight above 0.
    full = by_column(weights > 0) == np.count_nonzero(weight)
    rest = np.where(full, 0.0, weight.sum() - by_column(weights))
    total = by_column(weights * deviations) - rest * origin
    return total, by_column(weights * deviations**2) + rest * origin**2

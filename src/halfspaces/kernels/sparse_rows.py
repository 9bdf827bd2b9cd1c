"""Sums over sparse rows that treat the values that are not stored."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import numpy as np
from scipy.sparse import csr_array

from halfspaces.support.types import Array


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

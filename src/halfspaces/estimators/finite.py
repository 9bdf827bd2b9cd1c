"""A check that features are finite, and small enough to be squared."""

import math

import numpy as np

from halfspaces.support.types import Features

LARGEST = 1e100  # of a feature: larger values overflow in sums of squares
CHECKED_AT_ONCE = 1 << 22  # values


def check_finite(name: str, X: Features) -> None:
    """Raise if a value of X (N, D) is not finite, with the row and column of the first one."""
    if X.dtype.kind != "f":
        return
    # The stored values of sparse rows are checked as rows of one column.
    values = X if isinstance(X, np.ndarray) else X.data[:, None]
    limit = min(LARGEST, float(np.finfo(X.dtype).max))
    rows = max(1, CHECKED_AT_ONCE // max(1, values.shape[1]))
    for start in range(0, len(values), rows):
        usable = np.abs(values[start : start + rows]) <= limit
        if not usable.all():
            row, column = np.argwhere(~usable)[0] + (start, 0)
            value = float(values[row, column])
            if not isinstance(X, np.ndarray):
                column = X.indices[row]
                row = np.searchsorted(X.indptr, row, side="right") - 1
            raise ValueError(f"{name} contains {_problem(value, f'row {row}, column {column}')}.")


def _problem(value: float, place: str) -> str:
    """The value, its place and what to do about it."""
    if math.isfinite(value):
        remedy = f"rescale the features below {LARGEST:g}, or their squares overflow"
        return f"{value:g} at {place}; {remedy}"
    word = "NaN" if math.isnan(value) else "infinity (inf)"
    remedy = "remove or impute such values first (sklearn.impute.SimpleImputer)"
    return f"{word} at {place}; {remedy}"

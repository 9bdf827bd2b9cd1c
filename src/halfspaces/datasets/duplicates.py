"""Rows that are equal in every bit."""

from collections.abc import Iterator
from typing import Any

import numpy as np

COLUMNS = 32  # looked at in every row, to find the few that may be equal
ROWS = 4096  # at a time


def held_by(X: Any, rows: Any) -> np.ndarray:
    """Whether each of `rows` is a row of X, (n,); both dense or both CSR.

    A few columns, mixed into one number, name the candidates among X, whose whole rows are then compared.

    >>> held_by(np.eye(3), np.eye(4, 3))
    array([ True,  True,  True, False])
    """
    dense = isinstance(X, np.ndarray) and isinstance(rows, np.ndarray)
    if dense and X.dtype != rows.dtype:
        return np.zeros(len(rows), bool)
    ahead = np.arange(X.shape[0])
    if dense:
        wanted = _mixed(rows)
        ahead = ahead[np.isin(_mixed(X), wanted)]
    if not ahead.size:
        return np.zeros(rows.shape[0], bool)
    contents = list(_contents(rows, np.arange(rows.shape[0])))
    held = set(contents).intersection(_contents(X, ahead))
    return np.fromiter((content in held for content in contents), bool, len(contents))


def _mixed(X: np.ndarray) -> np.ndarray:
    """One number for each row, the same for equal rows."""
    columns = np.unique(np.linspace(0, X.shape[1] - 1, COLUMNS, dtype=np.int64))
    factors = np.random.default_rng(0).integers(1, 1 << 63, len(columns), np.uint64)
    mixed = np.empty(len(X), np.uint64)
    for start in range(0, len(X), ROWS):
        values = X[start : start + ROWS, columns]
        bits = (
            values.view(f"u{values.itemsize}")
            if values.itemsize <= 8
            else values.astype(np.float64).view(np.uint64)
        )
        mixed[start : start + ROWS] = bits.astype(np.uint64) @ factors
    return mixed


def _contents(X: Any, chosen: np.ndarray) -> Iterator[Any]:
    """What each of the chosen rows holds, as something hashable."""
    if isinstance(X, np.ndarray):
        for start in range(0, len(chosen), ROWS):
            yield from map(bytes, np.ascontiguousarray(X[chosen[start : start + ROWS]]))
        return
    for row in chosen:
        inside = slice(X.indptr[row], X.indptr[row + 1])
        yield X.indices[inside].tobytes(), X.data[inside].tobytes()

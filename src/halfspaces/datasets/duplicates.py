"""Rows of one matrix that are rows of another, too, bit for bit."""

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

HASHED_COLUMNS = 32  # columns of every row that are hashed, to find the rows that may be equal
BLOCK_ROWS = 4096


def rows_contained(X: Any, rows: Any) -> np.ndarray:
    """Whether each of `rows` is a row of X, (n,) of bool; both matrices are dense or both are CSR.

    A hash of a few columns finds candidates among the rows of X; only these are compared whole.

    >>> rows_contained(np.eye(3), np.eye(4, 3))
    array([ True,  True,  True, False])
    """
    dense = isinstance(X, np.ndarray) and isinstance(rows, np.ndarray)
    if dense and X.dtype != rows.dtype:
        return np.zeros(len(rows), bool)
    candidates = np.arange(X.shape[0])
    if dense:
        candidates = candidates[np.isin(_hashes(X), _hashes(rows))]
    if not candidates.size:
        return np.zeros(rows.shape[0], bool)
    contents = list(_contents(rows, np.arange(rows.shape[0])))
    common = set(contents).intersection(_contents(X, candidates))
    return np.fromiter((content in common for content in contents), bool, len(contents))


def _hashes(X: np.ndarray) -> np.ndarray:
    """One number for each row; equal rows have equal numbers."""
    columns = np.unique(np.linspace(0, X.shape[1] - 1, HASHED_COLUMNS, dtype=np.int64))
    factors = np.random.default_rng(0).integers(1, 1 << 63, len(columns), np.uint64)
    hashes = np.empty(len(X), np.uint64)
    for start in range(0, len(X), BLOCK_ROWS):
        values = X[start : start + BLOCK_ROWS, columns]
        if values.itemsize <= 8:
            bits = values.view(f"u{values.itemsize}")
        else:
            bits = values.astype(np.float64).view(np.uint64)
        hashes[start : start + BLOCK_ROWS] = bits.astype(np.uint64) @ factors
    return hashes


def _contents(X: Any, index: np.ndarray) -> Iterator[Hashable]:
    """The content of each row in `index`, as a hashable value."""
    if isinstance(X, np.ndarray):
        for start in range(0, len(index), BLOCK_ROWS):
            yield from map(bytes, np.ascontiguousarray(X[index[start : start + BLOCK_ROWS]]))
        return
    for row in index:
        stored = slice(X.indptr[row], X.indptr[row + 1])
        yield X.indices[stored].tobytes(), X.data[stored].tobytes()

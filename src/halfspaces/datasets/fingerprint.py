"""Digests that tell one set of training data, or one array, from another."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from halfspaces.engines.placed import PartitionedRows
from halfspaces.system.distinct import distinct, positions

PIECES = 256  # of X that are digested at most, spread evenly: all of it up to 64 MiB
PIECE_BYTES = 1 << 18


def fingerprint(X: Any, y: np.ndarray) -> dict[str, Any]:
    """Shape and type of X, and a digest of its values and of all labels.

    Of a large X, evenly spread rows are digested; a change in other rows is not noticed. Rows in
    memory and rows on disk have the same fingerprint; of rows on an engine `PIECES` are digested.

    >>> fingerprint(np.eye(3, dtype=np.uint8), np.arange(3))
    {'shape': [3, 3], 'dtype': 'uint8', 'digest': '632822c8949fad8a'}
    """
    digest = hashlib.blake2b(digest_size=8)
    parts = [X]
    if isinstance(X, PartitionedRows):
        spread = np.linspace(0, len(X) - 1, min(PIECES, len(X))).astype(np.int64)
        parts = [X.starts, X[spread]]
    elif not isinstance(X, np.ndarray):
        parts = [X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)]
    for part in [*parts, *_of_labels(y)]:
        digest.update(f"{part.dtype.str}{part.shape}".encode())
        for piece in _pieces(part):
            digest.update(np.ascontiguousarray(piece).tobytes())
    return {"shape": list(X.shape), "dtype": X.dtype.name, "digest": digest.hexdigest()}


def content(array: np.ndarray) -> str:
    """A digest of type, shape and every value, whatever the memory layout.

    >>> content(np.eye(3)) == content(np.asfortranarray(np.eye(3)))
    True
    """
    digest = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    rows = _piece_rows(array)
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).tobytes())
    return digest.hexdigest()


def _of_labels(y: np.ndarray) -> list[np.ndarray]:
    """The labels; of texts the classes and the number of each row's, which need less memory."""
    if y.dtype.kind in "biuf":
        return [y]
    classes = distinct(y)
    return [classes.astype(str), positions(y, classes, np.min_scalar_type(len(classes)))]


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of rows: all of them, or `PIECES` evenly spread ones."""
    rows = _piece_rows(array)
    starts = range(0, len(array), rows)
    if len(starts) > PIECES:
        starts = np.linspace(0, len(array) - rows, PIECES, dtype=np.int64).tolist()
    return (array[start : start + rows] for start in starts)


def _piece_rows(array: np.ndarray) -> int:
    row_bytes = max(array.nbytes // max(len(array), 1), 1)
    return max(PIECE_BYTES // row_bytes, 1)

"""What tells one set of training data from another: shape, type and a digest of some of the bytes."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

PIECES, PIECE_BYTES = (
    256,
    1 << 18,
)  # of X that are looked at: all of it up to 64 MiB, spread evenly beyond


def fingerprint(X: Any, y: np.ndarray) -> dict[str, Any]:
    """Shape and type of X, and a digest of its values, or of evenly spread rows of a large one, and of all labels.

    Rows in memory and rows on disk have the same one. A change in rows that are not looked at goes unseen.

    >>> fingerprint(np.eye(3, dtype=np.uint8), np.arange(3))
    {'shape': [3, 3], 'dtype': 'uint8', 'digest': '632822c8949fad8a'}
    """
    digest = hashlib.blake2b(digest_size=8)
    parts = (
        [X]
        if isinstance(X, np.ndarray)
        else [X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)]
    )
    for part in [*parts, y if y.dtype.kind in "biuf" else y.astype(str)]:
        digest.update(f"{part.dtype.str}{part.shape}".encode())
        for piece in _pieces(part):
            digest.update(np.ascontiguousarray(piece).tobytes())
    return {"shape": list(X.shape), "dtype": X.dtype.name, "digest": digest.hexdigest()}


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """Rows that are looked at, some at a time."""
    row_bytes = max(array.nbytes // max(len(array), 1), 1)
    rows = max(PIECE_BYTES // row_bytes, 1)
    starts = range(0, len(array), rows)
    if len(starts) > PIECES:
        starts = np.linspace(0, len(array) - rows, PIECES, dtype=np.int64).tolist()
    return (array[start : start + rows] for start in starts)


def content(array: np.ndarray) -> str:
    """A digest of type, shape and every value, wherever it lies and in whichever order.

    >>> content(np.eye(3)) == content(np.asfortranarray(np.eye(3))) != content(np.eye(3, dtype=np.float32))
    True
    """
    digest = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    rows = max(PIECE_BYTES // max(array.nbytes // max(len(array), 1), 1), 1)
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).tobytes())
    return digest.hexdigest()

"""Rows of mapped files, read before they are visited."""

import mmap
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks for libraries)

from halfspaces.support.types import Array

READ_AHEAD = "halfspaces-read-ahead"  # the name of a thread


def _map_of(X: Any) -> mmap.mmap | None:
    """The map of the file that rows lie in; None of rows in memory.

    >>> _map_of(np.eye(2)) is None
    True
    """
    if (
        not isinstance(X, np.ndarray)
        or not X.flags.c_contiguous
        or not hasattr(mmap, "MADV_WILLNEED")
    ):
        return None
    owner: Any = X
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = getattr(owner, "base", None)
    return owner


def _ask_for(file: mmap.mmap, X: Array, rows: Array) -> None:
    """Ask the system for rising rows, each stretch in one go, and for nothing around them.

    Rows that are only touched are read with what lies around them, up to megabytes for each.
    """
    start, size = X.ctypes.data - np.frombuffer(file, np.uint8).ctypes.data, X.strides[0]
    ends = np.flatnonzero(np.diff(rows) > 1)
    for first, last in zip(
        rows[[0, *(ends + 1)]].tolist(), rows[[*ends, -1]].tolist(), strict=True
    ):
        page = (start + first * size) // mmap.PAGESIZE * mmap.PAGESIZE
        file.madvise(mmap.MADV_WILLNEED, page, start + (last + 1) * size - page)

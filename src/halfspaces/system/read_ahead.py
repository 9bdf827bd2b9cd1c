"""Reading rows of memory-mapped files before they are visited."""

import mmap
import threading
from typing import Any

import numpy as np

THREAD_NAME = "halfspaces-read-ahead"


def memory_map_of(X: object) -> mmap.mmap | None:
    """The memory map that rows lie in; None for rows in memory.

    >>> memory_map_of(np.eye(2)) is None
    True
    """
    if not isinstance(X, np.ndarray) or not X.flags.c_contiguous:
        return None
    owner: object = X if hasattr(mmap, "MADV_WILLNEED") else None
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = getattr(owner, "base", None)
    return owner


def read_ahead(blocks: Any, rows: np.ndarray | None) -> None:
    """Read these rows of blocks into the file cache, if there are any and X is a mapped file."""
    if rows is None:
        return
    file = memory_map_of(blocks.X)
    if file is not None:
        index = blocks.index
        start_reading(file, blocks.X, rows if index is None else np.sort(index[rows]))


def start_reading(file: mmap.mmap, X: np.ndarray, rows: np.ndarray) -> None:
    """Read rising rows of X, which lies in this map, into the file cache on a thread."""
    arguments = (file, X, rows)
    threading.Thread(target=_advise, args=arguments, name=THREAD_NAME, daemon=True).start()


def _advise(file: mmap.mmap, X: np.ndarray, rows: np.ndarray) -> None:
    """Advise the system that rising rows will be needed: one call for each run of adjacent rows.

    Without advice the system reads up to megabytes around each row that is touched.
    """
    start = X.ctypes.data - np.frombuffer(file, np.uint8).ctypes.data
    row_bytes = X.strides[0]
    ends = np.flatnonzero(np.diff(rows) > 1)
    firsts: np.ndarray = rows[np.append(0, ends + 1)]
    lasts: np.ndarray = rows[np.append(ends, -1)]
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        page = (start + first * row_bytes) // mmap.PAGESIZE * mmap.PAGESIZE
        file.madvise(mmap.MADV_WILLNEED, page, start + (last + 1) * row_bytes - page)

"""Data in rows: examples are visited block by block, each block once a pass, by several workers.

X stays as it came (uint8, float16, float32, float64, memory-mapped): a worker converts the rows of one block into a
buffer of its own and never more; for products with few columns rows are read as they lie (`kernels`). How rows are cut
into blocks depends on shapes and types alone, BLAS runs on one thread inside a worker, and partial results come back in
block order: sums are the same bits for any number of workers.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks for libraries)
from threadpoolctl import ThreadpoolController

from halfspaces import kernels

if TYPE_CHECKING:
    from halfspaces.moments import Centroids

Array = np.ndarray
Rows = slice | Array | None  # None: all rows
Partial = TypeVar("Partial")
Visit = Callable[[Any, Array, Array | None], Partial]

BLOCK_BYTES = 3 << 20  # a converted block: fits a core's share of the cache beside its scores
MIN_BLOCK_ROWS = 64


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """A context in which BLAS uses one thread; the limits before it are restored after it."""
    return _controller().limit(limits=1, user_api="blas")


def available_workers(n_jobs: int | None) -> int:
    """The number of workers: `n_jobs`, or every core this process may use (one inside a joblib worker).

    >>> available_workers(3)
    3
    """
    import joblib

    return joblib.effective_n_jobs(-1 if n_jobs is None else n_jobs)


def compute_dtype(dtype: np.dtype) -> np.dtype:
    """The type that products are computed in: float64 for float64, float32 for everything narrower."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def _block_rows(row_bytes: int) -> int:
    """A power of two."""
    return max(MIN_BLOCK_ROWS, min(4096, 1 << max(BLOCK_BYTES // row_bytes, 1).bit_length() - 1))


@dataclass(frozen=True, eq=False)
class Blocks:
    """Examples in an array: X (N, D) of any real dtype, labels y (N,), weights (N,) or, for folds, (N, M).

    Parameters
    ----------
    X : array, shape (N, D)
        Used as it is: uint8, float16, float32, float64; a memory map too.
    y : integer array, shape (N,)
    weight : array, shape (N,) or (N, M), or None
        None counts every example once.
    index : integer array, or None
        The rows of X, y and weight that belong to this set; None takes all. Nothing is copied.
    center : array, shape (D,), or None
        Subtracted while a block is converted: for features with large offsets (see `Standardization`).
    n_jobs : int or None
        Workers; None for every core.

    Examples
    --------
    >>> blocks = Blocks(np.eye(3), np.arange(3))
    >>> [float(X.sum()) for X in blocks.map(lambda X, y, weight: X)]
    [3.0]
    """

    X: Array
    y: Array
    weight: Array | None = None
    index: Array | None = None
    center: Array | None = None
    n_jobs: int | None = None
    _buffers: threading.local = field(default_factory=threading.local, repr=False)

    @property
    def n_examples(self) -> int:
        """N."""
        return len(self.y if self.index is None else self.index)

    @property
    def n_features(self) -> int:
        """D."""
        return self.X.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """The type of a converted block."""
        return compute_dtype(self.X.dtype)

    @property
    def block_rows(self) -> int:
        """Rows of one converted block, from the shape alone."""
        return _block_rows(self.n_features * self.dtype.itemsize)

    @cached_property
    def centroids(self) -> "Centroids":
        """Class means and moments of the features: one visit, the first time."""
        from halfspaces.moments import Centroids

        return Centroids.of(self)

    def subset(self, index: Array) -> "Blocks":
        """The rows `index` of this set, without a copy."""
        index = np.asarray(index)
        return replace(self, index=index if self.index is None else self.index[index])

    def map(self, visit: Visit[Partial], rows: Rows = None, columns: int | None = None) -> Iterator[Partial]:
        """visit(X_b, y_b, weight_b) for each block of the rows asked for, in order; X_b lives as long as the visit.

        A visit that only multiplies X_b or its transpose by matrices says by how many `columns`; with few, X_b may be
        the rows as they lie (`kernels.FusedRows`).
        """
        fused = columns is not None and self.center is None and kernels.serve(self.X, columns)
        chunks = self._chunks(rows, _block_rows(self.X[:1].nbytes) if fused else self.block_rows)
        read = self._fused if fused else self._converted

        def work(chunk: slice | Array) -> Partial:
            weight = None if self.weight is None else self._take(self.weight, chunk)
            return visit(read(self._take(self.X, chunk)), self._take(self.y, chunk), weight)

        with one_blas_thread():
            yield from ordered_map(work, chunks, available_workers(self.n_jobs))

    def sum(self, visit: Visit[tuple[Any, ...]], rows: Rows = None, columns: int | None = None) -> tuple[Any, ...]:
        """The tuples that the visits give, added up in block order; one block's is held at a time by each worker."""
        partials = self.map(visit, rows, columns)
        total = next(partials)
        for partial in partials:
            total = tuple(mine + theirs for mine, theirs in zip(total, partial, strict=True))
        return total

    def labels(self, rows: Rows = None) -> Array:
        """y of the rows asked for."""
        return self._take(self.y, slice(None) if rows is None else rows)

    def weights(self) -> Array:
        """Weights of the examples, shape (N,) or (N, M); ones where none were given."""
        return np.ones(self.n_examples) if self.weight is None else self._take(self.weight, slice(None))

    def _chunks(self, rows: Rows, size: int) -> list[slice | Array]:
        if isinstance(rows, np.ndarray):
            return [rows[start : start + size] for start in range(0, len(rows), size)]
        start, stop, stride = (rows or slice(None)).indices(self.n_examples)
        size *= stride
        return [slice(first, min(first + size, stop), stride) for first in range(start, stop, size)]

    def _take(self, values: Array, chunk: slice | Array) -> Array:
        return values[chunk] if self.index is None else values[self.index[chunk]]

    def _fused(self, X: Array) -> kernels.FusedRows:
        return kernels.FusedRows(X, self.dtype)

    def _converted(self, X: Array) -> Array:
        if X.dtype == self.dtype and self.center is None:
            return X
        buffer = getattr(self._buffers, "rows", None)
        if buffer is None or len(buffer) < len(X):
            # A fresh block a visit would be returned to the system and faulted in again each time.
            buffer = self._buffers.rows = np.empty((len(X), self.n_features), dtype=self.dtype)
        converted = buffer[: len(X)]
        if self.center is None:
            np.copyto(converted, X, casting="unsafe")
        else:
            np.subtract(X, self.center, out=converted, casting="unsafe")
        return converted


def ordered_map(visit: Callable[[Any], Partial], items: list[Any], workers: int) -> Iterator[Partial]:
    """visit(item) for each item on worker threads, results in order, a bounded number of them waiting."""
    if workers == 1 or len(items) <= 1:
        yield from map(visit, items)
        return
    waiting: deque[Future[Partial]] = deque()
    with ThreadPoolExecutor(min(workers, len(items))) as pool:
        for item in items:
            waiting.append(pool.submit(copy_context().run, visit, item))  # np.errstate holds on every worker
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

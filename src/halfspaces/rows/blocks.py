"""Data in rows: examples are visited block by block, each block once a pass, by several workers.

X stays as it came (uint8, float16, float32, float64, memory-mapped, sparse): a worker converts the rows of one block
into a buffer of its own and never more; for products with few columns rows are read as they lie (`kernels`). A block of
sparse rows is sparse, and only its stored values are converted. How rows are cut into blocks depends on shape, type and
number of stored values alone, BLAS runs on one thread inside a worker, and partial results come back in block order:
sums are the same bits for any number of workers.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks for libraries)
from scipy.sparse import csr_array, issparse, vstack

from halfspaces.rows.read_ahead import READ_AHEAD, _ask_for, _map_of
from halfspaces.support.parallel import available_workers, one_blas_thread, ordered_map
from halfspaces.support.types import Array, Block, Features, Partial, Rows, Visit

BLOCK_BYTES = 3 << 20  # a converted block: fits a core's share of the cache beside its scores
MIN_BLOCK_ROWS = 64
MOST_TOGETHER = 8  # blocks that a worker adds up by itself
LEAST_GROUPS = 32  # of such blocks, so that every worker has its share


def compute_dtype(dtype: np.dtype) -> np.dtype:
    """The type that products are computed in: float64 for float64, float32 for everything narrower."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def _block_rows(row_bytes: int) -> int:
    """A power of two."""
    return max(MIN_BLOCK_ROWS, min(4096, 1 << max(BLOCK_BYTES // row_bytes, 1).bit_length() - 1))


def canonical(X: Any) -> csr_array:
    """A sparse matrix as sorted rows without duplicates; the memory is shared where it is so already.

    >>> import scipy.sparse
    >>> canonical(scipy.sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2))).toarray()
    array([[0., 3.]])
    """
    rows = csr_array(X)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return rows


def _sparse_rows(X: Any, chunk: slice | Array) -> csr_array:
    """X[chunk]; scipy would copy even the rows of a slice, which here stay where they lie."""
    if isinstance(chunk, np.ndarray) or chunk.step != 1:
        return X[chunk]
    ends = X.indptr[chunk.start : chunk.stop + 1]
    stored = slice(ends[0], ends[-1])
    return csr_array(
        (X.data[stored], X.indices[stored], ends - ends[0]), shape=(len(ends) - 1, X.shape[1])
    )


def stacked(parts: Sequence[Any]) -> Features:
    """Rows below rows, dense or sparse as they are."""
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else csr_array(vstack(parts))


@dataclass(frozen=True, eq=False)
class Blocks:
    """Examples in an array: X (N, D) of any real dtype, labels y (N,), weights (N,) or, for folds, (N, M).

    Parameters
    ----------
    X : array or csr_array, shape (N, D)
        Used as it is: uint8, float16, float32, float64; a memory map too. Other sparse formats become a csr_array.
    y : integer array, shape (N,)
    weight : array, shape (N,) or (N, M), or None
        None counts every example once.
    index : integer array, or None
        The rows of X, y and weight that belong to this set; None takes all. Nothing is copied.
    center : array, shape (D,), or None
        Subtracted while a block of dense rows is converted: for features with large offsets (see `Standardization`).
    n_jobs : int or None
        Workers; None for every core.

    Examples
    --------
    >>> blocks = Blocks(np.eye(3), np.arange(3))
    >>> [float(X.sum()) for X in blocks.map(lambda block: block.X)]
    [3.0]
    """

    X: Features
    y: Array
    weight: Array | None = None
    index: Array | None = None
    center: Array | None = None
    n_jobs: int | None = None
    _buffers: threading.local = field(default_factory=threading.local, repr=False)

    def __post_init__(self) -> None:
        if issparse(self.X):
            if self.center is not None:
                raise ValueError(
                    "Blocks(center=...) would fill sparse rows; leave it out, or give dense rows."
                )
            object.__setattr__(self, "X", canonical(self.X))

    def __deepcopy__(self, memo: Any) -> "Blocks":
        """Itself: whoever copies a state does not copy the data."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Without the buffers of threads."""
        return {name: value for name, value in vars(self).items() if name != "_buffers"}

    def __setstate__(self, values: dict[str, Any]) -> None:
        """With new buffers."""
        vars(self).update(values, _buffers=threading.local())

    @property
    def n_examples(self) -> int:
        """N."""
        return len(self.y if self.index is None else self.index)

    @property
    def n_features(self) -> int:
        """D."""
        return self.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Of X, with the rows that do not belong to this set."""
        X: Any = self.X
        return X.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of a converted block."""
        return compute_dtype(self.X.dtype)

    @property
    def block_rows(self) -> int:
        """Rows of one converted block, from the shape alone; from the mean number of stored values where sparse."""
        rows = _block_rows(int(self.row_size * self.dtype.itemsize))
        # A block's gradient has D rows: so many stored values that filling them is the smaller part of the work.
        return max(rows, int(self.n_features / self.row_size))

    @property
    def row_size(self) -> float:
        """The mean number of stored values in a row: D of dense ones."""
        return (
            self.n_features
            if isinstance(self.X, np.ndarray)
            else max(self.X.nnz / max(self.shape[0], 1), 1.0)
        )

    def subset(self, index: Array) -> "Blocks":
        """The rows `index` of this set, without a copy."""
        index = np.asarray(index)
        return replace(self, index=index if self.index is None else self.index[index])

    def map(
        self, visit: Visit[Partial], rows: Rows = None, columns: int | None = None
    ) -> Iterator[Partial]:
        """visit(block) for each block of the rows asked for, in order; `block.X` lives as long as the visit.

        A visit that only multiplies `block.X` or its transpose by matrices says by how many `columns`; with few, it may
        be the rows as they lie (`kernels.FusedRows`).
        """
        work, chunks = self._work(visit, rows, columns)
        with one_blas_thread():
            yield from ordered_map(work, chunks, available_workers(self.n_jobs))

    def sum(
        self, visit: Visit[tuple[Any, ...]], rows: Rows = None, columns: int | None = None
    ) -> tuple[Any, ...]:
        """The tuples of numbers that the visits give, added up in block order.

        A worker adds up the tuples of a few blocks in their own precision, and all these are added in float64.
        """
        work, chunks = self._work(visit, rows, columns)
        together = min(MOST_TOGETHER, max(len(chunks) // LEAST_GROUPS, 1))
        groups = [chunks[start : start + together] for start in range(0, len(chunks), together)]
        total: tuple[Any, ...] = ()
        with one_blas_thread():
            for partial in ordered_map(
                lambda group: _added(map(work, group)), groups, available_workers(self.n_jobs)
            ):
                total = (
                    _added([total, partial])
                    if total
                    else tuple(np.array(part, np.float64) for part in partial)
                )
        return total

    def _work(
        self, visit: Visit[Partial], rows: Rows, columns: int | None
    ) -> tuple[Callable[[slice | Array], Partial], list[slice | Array]]:
        """What a worker does with one chunk of the rows asked for, and these chunks."""
        from halfspaces.kernels import fused_rows

        fused = columns is not None and self.center is None and fused_rows.serve(self.X, columns)
        size = _block_rows(self.n_features * self.X.dtype.itemsize) if fused else self.block_rows

        def work(chunk: slice | Array) -> Partial:
            weight = None if self.weight is None else self._take(self.weight, chunk)
            X = self._rows(chunk)
            X = fused_rows.FusedRows(X, self.dtype) if fused else self._converted(X)
            return visit(Block(X, self._take(self.y, chunk), weight, self._numbers(chunk)))

        return work, self._chunks(rows, size)

    def read_ahead(self, rows: Array) -> None:
        """Have rows of a mapped file read on a thread of its own, so that they are in memory when they are visited.

        Nothing is kept: the system has them in its cache of the file. Rows that are in memory anyway are left alone.
        """
        file = _map_of(self.X)
        if file is not None:
            rows = rows if self.index is None else np.sort(self.index[rows])
            threading.Thread(
                target=_ask_for, args=(file, self.X, rows), name=READ_AHEAD, daemon=True
            ).start()

    def labels(self, rows: Rows = None) -> Array:
        """y of the rows asked for."""
        return self.of_rows(self.y, rows)

    def of_rows(self, values: Array, rows: Rows = None) -> Array:
        """Those values, one for each row of X, that belong to the rows asked for."""
        return self._take(values, slice(None) if rows is None else rows)

    def weights(self) -> Array:
        """Weights of the examples, shape (N,) or (N, M); ones where none were given."""
        return (
            np.ones(self.n_examples)
            if self.weight is None
            else self._take(self.weight, slice(None))
        )

    def _chunks(self, rows: Rows, size: int) -> list[slice | Array]:
        if isinstance(rows, np.ndarray):
            return [rows[start : start + size] for start in range(0, len(rows), size)]
        start, stop, stride = (rows or slice(None)).indices(self.n_examples)
        size *= stride
        return [slice(first, min(first + size, stop), stride) for first in range(start, stop, size)]

    def _take(self, values: Any, chunk: slice | Array) -> Any:
        return values[chunk] if self.index is None else values[self.index[chunk]]

    def _numbers(self, chunk: slice | Array) -> Array:
        """The row numbers of a chunk in the whole X."""
        if self.index is not None:
            return self.index[chunk]
        if isinstance(chunk, np.ndarray):
            return chunk
        return np.arange(chunk.start, chunk.stop, chunk.step)

    def _rows(self, chunk: slice | Array) -> Any:
        """Of X, as they are."""
        if isinstance(self.X, np.ndarray):
            return self._take(self.X, chunk)
        return _sparse_rows(self.X, chunk if self.index is None else self.index[chunk])

    def _converted(self, X: Features) -> Features:
        if X.dtype == self.dtype and self.center is None:
            return X
        if isinstance(X, csr_array):
            return csr_array((X.data.astype(self.dtype), X.indices, X.indptr), shape=X.shape)
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


def _added(tuples: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The sum of some tuples of numbers, in the memory of the first where these are arrays."""

    def add(total: tuple[Any, ...], another: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            np.add(so_far, part, out=so_far) if isinstance(so_far, np.ndarray) else so_far + part
            for so_far, part in zip(total, another, strict=True)
        )

    return reduce(add, tuples)

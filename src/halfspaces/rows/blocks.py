"""Examples in rows, visited block by block, each block once a pass, by several workers.

X is never converted as a whole (uint8, float16, float32, float64, memory-mapped, sparse). A worker
converts the rows of one block into a buffer of its own. For products with few columns the kernels
read the rows as they are stored. A block of sparse rows is sparse, and only its stored values are
converted.

Sums are the same bits for any number of workers: how rows are cut into blocks depends only on the
shape, the type and the number of stored values, BLAS runs on one thread inside a worker, and
partial results are added in block order.
"""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Array, Block, Features, Partial, Rows, Visit

MAX_GROUP = 8  # blocks whose results one worker adds up
MIN_GROUPS = 32  # so that every worker has work to do


def compute_dtype(dtype: np.dtype) -> np.dtype:
    """The type of products: float64 for float64, float32 for all narrower types."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


@dataclass(frozen=True)
class BlockSizes:
    """How rows are cut into blocks, and which data are large enough for compiled kernels.

    Parameters
    ----------
    bytes : int
        Of a block: few enough for the cache, and enough that its arithmetic takes longer than
        handing it to a worker.
    least_rows, most_rows : int
        Of a block.
    fused_from : int
        Elements of X; for fewer, loading the kernels costs more than they save.
    """

    bytes: int = 8 << 20
    least_rows: int = 64
    most_rows: int = 4096
    fused_from: int = 1 << 24

    def rows(self, row_bytes: int, times_least: int = 1) -> int:
        """The most rows of a block."""
        return max(times_least * self.least_rows, min(self.most_rows, self.bytes // row_bytes))


@dataclass(frozen=True, eq=False)
class Blocks:
    """Examples in arrays: X (N, D), labels y, weights; of members that share them, or of each.

    Parameters
    ----------
    X : array or csr_array, shape (N, D)
        Not copied: uint8, float16, float32, float64, also a memory map. Other sparse formats become
        a csr_array.
    y : integer array, shape (N,), or (N, M) for members with labels of their own
    weight : array, shape (N,) or (N, M), or None
        None: every weight is 1.
    index : integer array, or None
        The rows of X, y and weight that belong to this set, without a copy; None: all rows.
    columns : integer array, shape (D,), or None
        The columns of the caller's X that are here, where the others are empty; None: all.
    center : array, shape (D,), or None
        Subtracted while a block of dense rows is converted: for features with large offsets (see
        `Standardization`).
    n_jobs : int or None
        Number of workers; None: one for every core.
    sizes : BlockSizes
        How rows are cut into blocks; kept by `subset` and `replace`.
    in_double : bool
        Whether products are computed in float64, whatever the type of X.

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
    columns: Array | None = None
    center: Array | None = None
    n_jobs: int | None = None
    sizes: BlockSizes = BlockSizes()
    in_double: bool = False
    _buffers: threading.local = field(default_factory=threading.local, repr=False)

    def __post_init__(self) -> None:
        if issparse(self.X):
            if self.center is not None:
                raise ValueError(
                    "Blocks(center=...) would fill sparse rows; leave it out, or give dense rows."
                )
            from halfspaces.kernels.sparse_rows import canonical

            object.__setattr__(self, "X", canonical(self.X))

    def __deepcopy__(self, memo: Any) -> "Blocks":
        """Return this object: a copy of a state does not copy the data."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """The fields, without the buffers of the threads."""
        return {name: value for name, value in vars(self).items() if name != "_buffers"}

    def __setstate__(self, values: dict[str, Any]) -> None:
        """Restore the fields and create new buffers."""
        vars(self).update(values, _buffers=threading.local())

    @property
    def n_examples(self) -> int:
        """N."""
        return len(self.y if self.index is None else self.index)

    @property
    def members(self) -> int | None:
        """M where members have labels or weights of their own; None where they share both."""
        own = (self.y, self.weight)
        return next((each.shape[1] for each in own if each is not None and each.ndim == 2), None)

    @property
    def n_features(self) -> int:
        """D."""
        return self.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of X, including rows outside `index`."""
        X: Any = self.X
        return X.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of a converted block."""
        return np.dtype(np.float64) if self.in_double else compute_dtype(self.X.dtype)

    @property
    def block_rows(self) -> int:
        """The number of rows of a converted block, from shape and number of stored values only."""
        row_bytes = int(self.row_size * self.dtype.itemsize)
        # A block has at least D stored values: zeroing its gradient of D rows must stay cheap.
        return max(self.sizes.rows(row_bytes), int(self.n_features / self.row_size))

    @property
    def row_size(self) -> float:
        """The mean number of stored values in a row: D for dense rows."""
        if isinstance(self.X, np.ndarray):
            return self.n_features
        return max(self.X.nnz / max(self.shape[0], 1), 1.0)

    def subset(self, index: Array) -> "Blocks":
        """The rows `index` of this set, without a copy."""
        return replace(self, index=np.asarray(index) if self.index is None else self.index[index])

    def map(
        self, visit: Visit[Partial], rows: Rows = None, columns: int | None = None
    ) -> Iterator[Partial]:
        """Yield visit(block) for each block of the rows, in order.

        `block.X` is valid during the visit only. Pass `columns`, the number of columns of the
        matrices, if the visit only multiplies `block.X` or its transpose by matrices: with few
        columns `block.X` may then be a `FusedRows`, which reads the rows as they are stored. With
        0 it is these rows themselves, not converted.
        """
        from halfspaces.system.blas import one_blas_thread
        from halfspaces.system.threads import ordered_map

        work, chunks = self._work(visit, rows, columns)
        with one_blas_thread():
            yield from ordered_map(work, chunks, available_workers(self.n_jobs, len(chunks)))

    def sum(
        self, visit: Visit[tuple[Any, ...]], rows: Rows = None, columns: int | None = None
    ) -> tuple[Any, ...]:
        """The sum, in block order, of the tuples of numbers or arrays that the visits return.

        A worker adds the tuples of a few blocks in their own precision; several such sums are added
        in float64.
        """
        from halfspaces.system.blas import one_blas_thread
        from halfspaces.system.threads import ordered_map

        work, chunks = self._work(visit, rows, columns)
        size = min(MAX_GROUP, max(len(chunks) // MIN_GROUPS, 1))
        groups = [chunks[start : start + size] for start in range(0, len(chunks), size)]

        def add_group(group: list[slice | Array]) -> tuple[Any, ...]:
            return _added(map(work, group))

        with one_blas_thread():
            if len(groups) == 1:
                return add_group(groups[0])
            sums = ordered_map(add_group, groups, available_workers(self.n_jobs, len(groups)))
            total = tuple(np.array(part, np.float64) for part in next(sums, ()))
            return _added(chain([total], sums))

    def _work(
        self, visit: Visit[Partial], rows: Rows, columns: int | None
    ) -> tuple[Callable[[slice | Array], Partial], list[slice | Array]]:
        """A function of one chunk of the rows, which visits its block, and the list of chunks."""
        from halfspaces.kernels.fused_rows import FusedRows, Turned

        fused = bool(columns) and self.are_fused(columns)
        row_bytes = self.n_features * self.X.dtype.itemsize
        # Rows that are not converted need not fit the cache: gradients are added up less often.
        size = self.sizes.rows(row_bytes, times_least=4) if fused else self.block_rows
        turned = Turned()

        def work(chunk: slice | Array) -> Partial:
            weight = None if self.weight is None else self._take(self.weight, chunk)
            stored: Any = self._rows(chunk)
            if fused:
                stored = FusedRows(stored, self.dtype, turned)
            elif columns != 0:
                stored = self._converted(stored)
            return visit(Block(stored, self._take(self.y, chunk), weight, self._numbers(chunk)))

        return work, self._chunks(rows, size)

    def are_fused(self, columns: int = 1) -> bool:
        """Whether compiled kernels multiply these rows, as they are stored, by so many columns."""
        from halfspaces.kernels.fused_rows import serve

        plain = self.center is None and not self.in_double
        return plain and serve(self.X, columns, self.sizes.fused_from)

    def labels(self, rows: Rows = None) -> Array:
        """The labels of the rows."""
        return self.of_rows(self.y, rows)

    def of_rows(self, values: Array, rows: Rows = None) -> Array:
        """The entries for these rows of an array with one entry for each row of X."""
        return self._take(values, slice(None) if rows is None else rows)

    def weights(self) -> Array:
        """Weights of the examples, shape (N,) or (N, M); ones, read-only, if there are none."""
        ones = np.broadcast_to(1.0, self.n_examples)
        return ones if self.weight is None else self._take(self.weight, slice(None))

    def row_values(self, shape: tuple[int, ...]) -> Array:
        """Zeros (N, ...), float16, a row for each row of X, into which visits may write."""
        return np.zeros((len(self.y), *shape), np.float16)

    def _chunks(self, rows: Rows, size: int) -> list[slice | Array]:
        if isinstance(rows, np.ndarray):
            return [rows[start : start + size] for start in range(0, len(rows), size)]
        numbers = range(self.n_examples)[rows or slice(None)]
        if len(numbers) > size:  # an even number of equal blocks: two workers end together
            size = len(numbers) // (2 * (len(numbers) // (2 * size) + 1)) + 1
        parts = (numbers[first : first + size] for first in range(0, len(numbers), size))
        return [slice(part.start, part.stop, part.step) for part in parts]

    def _take(self, values: Array, chunk: slice | Array) -> Array:
        return values[chunk] if self.index is None else values[self.index[chunk]]

    def _numbers(self, chunk: slice | Array) -> Array:
        """The row numbers of a chunk in the whole X."""
        if isinstance(chunk, slice):
            return self._numbers(np.arange(chunk.start, chunk.stop, chunk.step))
        return chunk if self.index is None else self.index[chunk]

    def _rows(self, chunk: slice | Array) -> Features:
        """The rows of X, not converted."""
        if isinstance(self.X, np.ndarray):
            return self._take(self.X, chunk)
        from halfspaces.kernels.sparse_rows import sparse_rows

        return sparse_rows(self.X, chunk if self.index is None else self.index[chunk])

    def _converted(self, X: Features) -> Features:
        if X.dtype == self.dtype and self.center is None:
            return X
        if isinstance(X, csr_array):
            return csr_array((X.data.astype(self.dtype), X.indices, X.indptr), shape=X.shape)
        buffer = getattr(self._buffers, "rows", None)
        if buffer is None or len(buffer) < len(X):
            # Memory allocated in each visit would be freed and page-faulted again each time.
            buffer = self._buffers.rows = np.empty((len(X), self.n_features), dtype=self.dtype)
        converted = buffer[: len(X)]
        if self.center is None:
            np.copyto(converted, X, casting="unsafe")
        else:
            np.subtract(X, self.center.astype(self.dtype), out=converted, casting="unsafe")
        return converted


def _added(tuples: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The sum of tuples of numbers or arrays, in the memory of the first arrays."""

    def add(total: Any, part: Any) -> Any:
        return np.add(total, part, out=total) if isinstance(total, np.ndarray) else total + part

    return reduce(lambda totals, parts: tuple(map(add, totals, parts)), tuples)

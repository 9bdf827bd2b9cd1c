"""X in partitions that an engine holds: all that the client knows of the rows."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import itertools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.sparse import csr_array, issparse

from halfspaces.engines.base import (
    Engine,
    EngineError,
    Given,
    Part,
    Pass,
    Source,
    Visiting,
    shape_of,
)
from halfspaces.kernels.sparse_rows import canonical, sparse_rows, stacked
from halfspaces.support.types import Array, Block, Features

_numbers = itertools.count(1)


def new_number() -> int:
    """A number that no other values of this process have."""
    return next(_numbers)


@dataclass(frozen=True, eq=False)
class PartitionedRows:
    """The rows of X (N, D) on an engine, in partitions of consecutive rows.

    Parameters
    ----------
    engine : Engine
    sources : tuple of Source
        Of each of P partitions.
    starts : integer array, shape (P + 1,)
        The first row of each partition, and N.
    n_features : int
        D.
    dtype : dtype
        Of the rows: uint8, float16, float32 or float64.
    stored : int or None
        The number of stored values of sparse rows (csr_array); None: rows are dense.
    columns : tuple of str, or None
        The names of the features, where the data have them.

    Examples
    --------
    >>> from halfspaces.engines import Threads, place
    >>> X = place(np.eye(4), Threads(), partitions=2)
    >>> X.shape, X[[3, 0]].tolist()
    ((4, 4), [[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
    """

    engine: Engine
    sources: tuple[Source, ...] = field(repr=False)
    starts: Array
    n_features: int
    dtype: np.dtype
    columns: tuple[str, ...] | None = field(default=None, repr=False)
    stored: int | None = None
    number: int = field(default_factory=new_number, repr=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, self.engine.forget, self.number).atexit = False

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return int(self.starts[-1]), self.n_features

    @property
    def ndim(self) -> int:
        """2."""
        return 2

    @property
    def size(self) -> int:
        """N · D."""
        return self.shape[0] * self.n_features

    @property
    def nbytes(self) -> int:
        """Of all values, as they are stored."""
        return (self.size if self.stored is None else self.stored) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        """Some rows (n, D), by an array of their numbers in any order.

        They come from the workers, if they are not in the client's memory.
        """
        index = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        order = np.argsort(index, kind="stable")
        parts = self.parts(index[order])
        sources = [self.sources[part.partition] for part in parts]
        if not parts:
            return np.empty((0, self.n_features), self.dtype)
        if all(isinstance(each, Given) and each.change is None for each in sources):
            found = [each.load()[part.rows] for each, part in zip(sources, parts, strict=True)]
        else:
            y = np.empty(len(self), np.int8)
            visits = Pass(self, y, None, parts, Visiting(_stored, columns=0))
            found = [block for blocks in self.engine.results(visits) for block in blocks]
        return stacked(found)[np.argsort(order)]

    def parts(self, rows: Array | slice | None) -> list[Part]:
        """The partitions that rising rows lie in, with their positions there."""
        stops = self.starts[1:]
        if isinstance(rows, np.ndarray):
            cuts = np.searchsorted(rows, self.starts)
            return [
                Part(p, rows[cuts[p] : cuts[p + 1]] - self.starts[p])
                for p in range(len(stops))
                if cuts[p] < cuts[p + 1]
            ]
        if rows is None:
            return [Part(p, None) for p in range(len(stops)) if self.starts[p] < stops[p]]
        first, last, _ = rows.indices(len(self))
        ends = np.clip(np.stack([self.starts[:-1], stops]), first, last) - self.starts[:-1]
        return [
            Part(p, slice(int(low), int(high)))
            for p, (low, high) in enumerate(ends.T)
            if low < high
        ]

    def moved_to(self, engine: Engine) -> "PartitionedRows":
        """The same partitions on another engine."""
        return replace(self, engine=engine, number=new_number())


def _stored(block: Block) -> Features:
    return block.X.copy()


def is_sparse(X: Any) -> bool:
    """Whether rows are sparse, in memory or in partitions.

    >>> is_sparse(np.eye(2)), is_sparse(csr_array(np.eye(2)))
    (False, True)
    """
    return issparse(X) or (isinstance(X, PartitionedRows) and X.stored is not None)


@runtime_checkable
class ComputedRows(Protocol):
    """Rows (N, D) that are computed from images (N, ...): `change` makes some of them."""

    images: Array
    shape: tuple[int, int]
    dtype: np.dtype
    change: Callable[[Array], Array]


def place(
    X: Features | ComputedRows, engine: Engine, partitions: int | Sequence[int] | None = None
) -> PartitionedRows:
    """Rows in memory (N, D) as partitions on an engine, of nearly equal sizes.

    Parameters
    ----------
    X : array or csr_array, shape (N, D), or ComputedRows
        uint8, float16, float32 or float64, sparse rows float32 or float64; sent to workers as it
        is. Of rows that are computed, such as features of images (`halfspaces.features.Described`),
        the images are sent, and workers compute.
    engine : Engine
    partitions : int, sequence of int, or None
        Their number, or the number of rows of each; None takes two for each worker.

    Raises
    ------
    TypeError
        For what is no rows of numbers.
    ValueError
        For sizes that do not add up to N.

    Examples
    --------
    >>> from halfspaces.engines import Threads
    >>> place(np.zeros((5, 2)), Threads(), partitions=[2, 3]).starts.tolist()
    [0, 2, 5]
    """
    rows = X if isinstance(X, ComputedRows) else check_rows(X)
    n_rows, n_features = shape_of(rows)
    starts = _starts(n_rows, 2 * engine.slots if partitions is None else partitions)
    parts = [slice(i, j, 1) for i, j in itertools.pairwise(starts.tolist())]
    stored = None
    if isinstance(rows, ComputedRows):
        sources = tuple(Given(rows.images[part], rows.change) for part in parts)
    elif isinstance(rows, np.ndarray):
        sources = tuple(Given(rows[part]) for part in parts)
    else:
        sources = tuple(Given(sparse_rows(rows, part)) for part in parts)
        stored = int(rows.nnz)
    return PartitionedRows(engine, sources, starts, n_features, rows.dtype, stored=stored)


def _starts(n_rows: int, partitions: int | Sequence[int]) -> Array:
    """The first row of each partition, and the number of rows."""
    if isinstance(partitions, int):
        count = max(1, min(partitions, n_rows))
        return np.linspace(0, n_rows, count + 1).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(partitions)]).astype(np.int64)
    if starts[-1] != n_rows:
        raise ValueError(
            f"partitions has {starts[-1]} rows, and X has {n_rows}; give sizes that add up to them."
        )
    return starts


def check_fits(X: PartitionedRows, partition: int, memory: int | None) -> None:
    """Raise EngineError for a partition that is larger than a worker's memory, in bytes.

    A worker that receives such a partition is killed, whatever it would do with it.
    """
    first, stop = (int(row) for row in X.starts[partition : partition + 2])
    size = (stop - first) * X.n_features * X.dtype.itemsize
    if X.stored is None and memory is not None and size > memory:
        raise EngineError(
            f"Partition {partition} ({X.sources[partition]}) has {size / 1e6:,.0f} MB of rows, and"
            f" the smallest worker {memory / 1e6:,.0f} MB of memory; use smaller partitions, or"
            " workers with more memory."
        )


def changed(rows: Any, change: Callable[[Any], Any] | None) -> Any:
    """What a worker makes of rows that it receives; without a change they stay as they are."""
    return rows if change is None else check_rows(change(rows))


def check_rows(X: Any) -> Features:
    """The rows of a partition in a type that products take, in C order or as a csr_array.

    >>> check_rows(np.array([[1, 2]])).dtype
    dtype('float64')
    """
    if hasattr(X, "tocsr"):
        stored = canonical(X)
        taken = stored.dtype.name in ("float32", "float64")
        return stored if taken else csr_array(stored, dtype=np.float64)
    names = getattr(X, "column_names", None)
    if names is not None:  # a table of Arrow
        X = np.column_stack([np.asarray(X[name]) for name in names])
    rows = np.asarray(X)
    if rows.ndim != 2:
        raise TypeError(f"A partition has the shape {rows.shape}; give rows of numbers, (n, D).")
    if rows.dtype.kind not in "biuf":
        raise TypeError(f"A partition holds {rows.dtype}, and no numbers; convert its columns.")
    taken = rows.dtype.name in ("uint8", "float16", "float32", "float64")
    return np.ascontiguousarray(rows if taken else rows.astype(np.float64))

"""`Blocks` whose rows lie in partitions on an engine: the same two ways to visit them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from halfspaces.engines import by_row
from halfspaces.engines.base import Pass, Visiting, numbers_in
from halfspaces.engines.placed import PartitionedRows
from halfspaces.rows.blocks import Blocks, BlockSizes, compute_dtype
from halfspaces.support.types import Array, Features, Rows, Visit

Partial = TypeVar("Partial")
AnyRows = Features | PartitionedRows


class PartitionedBlocks(Blocks):
    """Examples whose X is `PartitionedRows`; labels, weights and an index lie on the client.

    Blocks are cut within partitions, and sums of partitions are added by a fixed tree: the bits
    depend on the sizes of the partitions, and on neither the engine nor the number of workers.

    Examples
    --------
    >>> from halfspaces.engines import Threads, place
    >>> X = place(np.eye(3), Threads(), partitions=2)
    >>> PartitionedBlocks(X, np.arange(3)).sum(lambda block: (block.X.sum(axis=0),))
    (array([1., 1., 1.]),)
    """

    X: Any

    def __post_init__(self) -> None:
        # A center would fill sparse rows: products in float64 keep the digits instead.
        if self.center is not None and self.X.stored is not None:
            object.__setattr__(self, "center", None)
            object.__setattr__(self, "in_double", True)

    @property
    def dtype(self) -> np.dtype:
        """The type of a converted block."""
        return np.dtype(np.float64) if self.in_double else compute_dtype(self.X.dtype)

    @property
    def row_size(self) -> float:
        """The mean number of stored values in a row: D for dense rows."""
        if self.X.stored is None:
            return self.n_features
        return max(self.X.stored / max(len(self.X), 1), 1.0)

    def are_fused(self, columns: int = 1) -> bool:
        """Whether compiled kernels multiply these rows by so many columns."""
        from halfspaces.kernels.fused_rows import serve

        plain = self.center is None and not self.in_double and self.X.stored is None
        return plain and self._is_large and serve(np.empty((1, 1), self.X.dtype), columns, 0)

    @property
    def _is_large(self) -> bool:
        return self.X.size >= self.sizes.fused_from

    def map(
        self, visit: Visit[Partial], rows: Rows = None, columns: int | None = None
    ) -> Iterator[Partial]:
        """Yield visit(block) for each block of the rows, in order.

        Few rows, and rows in another order than those of X, come to the client, which visits them.
        """
        chosen = self._chosen(rows)
        if not isinstance(chosen, np.ndarray):
            yield from self._by_partition(visit, chosen, columns)
        elif len(chosen) <= self.block_rows or np.any(np.diff(chosen) < 0):
            for start in range(0, len(chosen), self.block_rows):
                part = chosen[start : start + self.block_rows]
                yield from self._here(part).map(visit, columns=columns)
        else:
            yield from self._by_partition(visit, chosen, columns)

    def _by_partition(
        self, visit: Visit[Partial], chosen: Rows, columns: int | None
    ) -> Iterator[Partial]:
        for results in self.X.engine.results(self._pass(visit, chosen, columns, summed=False)):
            yield from results

    def sum(
        self, visit: Visit[tuple[Any, ...]], rows: Rows = None, columns: int | None = None
    ) -> tuple[Any, ...]:
        """The sum of the tuples of numbers or arrays that the visits return, in float64."""
        chosen = self._chosen(rows)
        if isinstance(chosen, np.ndarray):
            chosen = np.sort(chosen)
        return self.X.engine.total(self._pass(visit, chosen, columns, summed=True))

    def row_values(self, shape: tuple[int, ...]) -> Array:
        """Zeros (N, ...), float16, a row for each row of X: the next visits write into them."""
        return by_row.written_by_visits(super().row_values(shape))

    def _pass(self, visit: Visit[Any], rows: Rows, columns: int | None, *, summed: bool) -> Pass:
        # Which kernels multiply must not depend on how the rows are cut.
        sizes = replace(self.sizes, fused_from=0 if self._is_large else 1 << 62)
        how = Visiting(visit, columns, self.center, sizes, self.in_double, summed)
        return Pass(self.X, self.y, self.weight, self.X.parts(rows), how)

    def _chosen(self, rows: Rows) -> Rows:
        """The rows by their numbers in X, or a slice of these, or None for all."""
        if self.index is not None:
            return self.index[slice(None) if rows is None else rows]
        if isinstance(rows, slice) and rows.indices(self.n_examples)[2] != 1:
            return np.arange(self.n_examples)[rows]
        return rows

    def _here(self, numbers: Array) -> Blocks:
        """Some rows in the memory of the client."""
        whole = replace(self, index=None)
        weight = None if self.weight is None else self.weight[numbers]
        sizes: BlockSizes = replace(self.sizes, fused_from=1 << 62)
        here = _Fetched(
            self.X[numbers],
            whole.y[numbers],
            weight,
            center=self.center,
            n_jobs=self.n_jobs,
            sizes=sizes,
            in_double=self.in_double,
        )
        object.__setattr__(here, "numbers", numbers)
        return here


def blocks_of(X: AnyRows, y: Array, weight: Array | None = None, **options: Any) -> Blocks:
    """`Blocks` of rows in memory, or `PartitionedBlocks` of rows on an engine."""
    kind = PartitionedBlocks if isinstance(X, PartitionedRows) else Blocks
    rows: Any = X
    return kind(rows, y, weight, **options)


class _Fetched(Blocks):
    """Rows that were fetched from partitions, with their numbers in the whole X."""

    numbers: Any = None

    def _numbers(self, chunk: slice | Array) -> Array:
        return self.numbers[numbers_in(chunk)]

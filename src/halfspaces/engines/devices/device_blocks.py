"""Blocks of rows on a device: products are computed there, and sums are taken back once a pass."""

# pyright: reportIncompatibleVariableOverride=false

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from halfspaces.engines.devices.device_array import DeviceArray
from halfspaces.engines.devices.device_rows import DeviceRows
from halfspaces.engines.devices.place import Moved
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import AnyArray, Array, Block, Partial, Rows, Visit

ROW_BYTES = 1 << 28  # of the converted rows of a block
SCORES = 1 << 26  # of a block: a loss holds about six arrays of as many numbers
LEAST_ROWS = 256


class DeviceBlock:
    """Rows of one block on a device, with the products `rows @ V` and `rows.T @ A`.

    A product with an array of the device's library stays there; others are taken back.

    Parameters
    ----------
    rows : array of a library, shape (B, D)
        In the type of the products.
    dtype : dtype
        That type.
    moved : Moved
        That of all blocks of a visit.

    Examples
    --------
    >>> from halfspaces.engines.devices.place import Place
    >>> from halfspaces.system.libraries import Library
    >>> block = DeviceBlock(np.eye(2), np.dtype(float), Moved(Place(Library())))
    >>> (block @ np.ones((2, 1))).tolist()
    [[1.0], [1.0]]
    """

    def __init__(self, rows: AnyArray, dtype: np.dtype, moved: Moved) -> None:
        self.rows = rows
        self.dtype = dtype
        self.moved = moved

    def __len__(self) -> int:
        return self.rows.shape[0]

    def __matmul__(self, V: AnyArray) -> AnyArray:
        """Scores (B, K) of parameters V (D, K)."""
        if isinstance(V, DeviceArray):
            return self.moved.place.taken(self.rows @ V.values)
        if not isinstance(V, np.ndarray):
            return self.rows @ V
        return self.moved.place.taken(self.rows @ self.moved(V, self.dtype))

    @property
    def T(self) -> "_Transposed":
        """The transpose, for products only."""
        return _Transposed(self)

    def add_moments(
        self, y: Array, weight: Array, origin: Array, sums: Array, squares: Array
    ) -> None:
        """Add w_i (x_i − origin) to sums[y_i] and w_i (x_i − origin)² to squares (D,)."""
        place = self.moved.place
        xp = place.xp
        deviations = xp.astype(self.rows, place.wide) - place.put(origin)
        weights = place.put(weight)
        classes = xp.arange(len(sums), device=place.library.device)
        is_of = xp.reshape(place.put(y), (-1, 1)) == classes
        by_class = xp.astype(is_of, place.wide) * xp.reshape(weights, (-1, 1))
        sums += place.taken(by_class.T @ deviations)
        squares += place.taken(weights @ deviations**2)


class _Transposed:
    def __init__(self, block: DeviceBlock) -> None:
        self.block = block

    def __matmul__(self, A: AnyArray) -> AnyArray:
        """Sums over the rows (D, K) of x_i a_iᵀ, for A (B, K)."""
        block = self.block
        if not isinstance(A, np.ndarray):
            return block.rows.T @ A
        place = block.moved.place
        return place.taken(block.rows.T @ place.put(np.ascontiguousarray(A, block.dtype)))


@dataclass(frozen=True, eq=False)
class DeviceBlocks(Blocks):
    """`Blocks` of `DeviceRows`.

    A visit that only multiplies rows by matrices, as `columns` says, gets a `DeviceBlock`; any
    other one gets the rows as an array of NumPy's. Blocks are visited one after another: the device
    is the worker.
    """

    X: AnyArray

    @property
    def rows(self) -> DeviceRows:
        """X."""
        return self.X

    @property
    def row_size(self) -> float:
        """D."""
        return self.n_features

    def map(
        self, visit: Visit[Partial], rows: Rows = None, columns: int | None = None
    ) -> Iterator[Partial]:
        """Yield visit(block) for each block of the rows, in order."""
        if not columns or (self.in_double and not self.rows.place.has_double):
            for chunk in self._chunks(rows, self.block_rows):
                X: AnyArray = self._converted(self.X[self._where(chunk)])
                yield visit(self._block(X, chunk))
            return
        chunks = self._chunks(rows, self._device_rows(columns))
        moved = Moved(self.rows.place)
        placed = self.rows.ahead([self._where(chunk) for chunk in chunks])
        for chunk, stored in zip(chunks, placed, strict=True):
            block = DeviceBlock(self._centred(stored), self.dtype, moved)
            yield visit(self._block(block, chunk))

    def sum(
        self, visit: Visit[tuple[Any, ...]], rows: Rows = None, columns: int | None = None
    ) -> tuple[Any, ...]:
        """The sum, in block order, of the tuples of numbers or arrays that the visits return.

        Arrays of the device are added there, in float64 where it has that.
        """
        total: list[AnyArray] = []
        for parts in self.map(visit, rows, columns):
            wide = [self._wide(part) for part in parts]
            total = [a + b for a, b in zip(total, wide, strict=True)] if total else wide
        return tuple(map(self._answer, total))

    def _answer(self, part: AnyArray) -> AnyArray:
        """A sum over the blocks: matrices stay on the device, numbers of each column come back."""
        if _is_here(part):
            return part
        place = self.rows.place
        stays = len(part.shape) > 1 and place.has_double
        return DeviceArray(part, place) if stays else np.array(place.taken(part), np.float64)

    def _wide(self, part: AnyArray) -> AnyArray:
        """A number, or an array in the type in which it is added."""
        if isinstance(part, np.ndarray):
            return part.astype(np.float64, copy=False)
        place = self.rows.place
        return part if _is_here(part) else place.xp.astype(part, place.wide, copy=False)

    def _device_rows(self, columns: int) -> int:
        """The number of rows of a block, a power of two, from the shapes only."""
        most = min(ROW_BYTES // (self.n_features * self.dtype.itemsize), SCORES // columns)
        return max(LEAST_ROWS, 1 << max(most, 1).bit_length() - 1)

    def _block(self, X: AnyArray, chunk: slice | Array) -> Block:
        weight = None if self.weight is None else self._take(self.weight, chunk)
        return Block(X, self._take(self.y, chunk), weight, self._numbers(chunk))

    def _where(self, chunk: slice | Array) -> slice | Array:
        """The rows of X of a chunk."""
        return chunk if self.index is None else self.index[chunk]

    def _centred(self, stored: AnyArray) -> AnyArray:
        rows = self.rows.of_products(stored, self.dtype)
        return (
            rows
            if self.center is None
            else rows - self.rows.place.put(self.center.astype(self.dtype))
        )


def _is_here(part: AnyArray) -> bool:
    """Whether this is a number, or an array of NumPy's."""
    return isinstance(part, (int, float, np.generic, np.ndarray))

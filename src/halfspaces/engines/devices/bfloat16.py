"""Rows of bfloat16 in the memory of this machine: they keep their 2 bytes a number.

A bfloat16 is the upper half of a float32, so a block is widened exactly, by a shift of its bits.
The compiled kernels read the 2 bytes themselves.
"""

# pyright: reportIncompatibleVariableOverride=false

from dataclasses import dataclass
from typing import Any

import numpy as np

from halfspaces.engines.devices.stored_rows import BFLOAT16, Chunk, StoredRows
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import AnyArray, Array, Partial, Rows, Visit
from halfspaces.system.tensors import widened


class Bfloat16Rows(StoredRows):
    """Rows of bfloat16.

    Parameters
    ----------
    bits : array of uint16, shape (N, D)
        The 2 bytes of each number; not copied.

    Examples
    --------
    >>> Bfloat16Rows(np.array([[0x3F80, 0xC000]], np.uint16))[:].tolist()
    [[1.0, -2.0]]
    """

    def __init__(self, bits: Array) -> None:
        self.bits = bits
        self.shape = bits.shape
        self.ndim = bits.ndim
        self.dtype = BFLOAT16

    def __getitem__(self, chunk: Chunk) -> Array:
        return widened(self.bits[chunk])

    @property
    def typed(self) -> Array:
        """The rows as an array of `BFLOAT16`, whose type tells kernels what the bytes are."""
        return self.bits.view(BFLOAT16)

    def usable(self, rows: slice, limit: float) -> bool:
        """Whether all values are finite and at most so large."""
        return bool(np.all(np.abs(self[rows]) <= limit))


@dataclass(frozen=True, eq=False)
class Bfloat16Blocks(Blocks):
    """`Blocks` of `Bfloat16Rows`, which are widened block by block.

    >>> bits = np.array([[0x3F80], [0xC000]], np.uint16)
    >>> blocks = Bfloat16Blocks(Bfloat16Rows(bits), np.arange(2), n_jobs=1)
    >>> [block.tolist() for block in blocks.map(lambda block: block.X.copy())]
    [[[1.0], [-2.0]]]
    """

    X: AnyArray

    @property
    def row_size(self) -> float:
        """D."""
        return self.n_features

    def are_fused(self, columns: int = 1) -> bool:
        """Whether compiled kernels multiply these rows by so many columns."""
        from halfspaces.kernels.fused_rows import serve

        plain = self.center is None and not self.in_double
        return plain and serve(self.X.typed, columns, self.sizes.fused_from)

    def _work(self, visit: Visit[Partial], rows: Rows, columns: int | None) -> Any:
        return super()._work(visit, rows, columns or None)  # no visit takes the bytes themselves

    def _rows(self, chunk: slice | Array) -> Array:
        return self._take(self.X.typed, chunk)

    def _converted(self, X: AnyArray) -> Any:
        words = getattr(self._buffers, "words", None)
        if words is None or len(words) < len(X):
            words = self._buffers.words = np.empty(X.shape, np.uint32)
        rows = words[: len(X)]
        np.left_shift(X.view(np.uint16), 16, out=rows, dtype=np.uint32)
        return super()._converted(rows.view(np.float32))

"""Rows that are no array of NumPy's, with the part of its interface that `Blocks` needs."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from halfspaces.rows.blocks import compute_dtype
from halfspaces.support.types import Array

Chunk = slice | Array
BFLOAT16 = np.dtype("V2")  # what NumPy makes of bfloat16, a type that it does not have


class StoredRows(ABC):
    """Rows (N, D); `rows[chunk]` are NumPy's, converted to the type of the products.

    So code that takes a sample of the rows need not know how they are stored.
    """

    ndim = 2
    shape: tuple[int, int]
    dtype: np.dtype  # as stored; `BFLOAT16` for bfloat16

    @abstractmethod
    def __getitem__(self, chunk: Chunk) -> Array:
        """Some rows, by a slice or by numbers, as float32, or float64 where that is stored."""

    @abstractmethod
    def usable(self, rows: slice, limit: float) -> bool:
        """Whether all values of these rows are finite and at most so large."""

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All rows; a copy as large as they are."""
        return self[:].astype(dtype or compute_dtype(self.dtype), copy=False)

    @property
    def size(self) -> int:
        """N D."""
        return self.shape[0] * self.shape[1]

    @property
    def stand_in(self) -> Array:
        """An array of this shape in 4 bytes of memory, for checks that look at no value."""
        return np.broadcast_to(np.float32(0), self.shape)


def name_of(dtype: np.dtype) -> str:
    """The name of a type of rows.

    >>> name_of(BFLOAT16), name_of(np.dtype(np.float16))
    ('bfloat16', 'float16')
    """
    return "bfloat16" if dtype == BFLOAT16 else dtype.name

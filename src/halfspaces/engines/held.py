"""What the workers of a process hold: rows, labels and other values, by worker and partition."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import tempfile
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from halfspaces.engines.base import Key, count_of
from halfspaces.kernels.sparse_rows import sparse_rows, stacked
from halfspaces.support.types import Array, Features

MOST_HELD = 0.6  # of a worker's memory: further partitions lie in files, which are mapped
PIECE = 16 << 20  # bytes of rows in one message: no store of objects has to hold a partition

Place = tuple[str, int, int]  # the worker, and the key


class Residents:
    """What the workers of this process hold, by worker, number and partition."""

    def __init__(self) -> None:
        self._held: dict[Place, Features] = {}
        self._bytes: dict[Place, int] = {}  # in memory, not in files
        self._arriving: dict[Place, _Arriving] = {}
        self._lock = threading.Lock()

    def find(self, worker: str, key: Key) -> Any:
        """The values, or None."""
        return self._held.get((worker, *key))

    def hold(self, worker: str, key: Key, values: Features, memory: int | None = None) -> Features:
        """Keep values; beyond a part of the worker's memory they lie in a file that is mapped.

        Values that lie in a message or in a store of objects are copied, so that it can be freed.
        """
        place = (worker, *key)
        values = _own(values)
        with self._lock:
            size = memory_of(values)
            if memory is not None:
                others = [own for each, own in self._bytes.items() if each[0] == worker]
                if sum(others) + size > MOST_HELD * memory:
                    values = _in_files(values)
                    size = 0
            self._held[place] = values
            self._bytes[place] = size
        return values

    def receive(
        self, worker: str, key: Key, piece: Features, start: int, n_rows: int
    ) -> Features | None:
        """Keep rows that arrive in pieces, in any order; the whole with the last one."""
        place = (worker, *key)
        with self._lock:
            arriving = self._arriving.setdefault(place, _Arriving(n_rows))
            arriving.put(piece, start)
            return self._arriving.pop(place).rows() if arriving.is_whole else None

    def forget(self, numbers: Sequence[int]) -> None:
        """Free what is held under these numbers."""
        with self._lock:
            for places in (self._held, self._bytes, self._arriving):
                for place in [each for each in places if each[1] in numbers]:
                    del places[place]


class _Arriving:
    """Some rows of a partition, by the number of the first one; dense ones lie in their place.

    Messages overtake each other, and one may come twice: to a worker that was given up too early.
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._pieces: dict[int, Features] = {}
        self._dense: Array | None = None

    def put(self, piece: Features, start: int) -> None:
        """Take a piece."""
        if isinstance(piece, np.ndarray):
            if self._dense is None:
                self._dense = np.empty((self._n_rows, *piece.shape[1:]), piece.dtype)
            own = self._dense[start : start + len(piece)]
            own[:] = piece
        else:
            own = piece.copy()
        self._pieces[start] = own

    @property
    def is_whole(self) -> bool:
        """Whether all pieces are there."""
        return sum(map(count_of, self._pieces.values())) == self._n_rows

    def rows(self) -> Features:
        """All rows."""
        if self._dense is not None:
            return self._dense
        return stacked([self._pieces[start] for start in sorted(self._pieces)])


def pieces_of(rows: Features) -> list[tuple[int, Features]]:
    """Rows in pieces of at most `PIECE` bytes, each with the number of its first row.

    >>> [start for start, _ in pieces_of(np.zeros((5, 1 << 20)))]
    [0, 2, 4]
    """
    count = count_of(rows)
    size = max(1, count * PIECE // max(memory_of(rows), PIECE))
    starts = range(0, max(count, 1), max(size, 1))
    if isinstance(rows, np.ndarray):
        return [(start, rows[start : start + size]) for start in starts]
    return [
        (start, sparse_rows(rows, slice(start, min(start + size, count), 1))) for start in starts
    ]


def memory_of(values: Features) -> int:
    """Bytes in memory; 0 for an array that is mapped from a file."""
    if isinstance(values, csr_array):
        parts: Any = (values.data, values.indices, values.indptr)
        return sum(part.nbytes for part in parts)
    return 0 if isinstance(values, np.memmap) else values.nbytes


def _own(values: Features) -> Features:
    """Values in memory of their own: C order, and aligned.

    Sums over arrays that are not aligned, as some that were received, have other last bits.
    """
    if isinstance(values, np.memmap):
        return np.require(values, requirements=["C_CONTIGUOUS", "ALIGNED"])
    if isinstance(values, np.ndarray):
        return np.require(values, requirements=["C_CONTIGUOUS", "ALIGNED", "OWNDATA"])
    return _of_parts(values, _own)


def _in_files(values: Features) -> Features:
    """A copy on the local disk, which is mapped; the file has no name, and ends with the map."""
    if not isinstance(values, np.ndarray):
        return _of_parts(values, _in_files)
    if values.size == 0:
        return values
    with tempfile.TemporaryFile() as file:
        values.tofile(file)
        file.flush()
        return np.memmap(file, values.dtype, "r", shape=values.shape)


def _of_parts(rows: Any, function: Any) -> csr_array:
    """Sparse rows, each of whose arrays went through a function."""
    parts: tuple[Array, Array, Array] = (rows.data, rows.indices, rows.indptr)
    return csr_array(tuple(map(function, parts)), shape=rows.shape)


RESIDENTS = Residents()

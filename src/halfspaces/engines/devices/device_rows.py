"""Rows that lie on a device, or that are streamed to one from the memory of this machine."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from halfspaces.engines.devices.place import Place
from halfspaces.engines.devices.stored_rows import BFLOAT16, Chunk, StoredRows
from halfspaces.rows.blocks import compute_dtype
from halfspaces.support.types import AnyArray, Array
from halfspaces.system.libraries import Library
from halfspaces.system.tensors import widened

TAKEN = {"uint8", "float16", "bfloat16", "float32", "float64"}  # types that are not converted


class DeviceRows(StoredRows):
    """Rows for products on a device."""

    place: Place

    def stored(self, chunk: Chunk) -> AnyArray:
        """Some rows on the device, as they are stored."""
        return next(self.ahead([chunk]))

    def ahead(self, chunks: Sequence[Chunk]) -> Iterator[AnyArray]:
        """The rows of each chunk on the device, as they are stored; later ones may be on the way.

        A chunk is a slice or an array of numbers.
        """
        raise NotImplementedError

    def of_products(self, stored: AnyArray, dtype: np.dtype | None = None) -> AnyArray:
        """Rows of the device in the type of the products, or in another one."""
        return self.place.of_type(stored, dtype or compute_dtype(self.dtype))

    def __getitem__(self, chunk: Chunk) -> Array:
        return self.place.taken(self.of_products(self.stored(chunk)))

    def usable(self, rows: slice, limit: float) -> bool:
        """Whether all values are finite and at most so large, found on the device."""
        values = self.of_products(self.stored(rows))
        return bool(self.place.xp.all(self.place.xp.abs(values) <= limit))


class PlacedRows(DeviceRows):
    """Rows in the memory of a device.

    Parameters
    ----------
    array : array of a library, shape (N, D)
        uint8, float16, bfloat16, float32 or float64; not copied.

    Examples
    --------
    >>> rows = PlacedRows(np.eye(2, dtype=np.float16))
    >>> rows.stored(slice(1, 2)).tolist(), rows[:].dtype.name
    ([[0.0, 1.0]], 'float32')
    """

    def __init__(self, array: AnyArray) -> None:
        self.array = array
        self.shape = tuple(array.shape)
        self.ndim = len(self.shape)
        self.dtype = numpy_dtype(array)
        self.place = Place(Library.of(array))

    def ahead(self, chunks: Sequence[Chunk]) -> Iterator[AnyArray]:
        """The rows of each chunk: slices are views."""
        for chunk in chunks:
            if isinstance(chunk, slice):
                within = slice(*chunk.indices(len(self)))  # some libraries take no end beyond it
                yield self.array[within, ...]
            else:
                numbers = self.place.put(np.asarray(chunk, np.int64))
                yield self.place.xp.take(self.array, numbers, axis=0)


class StreamedRows(DeviceRows):
    """Rows in the memory of this machine, copied to a device of torch's chunk by chunk.

    The next chunk is copied, through pinned memory and in a stream of its own, while products of
    this one are computed.

    Parameters
    ----------
    host : array, shape (N, D)
        uint8, float16, `BFLOAT16`, float32 or float64; a memory map, too.
    device : str
        As torch names it.
    """

    def __init__(self, host: Array, device: str) -> None:
        import torch

        self.host = host
        self.shape = host.shape
        self.ndim = host.ndim
        self.dtype = host.dtype
        self.place = Place(Library("torch", torch.device(device)))
        self._on_cuda = self.place.library.device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._on_cuda else None

    def __getitem__(self, chunk: Chunk) -> Array:
        rows = self.host[chunk]
        wide = widened(rows) if self.dtype == BFLOAT16 else rows
        return wide.astype(compute_dtype(self.dtype), copy=False)

    def usable(self, rows: slice, limit: float) -> bool:
        """Whether all values are finite and at most so large, found here."""
        return bool(np.all(np.abs(self[rows]) <= limit))

    def ahead(self, chunks: Sequence[Chunk]) -> Iterator[AnyArray]:
        """The rows of each chunk, the next one already on its way."""
        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(self._sent, chunk) for chunk in chunks[:1]]
            for following in [*chunks[1:], None]:
                rows = waiting.pop().result()
                if following is not None:
                    waiting.append(pool.submit(self._sent, following))
                yield self._received(rows)

    def _sent(self, chunk: Chunk) -> Any:
        """The rows on the device, when they are there: called on the thread that copies."""
        import torch

        rows = self.host[chunk]
        carried = np.dtype(np.int16) if self.dtype == BFLOAT16 else self.dtype
        kind = getattr(torch, carried.name)
        pinned = torch.empty(rows.shape, dtype=kind, pin_memory=self._on_cuda)
        pinned.numpy()[...] = rows.view(carried)
        if self._stream is None:
            return pinned.to(self.place.library.device)
        with torch.cuda.stream(self._stream):
            sent = pinned.to(self.place.library.device, non_blocking=True)
        self._stream.synchronize()
        return sent

    def _received(self, rows: AnyArray) -> Any:
        """The rows in their type, for the stream that computes."""
        import torch

        if self._on_cuda:
            rows.record_stream(torch.cuda.current_stream(rows.device))
        return rows.view(torch.bfloat16) if self.dtype == BFLOAT16 else rows


def numpy_dtype(array: AnyArray) -> np.dtype:
    """The type of an array of any library, `BFLOAT16` for bfloat16.

    >>> numpy_dtype(np.zeros(2, np.uint8)).name
    'uint8'
    """
    name = type_name(array)
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


def type_name(array: AnyArray) -> str:
    """The name of the type of an array of any library, such as "float16"."""
    return str(array.dtype).rpartition(".")[2]

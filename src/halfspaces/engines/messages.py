"""A visit as bytes, which workers read: what belongs to rows is left behind.

A visit is a function that knows its objective, and so all examples. In the bytes the rows are
missing, and arrays by row are named by their numbers: each worker puts its own parts in their
place. W is in them once.
"""

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle
import numpy as np

from halfspaces.engines import by_row
from halfspaces.engines.base import How
from halfspaces.engines.blocks import PartitionedBlocks
from halfspaces.engines.placed import PartitionedRows
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.penalties.none import NoPenalty
from halfspaces.support.types import Array


@dataclass(frozen=True, eq=False)
class Message:
    """A visit as bytes, and the arrays by row that it reads or writes, by their numbers."""

    content: bytes
    arrays: Mapping[int, Array]


@dataclass(frozen=True)
class Elsewhere:
    """Stands for the rows of an objective in the process that visits them."""

    type: str
    n_jobs: int = 1
    n_features: int = 0
    center: None = None

    @property
    def dtype(self) -> np.dtype:
        """That of converted blocks."""
        return np.dtype(self.type)


def dumps(how: How) -> Message:
    """The message of a visit."""
    file = io.BytesIO()
    pickler = _Pickler(file, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dump(how)
    return Message(file.getvalue(), pickler.arrays)


def loads(content: bytes, values: Mapping[int, Array], first: int) -> How:
    """The visit of a message, with the values (n, ...) of a partition that begins at `first`."""
    unpickler = _Unpickler(io.BytesIO(content))
    unpickler.values = {number: by_row.OfPartition(own, first) for number, own in values.items()}
    return unpickler.load()


class _Pickler(cloudpickle.Pickler):
    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        super().__init__(file, protocol=protocol)
        self.arrays: dict[int, Array] = {}

    def persistent_id(self, obj: Any) -> int | None:
        found = by_row.known(obj) if isinstance(obj, np.ndarray) else None
        if found is None:
            return None
        self.arrays[found.number] = obj
        return found.number

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, PartitionedBlocks):
            return Elsewhere, (obj.dtype.str,)
        if isinstance(obj, PartitionedRows):
            return Elsewhere, (obj.dtype.str,)
        if isinstance(obj, Objective) and isinstance(obj.blocks, PartitionedBlocks):
            return Objective, (
                obj.loss,
                NoPenalty(),
                Elsewhere(obj.blocks.dtype.str),
                obj.n_classes,
            )
        if isinstance(obj, Request) and obj.W.size:
            without = replace(obj, W=np.empty((0, *obj.W.shape[1:])), rows=None)
            return Request, tuple(vars(without)[name] for name in _FIELDS)
        return super().reducer_override(obj)


_FIELDS = tuple(Request.__dataclass_fields__)


class _Unpickler(pickle.Unpickler):
    values: Mapping[int, by_row.OfPartition]

    def persistent_load(self, pid: Any) -> by_row.OfPartition:
        return self.values[pid]

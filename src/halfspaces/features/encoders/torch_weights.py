"""The weights that `torch.save` wrote before torch 1.6, read without torch and without unpickling.

Such a file is five pickles, one after the other: a magic number, the version, the byte order, the
dictionary of tensors, and the keys of their storages. The storages follow in the order of the keys:
the number of elements (int64), then the elements.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from halfspaces.support.types import Array
from halfspaces.system.errors import DataError
from halfspaces.system.pickle_machine import Global, PickleMachine

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
TENSOR = "tensor"
DICTIONARY = "dictionary"
DTYPES = {"float32": np.dtype("<f4"), "int64": np.dtype("<i8")}


@dataclass(frozen=True)
class Storage:
    """Elements that tensors share: their key in the file, their type, and their number."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of a storage: its element i is at `offset` + Σ i_k `strides`_k."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, elements: Array) -> Array:
        """The values, copied from the elements of the storage; ValueError if they lie outside."""
        numbers = (self.offset, *self.shape, *self.strides)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("it has a tensor without a shape")
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((length - 1) * stride for length, stride in steps)
        if 0 in self.shape or last >= len(elements) or math.prod(self.shape) > len(elements):
            raise ValueError("it has a tensor outside its storage")
        strides = [stride * elements.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(elements[self.offset :], self.shape, strides)
        return np.array(view, order="C")


class _Weights(PickleMachine):
    """A machine for dictionaries of tensors."""

    files: ClassVar[str] = "file of weights"
    globals: ClassVar[Mapping[str, str]] = {
        "collections OrderedDict": DICTIONARY,
        "torch._utils _rebuild_tensor_v2": TENSOR,
        "torch FloatStorage": "float32",
        "torch LongStorage": "int64",
    }

    def call(self, kind: str, arguments: tuple[Any, ...]) -> Any:
        """An empty dictionary or a tensor."""
        if kind == DICTIONARY and arguments == ():
            return {}
        if kind == TENSOR:
            storage, offset, shape, strides = arguments[:4]
            if isinstance(storage, Storage) and type(shape) is type(strides) is tuple:
                return Tensor(storage, offset, shape, strides)
        raise ValueError("it has a tensor without a storage")

    def set_state(self, target: Any, state: Any) -> None:
        """Leave out the attributes of the dictionary, which are versions of its modules."""
        if type(target) is not dict:
            raise ValueError("it sets the state of what has none")

    def persistent(self, identity: Any) -> Storage:
        """The storage that ("storage", type, key, device, number of elements, ...) names."""
        _, dtype, key, _, count = identity[:5]
        if not isinstance(dtype, Global) or dtype.kind not in DTYPES or type(key) is not str:
            raise ValueError("it has a storage without a type")
        return Storage(key, dtype.kind, count)


def read(path: Path, content: bytes) -> dict[str, Array]:
    """The tensors by name, float32 or int64; `path` is the file of the `content`, for messages.

    Raises
    ------
    DataError
        In one sentence, for other formats, cut or damaged files, and whatever would call a
        function.
    """
    machine = _Weights(path)
    stream = BytesIO(content)
    if machine.load(stream) != MAGIC or machine.load(stream) != VERSION:
        raise DataError(
            f"{path} is no file of weights in the format of torch before 1.6;"
            " give the file that was published."
        )
    machine.load(stream)  # byte order and sizes of C's types; elements are little endian
    tensors = machine.load(stream)
    keys = machine.load(stream)
    try:
        return _arrays(tensors, keys, content[stream.tell() :])
    except Exception as error:  # hostile values where others are expected
        raise machine.damaged(error) from error


def _arrays(tensors: Any, keys: Any, data: bytes) -> dict[str, Array]:
    """The arrays of the tensors, from the storages in `data`."""
    if not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ValueError("it holds more than tensors")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    elements: dict[str, Array] = {}
    place = 0
    for key in keys:
        count = int.from_bytes(data[place : place + 8], "little")
        storage = storages[key]
        dtype = DTYPES[storage.dtype]
        if count != storage.count or key in elements:
            raise ValueError("it has a storage of another size")
        elements[key] = np.frombuffer(data, dtype, count, place + 8)
        place += 8 + count * dtype.itemsize
    return {name: tensor.array(elements[tensor.storage.key]) for name, tensor in tensors.items()}

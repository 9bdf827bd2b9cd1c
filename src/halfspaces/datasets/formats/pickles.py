"""Pickles of plain values and uint8 arrays, as in CIFAR's python version, not unpickled.

The machine of `halfspaces.system.pickle_machine` reads them, and rebuilds NumPy arrays of bytes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from halfspaces.system.errors import DataError
from halfspaces.system.pickle_machine import PickleMachine

ARRAY = "array"
ARRAY_TYPE = "ndarray"
DTYPE = "dtype"
ENCODE = "encode"


@dataclass(eq=False)
class _Rebuilt:
    """A dtype or an array, described by its state."""

    kind: str
    state: Any = None


def read(path: Path, stream: BinaryIO) -> Any:
    """The value, with arrays of uint8 and text as str or bytes; DataError for anything else."""
    machine = _Arrays(path)
    value = machine.load(stream)
    try:
        return _finished(path, value)
    except DataError:
        raise
    except Exception as error:  # an array with a state of another form
        raise machine.damaged(error) from error


class _Arrays(PickleMachine):
    """A machine that rebuilds arrays of bytes."""

    files: ClassVar[str] = "CIFAR file"
    globals: ClassVar[Mapping[str, str]] = {
        "numpy.core.multiarray _reconstruct": ARRAY,
        "numpy._core.multiarray _reconstruct": ARRAY,
        "numpy ndarray": ARRAY_TYPE,
        "numpy dtype": DTYPE,
        "_codecs encode": ENCODE,
    }

    def call(self, kind: str, arguments: tuple[Any, ...]) -> Any:
        """Bytes that are written as text, a dtype or an array to be described by its state."""
        if kind == ENCODE:
            text, encoding = arguments
            if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
                raise ValueError("it encodes otherwise than in latin1")
            return text.encode("latin1")
        if kind == DTYPE and arguments[:1] in (("u1",), ("|u1",)):
            return _Rebuilt(DTYPE)
        if kind == ARRAY:
            return _Rebuilt(ARRAY)
        raise ValueError("it has an array that is not of bytes")

    def set_state(self, target: Any, state: Any) -> None:
        """Store the state of a dtype or an array."""
        if not isinstance(target, _Rebuilt):
            raise ValueError("it sets the state of what has none")
        target.state = state


def _finished(path: Path, value: Any) -> dict[str, Any]:
    """The dictionary with text as keys, and arrays in place of their descriptions."""
    if not isinstance(value, dict):
        raise DataError(f"{path} holds no dictionary, as CIFAR's files do; get the file again.")
    finished = {}
    for key, item in value.items():
        text = key if isinstance(key, str) else key.decode("latin1")
        finished[text] = _array(item) if isinstance(item, _Rebuilt) else item
    return finished


def _array(rebuilt: _Rebuilt) -> np.ndarray:
    _, shape, dtype, fortran, content = rebuilt.state
    if not (isinstance(dtype, _Rebuilt) and dtype.kind == DTYPE and isinstance(shape, tuple)):
        raise ValueError("it has an array that is not of bytes")
    data = content.encode("latin1") if isinstance(content, str) else content
    if not all(type(n) is int and n >= 0 for n in shape) or math.prod(shape) != len(data):
        raise ValueError("an array's shape does not fit its bytes")
    return np.frombuffer(data, np.uint8).reshape(shape, order="F" if fortran else "C")

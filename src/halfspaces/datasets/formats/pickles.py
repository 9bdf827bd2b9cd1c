"""Pickles of plain values and uint8 arrays, as in CIFAR's python version, not unpickled.

The opcodes that `pickletools` lists are interpreted here: numbers, text, bytes, lists, tuples,
dictionaries with text as keys, and what rebuilds a NumPy array of bytes. Nothing here can be
called, so nothing in a file is ever run. `pickle.Unpickler` with a restricted `find_class` does not
do: it allocates what an index in the file asks for (2 GiB for a pickle of 10 bytes), and it sets
attributes of the objects that stand for functions.
"""

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from halfspaces.system.errors import DataError, shown

LITERALS = {
    "BINSTRING", "SHORT_BINSTRING", "STRING", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "UNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "INT", "BININT", "BININT1", "BININT2",
    "LONG", "LONG1",
}  # fmt: skip
CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
IGNORED = {"PROTO", "FRAME"}
TUPLE_SIZES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
ARRAY = "array"  # these names stand for functions and types, and cannot be called
ARRAY_TYPE = "ndarray"
DTYPE = "dtype"
ENCODE = "encode"
GLOBALS = {
    "numpy.core.multiarray _reconstruct": ARRAY,
    "numpy._core.multiarray _reconstruct": ARRAY,
    "numpy ndarray": ARRAY_TYPE,
    "numpy dtype": DTYPE,
    "_codecs encode": ENCODE,
}


@dataclass(frozen=True, eq=False)
class _Global:
    """One of the accepted globals."""

    kind: str


@dataclass(eq=False)
class _Rebuilt:
    """A dtype or an array, described by its state."""

    kind: str
    state: Any = None


def read(path: Path, stream: BinaryIO) -> Any:
    """The value, with arrays of uint8 and text as str or bytes; DataError for anything else."""
    machine = _Machine(path)
    try:
        for opcode, argument, place in pickletools.genops(stream):
            if opcode.name == "STOP":
                return _finished(path, machine.stack.pop())
            machine.step(opcode.name, argument, place)
    except DataError:
        raise
    except Exception as error:  # pickletools, or an empty stack, over hostile bytes
        cause = shown(str(error))[:80] or type(error).__name__
        raise DataError(f"{path} is cut or damaged ({cause}); get the file again.") from error
    raise DataError(f"{path} is cut: it has no end; get the file again.")


@dataclass
class _Machine:
    """The stack, the marks on it, and the memo of a pickle machine."""

    path: Path
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def step(self, name: str, argument: Any, place: int | None) -> None:
        """Perform one opcode."""
        if name in LITERALS:
            self.stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memo[argument])
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in TUPLE_SIZES:
            self.stack.append(tuple(self._pop(TUPLE_SIZES[name])))
        elif name in STEPS:
            STEPS[name](self, argument)
        elif name not in IGNORED:
            raise self._foreign(f"{name} at byte {place:,}")

    def _foreign(self, wanted: str) -> DataError:
        return DataError(
            f"{self.path} wants {wanted}, which no CIFAR file needs and is never run;"
            " get the file again."
        )

    def _pop(self, n: int) -> list[Any]:
        above_mark = len(self.stack) - (self.marks[-1] if self.marks else 0)
        if n > above_mark:
            raise ValueError("its stack is too short")
        values = self.stack[len(self.stack) - n :]
        del self.stack[len(self.stack) - n :]
        return values

    def _pop_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def _mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _append(self, _: Any) -> None:
        self._extend(self._pop(1))

    def _appends(self, _: Any) -> None:
        self._extend(self._pop_mark())

    def _extend(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise ValueError("it appends to what is no list")
        self.stack[-1].extend(values)

    def _set_item(self, _: Any) -> None:
        self._update(self._pop(2))

    def _set_items(self, _: Any) -> None:
        self._update(self._pop_mark())

    def _update(self, values: list[Any]) -> None:
        keys = values[::2]
        is_dict = type(self.stack[-1]) is dict
        if not is_dict or not all(isinstance(key, (str, bytes)) for key in keys):
            raise ValueError("it has a key that is no text")
        self.stack[-1].update(zip(keys, values[1::2], strict=True))

    def _list(self, _: Any) -> None:
        self.stack.append(self._pop_mark())

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._pop_mark()))

    def _dict(self, _: Any) -> None:
        values = self._pop_mark()
        self.stack.append({})
        self._update(values)

    def _empty_list(self, _: Any) -> None:
        self.stack.append([])

    def _empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def _global(self, name: Any) -> None:
        if name not in GLOBALS:
            raise self._foreign(shown(str(name)).replace(" ", "."))
        self.stack.append(_Global(GLOBALS[name]))

    def _stack_global(self, _: Any) -> None:
        module, name = self._pop(2)
        self._global(f"{module!s:.80} {name!s:.80}")

    def _reduce(self, _: Any) -> None:
        function, arguments = self._pop(2)
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise ValueError("it calls what cannot be called")
        if function.kind == ENCODE:
            text, encoding = arguments
            if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
                raise ValueError("it encodes otherwise than in latin1")
            self.stack.append(text.encode("latin1"))
        elif function.kind == DTYPE and arguments[:1] in (("u1",), ("|u1",)):
            self.stack.append(_Rebuilt(DTYPE))
        elif function.kind == ARRAY:
            self.stack.append(_Rebuilt(ARRAY))
        else:
            raise ValueError("it has an array that is not of bytes")

    def _build(self, _: Any) -> None:
        (state,) = self._pop(1)
        if not isinstance(self.stack[-1], _Rebuilt):
            raise ValueError("it sets the state of what has none")
        self.stack[-1].state = state


STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "MEMOIZE": _Machine._memoize,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "LIST": _Machine._list,
    "TUPLE": _Machine._tuple,
    "DICT": _Machine._dict,
    "EMPTY_LIST": _Machine._empty_list,
    "EMPTY_DICT": _Machine._empty_dict,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "REDUCE": _Machine._reduce,
    "BUILD": _Machine._build,
}


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

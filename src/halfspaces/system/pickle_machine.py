"""A pickle machine that calls nothing: the base of readers of pickled values.

The opcodes that `pickletools` lists are interpreted here: numbers, text, bytes, lists, tuples, and
dictionaries with text as keys. A subclass lists the globals that it accepts and says what their
calls stand for, so nothing in a file is ever run. `pickle.Unpickler` with a restricted `find_class`
does not do: it allocates what an index in the file asks for (2 GiB for a pickle of 10 bytes), and
it sets attributes of the objects that stand for functions.
"""

import pickletools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from halfspaces.system.errors import DataError, shown

LITERALS = {
    "BINSTRING", "SHORT_BINSTRING", "STRING", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "UNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "INT", "BININT", "BININT1", "BININT2",
    "LONG", "LONG1",
}  # fmt: skip
CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
IGNORED = {"PROTO", "FRAME"}
TUPLE_SIZES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True, eq=False)
class Global:
    """One of the accepted globals; it stands for a function or a type and cannot be called."""

    kind: str


class PickleMachine(ABC):
    """The stack, the marks on it, and the memo of a pickle machine.

    Parameters
    ----------
    path : Path
        The file, for messages.
    """

    files: ClassVar[str]  # the files that it reads, for messages: "CIFAR file"
    globals: ClassVar[Mapping[str, str]]  # accepted "module name" and what each stands for

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    @abstractmethod
    def call(self, kind: str, arguments: tuple[Any, ...]) -> Any:
        """The value of a call of an accepted global; ValueError for one that is not accepted."""

    @abstractmethod
    def set_state(self, target: Any, state: Any) -> None:
        """Set the state of a value; ValueError for one that has none."""

    def persistent(self, identity: Any) -> Any:
        """The value with this identity outside the pickle."""
        raise self.foreign("a value outside the file")

    def load(self, stream: BinaryIO) -> Any:
        """The next value of the stream, which then stands behind it.

        Raises DataError for anything but plain values and accepted calls.
        """
        try:
            for opcode, argument, place in pickletools.genops(stream):
                if opcode.name == "STOP":
                    return self.stack.pop()
                self._step(opcode.name, argument, place)
        except DataError:
            raise
        except Exception as error:  # pickletools, or an empty stack, over hostile bytes
            raise self.damaged(error) from error
        raise DataError(f"{self.path} is cut: it has no end; get the file again.")

    def damaged(self, error: Exception) -> DataError:
        """The error for bytes that make no sense."""
        cause = shown(str(error))[:80] or type(error).__name__
        return DataError(f"{self.path} is cut or damaged ({cause}); get the file again.")

    def foreign(self, wanted: str) -> DataError:
        """The error for a call that is not accepted."""
        return DataError(
            f"{self.path} wants {wanted}, which no {self.files} needs and is never run;"
            " get the file again."
        )

    def _step(self, name: str, argument: Any, place: int | None) -> None:
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
            raise self.foreign(f"{name} at byte {place:,}")

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
        if name not in self.globals:
            raise self.foreign(shown(str(name))[:160].replace(" ", "."))
        self.stack.append(Global(self.globals[name]))

    def _stack_global(self, _: Any) -> None:
        module, name = self._pop(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("it has a global without a name")
        self._global(f"{module:.80} {name:.80}")

    def _reduce(self, _: Any) -> None:
        function, arguments = self._pop(2)
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise ValueError("it calls what cannot be called")
        self.stack.append(self.call(function.kind, arguments))

    def _build(self, _: Any) -> None:
        (state,) = self._pop(1)
        self.set_state(self.stack[-1], state)

    def _persistent(self, _: Any) -> None:
        (identity,) = self._pop(1)
        self.stack.append(self.persistent(identity))


STEPS: dict[str, Callable[[PickleMachine, Any], None]] = {
    "MARK": PickleMachine._mark,
    "MEMOIZE": PickleMachine._memoize,
    "APPEND": PickleMachine._append,
    "APPENDS": PickleMachine._appends,
    "SETITEM": PickleMachine._set_item,
    "SETITEMS": PickleMachine._set_items,
    "LIST": PickleMachine._list,
    "TUPLE": PickleMachine._tuple,
    "DICT": PickleMachine._dict,
    "EMPTY_LIST": PickleMachine._empty_list,
    "EMPTY_DICT": PickleMachine._empty_dict,
    "GLOBAL": PickleMachine._global,
    "STACK_GLOBAL": PickleMachine._stack_global,
    "REDUCE": PickleMachine._reduce,
    "BUILD": PickleMachine._build,
    "BINPERSID": PickleMachine._persistent,
}

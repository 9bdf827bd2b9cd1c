"""What a hand-in may not do: imports, files, processes, endless output, other people's functions.

This protects from accidents and shows what a hand-in tried; it is no wall against an attacker.
"""

import builtins
import os
import sys
import time
from collections.abc import Mapping, Sequence
from types import ModuleType

import numpy as np

# Modules that a hand-in may import.
ALLOWED = frozenset(
    [
        "__future__",
        "abc",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "heapq",
        "itertools",
        "math",
        "numbers",
        "numpy",
        "operator",
        "pprint",
        "random",
        "re",
        "statistics",
        "string",
        "textwrap",
        "time",
        "typing",
        "warnings",
    ]
)
# Events of Python's audit hooks that are refused while a hand-in runs.
_PROCESSES = ("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn")
_FILES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod")
_REFUSED = (*_PROCESSES, *_FILES, "os.kill", "os.startfile", "shutil.", "socket.", "ctypes.")


class Forbidden(BaseException):
    """What a hand-in may not do; no BaseException that it catches hides it, as it is recorded."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind = kind
        self.what = what
        self.line = 0


class Output:
    """Standard output of a hand-in: counted, and refused beyond `most` characters."""

    encoding = "utf-8"

    def __init__(self, guard: "Guard", most: int) -> None:
        self._guard = guard
        self._left = most
        self._most = most

    def write(self, text: str) -> int:
        """Count the text and forget it."""
        self._left -= len(text)
        if self._left < 0:
            self._left = self._most
            self._guard.forbid("output", str(self._most))
        return len(text)

    def flush(self) -> None:
        """Do nothing."""

    def isatty(self) -> bool:
        """Whether this is a terminal: no."""
        return False


class Guard:
    """Refuses and records what the hand-in in `file` may not do.

    Parameters
    ----------
    file : str
        The name under which the code of the hand-in was compiled.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.is_active = False
        self.first: Forbidden | None = None
        self._import = builtins.__import__
        library = os.path.realpath(os.path.dirname(os.__file__))
        numpy_folder = os.path.realpath(os.path.dirname(np.__file__))
        self._packages = os.path.join(library, "site-packages")
        self._readable = (library, numpy_folder, os.path.realpath("."))
        self._numpy_folder = numpy_folder
        self._archives = {os.path.realpath(path) for path in sys.path if path.endswith(".zip")}
        self._known = {module: dict(vars(module)) for module in self._watched()}

    def install(self, most_output: int) -> None:
        """Guard imports, files and output from now on."""
        builtins.__import__ = self._guarded_import
        sys.addaudithook(self._audit)
        sys.stdout = sys.stderr = Output(self, most_output)
        time.sleep = self._sleep

    def forbid(self, kind: str, what: str) -> None:
        """Record and raise."""
        error = Forbidden(kind, what)
        error.line = self._line()
        if self.first is None:
            self.first = error
        raise error

    def changed(self) -> str:
        """The name of a function of NumPy or Python that is another than at the start, or empty."""
        for module, known in self._known.items():
            now = vars(module)
            for name, value in known.items():
                if now.get(name) is not value:
                    return f"{module.__name__}.{name}"
        return ""

    @staticmethod
    def _watched() -> tuple[ModuleType, ...]:
        return (np, np.linalg, np.random, sys.modules["math"])

    def _line(self) -> int:
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename == self.file:
                return frame.f_lineno
            frame = frame.f_back
        return 0

    def _guarded_import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        is_own = sys._getframe(1).f_code.co_filename == self.file
        if is_own and (level or name.partition(".")[0] not in ALLOWED):
            self.forbid("import", "." * level + name)
        return self._import(name, globals, locals, fromlist, level)

    def _sleep(self, seconds: float) -> None:
        self.forbid("sleep", "")

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.is_active:
            return
        if event == "open":
            if not self._may_open(arguments[0], arguments[1]):
                self.forbid("file", _file_name(arguments[0]))
        elif event.startswith(_REFUSED):
            self.forbid("system", event)

    def _may_open(self, path: object, mode: object) -> bool:
        """Modules are read when they are imported, and files of the hand-in's own folder."""
        if not isinstance(path, str | bytes):
            return False
        if os.fsdecode(path) == self.file:
            return True  # Python looks for the line of an error
        place = os.path.realpath(os.fsdecode(path))
        if place.startswith(self._readable[-1] + os.sep):
            return True
        if isinstance(mode, str) and not set(mode) <= set("rbt"):
            return False
        if place in self._archives:
            return True
        within = place.startswith(tuple(folder + os.sep for folder in self._readable))
        is_other = place.startswith(self._packages + os.sep)
        return within and (not is_other or place.startswith(self._numpy_folder + os.sep))


def _file_name(path: object) -> str:
    return os.path.basename(os.fsdecode(path)) if isinstance(path, str | bytes) else repr(path)

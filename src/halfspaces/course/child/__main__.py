"""The process of one hand-in: it loads the code, calls its functions as asked, and answers.

Run as `python -I child/` with pipes as standard input and output. It knows no expected number:
the grader judges what the functions return.
"""

import faulthandler
import gc
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from types import CodeType, FrameType
from typing import Any

import numpy as np

wire: Any = import_module("wire")
guards: Any = import_module("guard")
try:
    import resource
except ImportError:  # Windows
    resource: Any = None
SPARE = 1 << 27  # bytes of memory that are left to report that there was too little
MOST_LINES = 10_000  # lines of the hand-in that are counted


class Server:
    """Answers requests of the grader; `start` is its first message."""

    def __init__(self, start: dict[str, Any], reader: Any, writer: Any, errors: Any) -> None:
        self.nonce = start["nonce"].tobytes()
        self.file = start["file"]
        self.source = start["source"].tobytes().decode()
        self.reader = reader
        self.writer = writer
        self.most_memory = start["memory"]
        self.namespace: dict[str, Any] = {"__name__": "handin", "__file__": self.file}
        self.guard = guards.Guard(self.file)
        self.lines: dict[int, int] = {}
        self.limit(start, errors)
        self.guard.install(start["output"])

    def limit(self, start: dict[str, Any], errors: Any) -> None:
        """Limit memory, time, files and processes where the system can."""
        if resource is None:
            return
        cpu = start["seconds"]
        faulthandler.register(signal.SIGXCPU, file=errors, all_threads=False, chain=True)
        most = self.most_memory
        for name, soft, hard in (
            ("RLIMIT_CORE", 0, 0),
            ("RLIMIT_CPU", cpu, cpu + 2),
            ("RLIMIT_FSIZE", start["file_size"], start["file_size"]),
            ("RLIMIT_NPROC", 0, 0),
            ("RLIMIT_AS", most, most + SPARE),
        ):
            if hasattr(resource, name):
                _set_limit(getattr(resource, name), soft, hard)

    def send(self, value: object) -> None:
        """Send a message; the hand-in does not run meanwhile."""
        wire.send(self.writer, self.nonce, value)

    def serve(self) -> None:
        """Load the hand-in, and answer until the grader closes the pipe."""
        self.answer(self.load)
        while True:
            try:
                request: Any = wire.receive(self.reader, self.nonce)
            except EOFError:
                return
            self.answer(lambda request=request: self.call(request))

    def answer(self, work: Any) -> None:
        """Send what the work returns, or what went wrong in the hand-in."""
        self.guard.first = None
        self.guard.is_active = True
        try:
            reply = {"result": work()}
        except BaseException as error:
            reply = {"error": self.problem(error)}
        finally:
            self.guard.is_active = False
            sys.settrace(None)
        if self.guard.first is not None:
            reply = {"error": self.problem(self.guard.first)}
        elif "error" not in reply and (name := self.guard.changed()):
            reply = {"error": {"kind": "changed", "what": name, "line": 0, "function": ""}}
        try:
            self.send(reply)
        except (wire.WireError, MemoryError) as error:
            self.send({"error": self.problem(error)})

    def load(self) -> None:
        """Run the code of the file, as a module that is imported."""
        code: CodeType = compile(self.source, self.file, "exec", dont_inherit=True)
        exec(code, self.namespace)

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call a function, and say which arguments it changed and how often its lines ran."""
        function = self.namespace.get(request["call"])
        if not callable(function):
            raise KeyError(request["call"])
        given = request["arguments"]
        arguments = [self.argument(value) for value in given]
        self.lines = {}
        if request["count"]:
            sys.settrace(self.trace)
        value = function(*arguments)
        sys.settrace(None)
        self.guard.is_active = False
        changed = [
            place
            for place, (before, now) in enumerate(zip(given, arguments, strict=True))
            if isinstance(before, np.ndarray) and before.tobytes() != now.tobytes()
        ]
        lines = {str(line): count for line, count in self.lines.items()}
        return {"value": value, "changed": changed, "lines": lines}

    def argument(self, value: Any) -> Any:
        """An argument as the hand-in gets it: a copy, a generator, a function of the grader's."""
        if isinstance(value, np.ndarray):
            return value.copy()
        if isinstance(value, wire.Seed):
            return np.random.default_rng(value.number)
        return self.function(value.number) if isinstance(value, wire.Callback) else value

    def function(self, number: int) -> Any:
        """A function that asks the grader."""

        def ask(*arguments: Any) -> Any:
            self.guard.is_active = False
            self.send({"callback": number, "arguments": arguments})
            reply = wire.receive(self.reader, self.nonce)
            self.guard.is_active = True
            if "refused" in reply:
                raise ValueError(reply["refused"])
            value = reply["value"]
            if isinstance(value, tuple):
                return tuple(self.argument(item) for item in value)
            return self.argument(value)

        return ask

    def trace(self, frame: FrameType, event: str, argument: object) -> Any:
        """Count the lines of the hand-in that run."""
        if frame.f_code.co_filename != self.file:
            return None
        line = frame.f_lineno
        if line in self.lines or len(self.lines) < MOST_LINES:
            self.lines[line] = self.lines.get(line, 0) + 1
        return self.trace

    def problem(self, error: Any) -> dict[str, Any]:
        """What went wrong, and where in the hand-in."""
        line, function = _place(error, self.file)
        found = {"kind": "exception", "what": type(error).__name__, "words": ""}
        found |= {"line": line, "function": function}
        if isinstance(error, guards.Forbidden):
            return {**found, "kind": error.kind, "what": error.what, "line": error.line or line}
        if isinstance(error, MemoryError):
            del error
            self._more_memory()
            return {**found, "kind": "memory", "what": str(self.most_memory >> 20)}
        if isinstance(error, SyntaxError):
            line = error.lineno or 0 if error.filename == self.file else line
            return {**found, "kind": "syntax", "what": str(error.msg), "line": line}
        if isinstance(error, KeyError) and not line:
            return {**found, "kind": "missing", "what": str(error.args[0])}
        kinds = {NotImplementedError: "not done", SystemExit: "exit", wire.WireError: "large"}
        for of_kind, kind in kinds.items():
            if isinstance(error, of_kind):
                found["kind"] = kind
        return {**found, "words": _words(error)}

    def _more_memory(self) -> None:
        gc.collect()
        if resource is not None and hasattr(resource, "RLIMIT_AS"):
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _set_limit(number: int, soft: int, hard: int) -> None:
    """Set a limit, or the largest that is allowed."""
    _, largest = resource.getrlimit(number)
    if largest != resource.RLIM_INFINITY:
        soft, hard = min(soft, largest), min(hard, largest)
    with suppress(ValueError, OSError):  # the system has the name, and not the limit
        resource.setrlimit(number, (soft, hard))


def _place(error: BaseException, file: str) -> tuple[int, str]:
    """The last line of the hand-in in a traceback, and its function."""
    found = (0, "")
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if code.co_filename == file:
            found = (at.tb_lineno, code.co_name)
        at = at.tb_next
    return found


def _words(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except BaseException:
        return ""


def main() -> None:
    """Take the standard streams for messages, and serve."""
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    errors = os.fdopen(os.dup(2), "w")
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(__file__)]
    start = wire.receive(reader, b"")
    Server(start, reader, writer, errors).serve()
    os._exit(0)  # whatever the hand-in left running


if __name__ == "__main__":
    main()

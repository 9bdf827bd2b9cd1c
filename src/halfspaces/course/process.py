"""A hand-in in a process of its own, with limits: its functions are called through pipes."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any, NamedTuple, Self, cast
from weakref import WeakSet

import numpy as np

from halfspaces.course.child import wire
from halfspaces.course.findings import Failure, Remark

CHILD = Path(__file__).parent / "child"
LINE = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+) in (?P<function>.*)')
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP")
ONE_THREAD = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
MORE_TIME = 12  # of wall-clock time: other programs may use the cores, too


@dataclass(frozen=True)
class Limits:
    """What a hand-in may use.

    Parameters
    ----------
    seconds : int ≥ 1
        Of the processor, for each process; twelve times as much of wall-clock time.
    memory : int ≥ 200
        Megabytes (2^20 bytes) of address space.
    output : int
        Characters that it may print.
    file_size : int
        Bytes of a file that it may write into its own temporary folder.
    """

    seconds: int = 10
    memory: int = 1024
    output: int = 1_000_000
    file_size: int = 1 << 20


class Returned(NamedTuple):
    """What a call returned, which arguments it changed, and how often each line ran."""

    value: object
    changed: tuple[int, ...]
    lines: Mapping[int, int]


class Refused(ValueError):
    """An argument that a function of the grader's does not take; the hand-in sees the words."""


_running: "WeakSet[HandInProcess]" = WeakSet()


def end_all() -> None:
    """End the processes of all hand-ins: they get no Ctrl-C, as their groups are their own."""
    for process in list(_running):
        process.kill()


@dataclass(eq=False)
class HandInProcess:
    """A hand-in that is loaded, as a context manager; after its end nothing of it is left.

    Parameters
    ----------
    source : str
        Python code.
    file : str
        The name that tracebacks have.
    limits : Limits
    """

    source: str
    file: str
    limits: Limits = field(default_factory=Limits)

    def __enter__(self) -> Self:
        self._folder = tempfile.mkdtemp(prefix="handin-")
        self._nonce = secrets.token_bytes(16)
        self._ended: Failure | None = None
        self._late = False
        self._errors = tempfile.TemporaryFile()
        self._process = self._started()
        self._timer = Timer(MORE_TIME * self.limits.seconds, self._too_late)
        self._timer.daemon = True
        self._timer.start()
        _running.add(self)
        try:
            self._load()
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more."""
        return self._ended is not None

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        _running.discard(self)
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def call(self, name: str, *arguments: object, count: bool = False) -> Returned:
        """Call a function of the hand-in.

        Arguments may be numbers, texts, arrays, `wire.Seed` and functions of the grader's.

        Raises
        ------
        Failure
            If the function is missing, ends with an error or does not end.
        """
        asked = [each if callable(each) else None for each in arguments]
        sent = [
            wire.Callback(place) if callable(each) else each for place, each in enumerate(arguments)
        ]
        reply = self._exchange({"call": name, "arguments": sent, "count": count}, asked)
        answer = cast("dict[str, Any]", reply)
        lines = {int(line): int(times) for line, times in answer["lines"].items()}
        return Returned(answer["value"], tuple(answer["changed"]), lines)

    def _started(self) -> "subprocess.Popen[bytes]":
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= dict.fromkeys(ONE_THREAD, "1")
        return subprocess.Popen(
            [sys.executable, "-I", "-B", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=self._folder,
            env=environment,
            start_new_session=True,
        )

    def _load(self) -> None:
        limits = self.limits
        start = {
            "nonce": np.frombuffer(self._nonce, np.uint8),
            "file": self.file,
            "source": "",
            "seconds": limits.seconds,
            "memory": limits.memory << 20,
            "output": limits.output,
            "file_size": limits.file_size,
        }
        text = self.source.encode("utf-8", "replace")
        self._exchange({**start, "source": np.frombuffer(text, np.uint8)}, (), nonce=b"")

    def _exchange(
        self,
        request: Mapping[str, object],
        asked: Sequence[Callable[..., Any] | None],
        nonce: bytes | None = None,
    ) -> object:
        """Send a request, answer callbacks, and return the result."""
        if self._ended is not None:
            raise self._ended
        refused: Failure | None = None
        try:
            self._send(request, self._nonce if nonce is None else nonce)
            while True:
                reply = cast("dict[str, Any]", self._receive())
                if "callback" not in reply:
                    break
                answer, refusal = _answer(asked, reply)
                refused = refused or refusal
                self._send(answer, self._nonce)
        except (EOFError, OSError):
            self._ended = self._why()
            raise self._ended from None
        except (wire.WireError, KeyError, IndexError, TypeError):
            self._ended = Failure(Remark("channel"))
            self.kill()
            raise self._ended from None
        error = reply.get("error")
        if refused is not None:
            line = int(error["line"]) if error else 0
            raise Failure(refused.remark, line)
        if error:
            raise _failure(error)
        return reply["result"]

    def _send(self, value: object, nonce: bytes) -> None:
        assert self._process.stdin is not None
        wire.send(cast("Any", self._process.stdin), nonce, value)

    def _receive(self) -> object:
        assert self._process.stdout is not None
        return wire.receive(cast("Any", self._process.stdout), self._nonce)

    def _too_late(self) -> None:
        """End the process; on the way it says in which line it is."""
        self._late = True
        with suppress(ProcessLookupError, OSError):
            self._process.send_signal(getattr(signal, "SIGXCPU", signal.SIGTERM))
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self.kill()

    def kill(self) -> None:
        """End the process and all that it started."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()

    def _why(self) -> Failure:
        """Why the process ended by itself."""
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            return Failure(Remark("channel"))
        self._errors.seek(0)
        text = self._errors.read(100_000).decode("utf-8", "replace")
        frames = [match for match in LINE.finditer(text) if match["file"] == self.file]
        line = int(frames[0]["line"]) if frames else 0
        function = frames[0]["function"] if frames else ""
        if self._late or -code == getattr(signal, "SIGXCPU", None):
            return Failure(Remark("time", {"seconds": self.limits.seconds}), line, function)
        if "MemoryError" in text or -code == getattr(signal, "SIGKILL", None):
            return Failure(Remark("memory", {"megabytes": self.limits.memory}), line, function)
        return Failure(Remark("ended", {"code": code}), line, function)


def _answer(
    asked: Sequence[Callable[..., Any] | None], request: Mapping[str, Any]
) -> tuple[dict[str, object], Failure | None]:
    """What a function of the grader's returns, and what it finds wrong with the arguments."""
    function = asked[request["callback"]]
    if function is None:
        raise KeyError("callback")
    try:
        return {"value": function(*request["arguments"])}, None
    except (Refused, TypeError, ValueError, ArithmeticError, IndexError) as error:
        return {"refused": str(error)}, None
    except Failure as failure:
        return {"refused": failure.remark.key}, failure


def _failure(error: Mapping[str, Any]) -> Failure:
    """What the process says of an error in the hand-in."""
    keys = {
        "exception": ("exception", {"error": error["what"], "words": error.get("words", "")}),
        "memory": ("memory", {"megabytes": error["what"]}),
        "output": ("output", {"characters": error["what"]}),
        "not done": ("not_done", {}),
        "exit": ("exit", {}),
    }
    default = (str(error["kind"]), {"what": error["what"]})
    key, values = keys.get(error["kind"], default)
    return Failure(Remark(key, values), int(error["line"]), str(error["function"]))

"""What is printed: reports that cannot fail a command, and results that are printed whole."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from halfspaces.system.errors import shown

LEAST_COLUMNS = 20  # of a terminal; fewer are taken for a mistake


class Report:
    """Standard output for reports: a failed write is kept in `problem` and ends nothing."""

    problem: OSError | None = None

    def write(self, text: str) -> int:
        """Write text, unless an earlier write failed."""
        if self.problem is None:
            try:
                return sys.stdout.write(text)
            except OSError as error:
                self.problem = error
        return len(text)

    def flush(self) -> None:
        """Flush, unless an earlier write failed."""
        if self.problem is None:
            try:
                sys.stdout.flush()
            except OSError as error:
                self.problem = error

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout, name)


class Results:
    """Standard output for results: what cannot be printed whole and right ends the command.

    Raises
    ------
    ValueError
        For a character that the encoding of standard output lacks.
    SystemExit
        If standard output cannot be written; `finish` returns why.
    """

    def write(self, text: str) -> int:
        """Write text, or end the command."""
        try:
            return sys.stdout.write(text)
        except UnicodeEncodeError as error:
            character = error.object[error.start : error.start + 1]
            raise ValueError(
                f"{character!a} cannot be printed in {sys.stdout.encoding}; "
                "write to a file with --out, or set PYTHONIOENCODING=utf-8."
            ) from error
        except OSError as error:
            self._end(error)

    def flush(self) -> None:
        """Flush, or end the command."""
        try:
            sys.stdout.flush()
        except OSError as error:
            self._end(error)

    def _end(self, problem: OSError) -> NoReturn:
        _report.problem = problem
        raise SystemExit(2) from problem


def _console(width: int | None = None) -> Console:
    return Console(file=_report, highlight=False, width=width)  # pyright: ignore[reportArgumentType]


_report = Report()
console = _console()


def prepare() -> None:
    """Make the standard streams such that nothing printed on them fails for its characters.

    A closed stream becomes that of the null device: otherwise a file that is opened later would
    take its number, and with it whatever is printed. COLUMNS that leave no room are ignored.
    """
    _report.problem = None
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    _set_errors("replace")
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) < LEAST_COLUMNS:
        del os.environ["COLUMNS"]
        console.width = shutil.get_terminal_size().columns


@contextmanager
def results() -> Iterator[Results]:
    """Standard output for results, flushed at the end."""
    _set_errors("strict")
    try:
        stream = Results()
        yield stream
        stream.flush()
    finally:
        _set_errors("replace")


def console_for_lists() -> Console:
    """As wide as the terminal, elsewhere so wide that no line of a list is folded."""
    return _console(None if sys.stdout.isatty() else 200)


def print_json(value: object) -> None:
    """Print a value as JSON, whole or not at all: it is for programs. In ASCII, so everywhere."""
    with results() as stream:
        stream.write(json.dumps(value, indent=2) + "\n")


def echo(text: str) -> None:
    """Print one line of a report, without codes that a terminal would obey."""
    _report.write(f"{shown(text)}\n")
    _report.flush()


def _set_errors(errors: str) -> None:
    """What standard output does with characters that its encoding lacks."""
    with suppress(AttributeError):  # a stream that someone put in its place
        sys.stdout.reconfigure(errors=errors)  # pyright: ignore[reportAttributeAccessIssue]


def finish() -> OSError | None:
    """Flush standard output; return the first failure to print, after which nothing else fails."""
    _report.flush()
    if _report.problem is not None:
        null = os.open(os.devnull, os.O_WRONLY)
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(null, sys.stdout.fileno())
        os.close(null)
    return _report.problem


def error(sentence: str) -> None:
    """Print the sentence that ends a command to the error stream."""
    _to_errors(Text("Error: ", "bold red"), Text(shown(sentence)))


def note(sentence: str) -> None:
    """Print a line beside results to the error stream."""
    _to_errors(Text(shown(sentence), "dim"))


def _to_errors(*texts: Text) -> None:
    with suppress(OSError, SystemExit):  # SystemExit: rich's answer to a broken pipe
        Console(stderr=True, highlight=False, soft_wrap=True).print(*texts, sep="")

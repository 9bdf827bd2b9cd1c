"""The progress bar: shown after one second of work, removed when the work is done.

On a terminal it is a bar, in a notebook one line that is changed in place; elsewhere nothing.
"""

import html
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any, ClassVar, Self, TypeVar

from halfspaces.system import errors

PATIENCE = 1.0  # seconds before a bar appears
REFRESH = 0.1  # seconds between two drawings
NOTEBOOK_REFRESH = 0.5  # of the line in a notebook, which keeps every message
T = TypeVar("T")

_quiet: ContextVar[bool] = ContextVar("_quiet", default=False)


@contextmanager
def quiet() -> Generator[None]:
    """A context without bars, for work that is one step of a task with its own bar."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


class Bar:
    """A progress bar on the error stream.

    Parameters
    ----------
    title : str
        The name of the task.
    total : float or None
        The amount of work; None if it is not known.
    unit : str
        What is counted, such as "images". Empty: the bar shows a status text instead of a count.
    shown : bool
        If False, nothing is drawn.

    Examples
    --------
    >>> with Bar("HOG", 100, "images") as bar:
    ...     bar.advance(50)
    """

    def __init__(
        self, title: str, total: float | None = None, unit: str = "", *, shown: bool = True
    ) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.completed: float | None = 0
        self.status = ""
        self._in_notebook = is_notebook()
        self._shown = shown and not _quiet.get() and (self._in_notebook or sys.stderr.isatty())
        self._started = time.perf_counter()
        self._drawn = self._started
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, count: float = 1) -> None:
        """Add `count` to the completed work."""
        self.completed = (self.completed or 0) + count
        if self.is_due():
            self.draw()

    def show(self, completed: float | None, status: str = "") -> None:
        """Draw the completed work (None: unknown) and a status text."""
        self.completed = completed
        self.status = status
        self.draw()

    def is_due(self) -> bool:
        """Whether the bar is shown, a second has passed, and the last drawing is old enough."""
        now = time.perf_counter()
        refresh = NOTEBOOK_REFRESH if self._in_notebook else REFRESH
        is_late = now - self._started >= PATIENCE and now - self._drawn >= refresh
        return self._shown and is_late

    def draw(self) -> None:
        """Draw the bar."""
        if not self._shown:
            return
        self._drawn = time.perf_counter()
        if self._bar is None:
            self._bar = self._open()
        self._bar.update(
            self._task,
            description=errors.shown(self.title),
            completed=self.completed,
            status=self.status,
        )

    def _open(self) -> Any:
        if self._in_notebook:
            return NotebookLine(self.total, self.unit)
        from rich.console import Console
        from rich.progress import Progress

        bar = Progress(*self._columns(), console=Console(stderr=True), transient=True)
        self._task = bar.add_task(errors.shown(self.title), total=self.total, status=self.status)
        bar.start()
        return bar

    def _columns(self) -> Sequence[Any]:
        from rich import progress

        columns = [progress.TextColumn("{task.description}", markup=False), progress.BarColumn()]
        if self.unit == "bytes":
            columns += [progress.DownloadColumn(), progress.TransferSpeedColumn()]
        elif self.unit:
            columns += [progress.MofNCompleteColumn(), progress.TextColumn(self.unit)]
        else:
            columns += [progress.TextColumn("{task.fields[status]}")]
        is_timed = self.unit == "bytes" or (self.unit != "" and self.total is not None)
        time_column = progress.TimeRemainingColumn() if is_timed else progress.TimeElapsedColumn()
        return [*columns, time_column]


class NotebookLine:
    """One line of a notebook with the methods of rich's bar: changed in place, emptied at the end.

    A cell has one line for all its bars.

    Parameters
    ----------
    total : float or None
    unit : str
        As of `Bar`.
    """

    _newest: ClassVar[tuple[int, Any]] = (-1, None)  # the number of a cell, and its line

    def __init__(self, total: float | None, unit: str) -> None:
        self.total = total
        self.unit = unit
        page: Any = import_module("IPython.display")
        self._html = page.HTML
        cell = _shell().execution_count
        if self._newest[0] != cell:
            NotebookLine._newest = (cell, page.display(page.HTML(""), display_id=True))
        self._handle = self._newest[1]

    def update(self, task: object, *, description: str, completed: Any, status: str) -> None:
        """Change the line."""
        count = status
        if self.unit and completed is not None:
            total = "" if self.total is None else f" of {self.total:,.0f}"
            count = f"{completed:,.0f}{total} {self.unit}"
        words = html.escape(errors.shown(f"{description} {count}"))
        self._handle.update(self._html(f"<small>{words}</small>"))

    def stop(self) -> None:
        """Empty the line."""
        self._handle.update(self._html(""))


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    return type(_shell()).__name__ == "ZMQInteractiveShell"


def _shell() -> Any:
    """IPython's shell in this process; None where there is none."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def tracked(
    items: Iterable[T], title: str, total: int | None = None, unit: str = "images"
) -> Iterator[T]:
    """Yield the items and show the number of processed items.

    >>> list(tracked("ab", "reading"))
    ['a', 'b']
    """
    with Bar(title, total, unit) as bar:
        for item in items:
            yield item
            bar.advance()

"""The progress bar: shown on a terminal once the work has taken a second, removed when it is done."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self, TypeVar

PATIENCE = 1.0  # seconds before a bar appears
REFRESH = 0.1  # seconds between two drawings
T = TypeVar("T")

_quiet: ContextVar[bool] = ContextVar("_quiet", default=False)


@contextmanager
def quiet() -> Iterator[None]:
    """A context in which no bar is drawn, for work that is a step of something with its own bar."""
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
        What is being done.
    total : float or None
        The amount of work; None if it is not known.
    unit : str
        What is counted, such as "images". Empty: the bar shows a status text instead of a count.
    shown : bool
        Without it nothing is drawn.

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
        self._shown = shown and not _quiet.get() and sys.stderr.isatty()
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
        """Count further work as done."""
        self.completed = (self.completed or 0) + count
        if self.is_due():
            self.draw()

    def show(self, completed: float | None, status: str = "") -> None:
        """Draw what is completed (None: unknown) and a status text."""
        self.completed = completed
        self.status = status
        self.draw()

    def is_due(self) -> bool:
        """Whether there is a terminal, a second has passed, and the last drawing is old enough."""
        now = time.perf_counter()
        patient = now - self._started >= PATIENCE
        return self._shown and patient and now - self._drawn >= REFRESH

    def draw(self) -> None:
        """Draw the bar as it stands."""
        if not self._shown:
            return
        self._drawn = time.perf_counter()
        if self._bar is None:
            self._open()
        self._bar.update(
            self._task, description=self.title, completed=self.completed, status=self.status
        )

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(*self._columns(), console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self.title, total=self.total, status=self.status)
        self._bar.start()

    def _columns(self) -> Sequence[Any]:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        title = TextColumn("{task.description}")
        if self.unit == "bytes":
            return (
                title,
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
            )
        if self.unit:
            left = TimeElapsedColumn() if self.total is None else TimeRemainingColumn()
            return title, BarColumn(), MofNCompleteColumn(), TextColumn(self.unit), left
        return title, BarColumn(), TextColumn("{task.fields[status]}"), TimeElapsedColumn()


def tracked(
    items: Iterable[T], title: str, total: int | None = None, unit: str = "images"
) -> Iterator[T]:
    """Yield the items and show how many of them are done.

    >>> list(tracked("ab", "reading"))
    ['a', 'b']
    """
    with Bar(title, total, unit) as bar:
        for item in items:
            yield item
            bar.advance()

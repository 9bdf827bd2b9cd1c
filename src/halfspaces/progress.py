"""A progress bar for anything longer than a second, on a terminal, gone when the work is done."""

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from halfspaces.minimize import Run

PATIENCE = 1.0  # seconds before a bar appears
REFRESH = 0.1


class _Patient:
    """A bar that draws nothing in its first second, and nothing where there is no terminal."""

    total: float = 1.0

    def __init__(self, *, shown: bool) -> None:
        self.shown = shown and sys.stderr.isatty()
        self.started = self.drawn = time.perf_counter()
        self.bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def update(self) -> None:
        """Redraw, if it is time to."""
        now = time.perf_counter()
        if not self.shown or now - self.started < PATIENCE or now - self.drawn < REFRESH:
            return
        self.drawn = now
        if self.bar is None:
            self._open()
        bar: Any = self.bar
        bar.update(self.task, **self._told())

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.bar = Progress(*self._columns(), console=Console(stderr=True), transient=True)
        self.task = self.bar.add_task("", total=self.total, **self._told())
        self.bar.start()

    def _columns(self) -> Sequence[Any]:
        raise NotImplementedError

    def _told(self) -> dict[str, Any]:
        raise NotImplementedError


class ProgressBar(_Patient):
    """Shows passes, loss and gap of a run."""

    def __init__(self, run: "Run", *, shown: bool) -> None:
        super().__init__(shown=shown)
        self.run = run
        self.first_gap = math.inf

    def _columns(self) -> Sequence[Any]:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

        name = type(self.run.optimizer).__name__
        return TextColumn(name), BarColumn(), TextColumn("{task.fields[status]}"), TimeElapsedColumn()

    def _told(self) -> dict[str, Any]:
        return {"completed": self._fraction(), "status": self._status()}

    def _fraction(self) -> float | None:
        """The planned part, or how far the logarithm of the gap has come."""
        run = self.run
        planned = run.optimizer.fraction_done(run.state)
        if planned is not None or not math.isfinite(run.gap) or run.gap <= 0:
            return planned
        if not math.isfinite(self.first_gap):
            self.first_gap = run.gap
        target = float(np.min(run.target(run.history.last("loss"))))
        if not 0 < target < self.first_gap:
            return None
        return min(1.0, max(0.0, math.log(self.first_gap / run.gap) / math.log(self.first_gap / target)))

    def _status(self) -> str:
        run = self.run
        loss = run.history.last("loss")
        words = [f"{run.passes:.1f} passes"]
        if loss is not None:
            words.append(f"loss {float(np.mean(loss)):.5g}")
        if math.isfinite(run.gap):
            words.append(f"gap {run.gap:.2g}")
        accuracy = run.best.get("validation_accuracy")
        if accuracy is not None:
            words.append(f"best validation accuracy {100 * float(np.max(accuracy.score)):.1f} %")
        return ", ".join(words)


_quiet: ContextVar[bool] = ContextVar("_quiet", default=False)


@contextmanager
def quiet() -> Iterator[None]:
    """A context in which no `Bar` is drawn: what is around it draws one."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


class Bar(_Patient):
    """Shows how many of so many things are done.

    >>> with Bar("HOG", 100, "images") as bar:
    ...     bar.advance(50)
    """

    def __init__(self, title: str, total: int, things: str) -> None:
        super().__init__(shown=not _quiet.get())
        self.title, self.total, self.things = title, total, things
        self.done = 0

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        self.update()

    def _columns(self) -> Sequence[Any]:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        return TextColumn(self.title), BarColumn(), MofNCompleteColumn(), TextColumn(self.things), TimeRemainingColumn()

    def _told(self) -> dict[str, Any]:
        return {"completed": self.done}

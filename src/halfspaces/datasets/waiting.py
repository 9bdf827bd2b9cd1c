"""A progress bar for reading that takes longer than a second, on a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

PATIENCE = 1.0  # seconds before a bar appears
T = TypeVar("T")


def tracked(items: Iterable[T], words: str, total: int | None = None) -> Iterator[T]:
    """Pass the items on and count them; a bar of unknown length where there is no total.

    >>> list(tracked("ab", "reading"))
    ['a', 'b']
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    started, bar = time.perf_counter(), Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=total)
    try:
        for done, item in enumerate(items):
            if not bar.live.is_started and time.perf_counter() - started > PATIENCE:
                bar.start()
            bar.update(task, completed=done)
            yield item
    finally:
        bar.stop()

"""Worker threads."""

# Not typed: joblib.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from typing import Any, TypeVar

from halfspaces.support.types import Partial

Item = TypeVar("Item")


def available_workers(n_jobs: int | None, n_items: int = 2) -> int:
    """The number of workers: `n_jobs`, or the number of cores (1 inside a joblib worker).

    One item needs one worker, and no look at the cores, which takes longer than a small visit.

    >>> available_workers(3)
    3
    """
    if n_items <= 1:
        return 1
    import joblib

    count: Any = joblib.effective_n_jobs(-1 if n_jobs is None else n_jobs)
    return count


def ordered_map(
    visit: Callable[[Item], Partial], items: list[Item], workers: int
) -> Iterator[Partial]:
    """Yield visit(item) for each item in order, computed on threads, at most 2 × workers ahead."""
    if workers == 1 or len(items) <= 1:
        yield from map(visit, items)
        return
    waiting: deque[Future[Partial]] = deque()
    with _threads(workers) as pool:
        try:
            for item in items:
                # Each worker has the context of the caller: np.errstate holds there, too.
                waiting.append(pool.submit(copy_context().run, visit, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:  # after an error, or if the caller wants no more
                future.cancel()
            wait(waiting)


_worker = threading.local()


@contextmanager
def _threads(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that stay for the next pass; a worker that has workers gets threads of its own.

    Starting two threads takes 0.5 ms, and what a thread keeps for itself is lost with it.
    """
    if hasattr(_worker, "busy"):
        with ThreadPoolExecutor(workers) as pool:
            yield pool
    else:
        yield _lasting_threads(workers)


@cache
def _lasting_threads(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, initializer=lambda: setattr(_worker, "busy", True))


if hasattr(os, "register_at_fork"):  # threads are not forked
    os.register_at_fork(after_in_child=_lasting_threads.cache_clear)

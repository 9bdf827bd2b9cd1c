"""Visits by threads that stay for the next pass.

Starting two threads takes half a millisecond, and the memory that a thread keeps for its visits is
lost with it.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from functools import cache
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_this = threading.local()


def ordered_map(
    visit: Callable[[Item], Result], items: list[Item], workers: int
) -> Iterator[Result]:
    """Yield visit(item) for each item in order, computed on threads, at most 2 × workers ahead."""
    if workers == 1 or len(items) <= 1:
        yield from map(visit, items)
        return
    waiting: deque[Future[Result]] = deque()
    with _threads(workers) as submit:
        for item in items:
            waiting.append(submit(visit, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Submit(Protocol):
    """Has visit(item) computed by a thread."""

    def __call__(self, visit: Callable[[Item], Result], item: Item) -> Future[Result]:
        """The result to come."""
        ...


@contextmanager
def _threads(workers: int) -> Generator[_Submit]:
    """Yield a function that has visit(item) computed by one of so many threads.

    At the end, which may be an error, what has not begun is given up and what has begun is awaited.
    Visits that have threads themselves get some of their own: they would wait for each other.
    """
    is_visit = hasattr(_this, "is_visitor")
    pool = _pool(workers) if is_visit else nullcontext(_lasting(workers))
    waiting: set[Future[Any]] = set()

    with pool as executor:

        def submit(visit: Callable[[Item], Result], item: Item) -> Future[Result]:
            # Each thread has the context of the caller: np.errstate holds there, too.
            future = executor.submit(copy_context().run, visit, item)
            waiting.add(future)
            future.add_done_callback(waiting.discard)
            return future

        try:
            yield submit
        finally:
            begun = [future for future in [*waiting] if not future.cancel()]
            wait(begun)


def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, initializer=lambda: setattr(_this, "is_visitor", True))


_lasting = cache(_pool)


if hasattr(os, "register_at_fork"):  # threads are not forked
    os.register_at_fork(after_in_child=_lasting.cache_clear)

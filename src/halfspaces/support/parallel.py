"""Worker threads."""

# Not typed: joblib.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
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
    from halfspaces.system.threads import threads

    waiting: deque[Future[Partial]] = deque()
    with threads(workers) as submit:
        for item in items:
            waiting.append(submit(visit, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

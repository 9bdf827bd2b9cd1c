"""Worker threads and the threads of BLAS."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from functools import cache
from typing import Any

import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks for libraries)
from threadpoolctl import ThreadpoolController

from halfspaces.support.types import Partial


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def blas_threads(count: int) -> AbstractContextManager[Any]:
    """A context in which BLAS uses so many threads; the limits before it are restored after it."""
    return _controller().limit(limits=count, user_api="blas")


def one_blas_thread() -> AbstractContextManager[Any]:
    """A context in which BLAS uses one thread."""
    return blas_threads(1)


def available_workers(n_jobs: int | None) -> int:
    """The number of workers: `n_jobs`, or every core this process may use (one inside a joblib worker).

    >>> available_workers(3)
    3
    """
    import joblib

    return joblib.effective_n_jobs(-1 if n_jobs is None else n_jobs)


def ordered_map(
    visit: Callable[[Any], Partial], items: list[Any], workers: int
) -> Iterator[Partial]:
    """visit(item) for each item on worker threads, results in order, a bounded number of them waiting."""
    if workers == 1 or len(items) <= 1:
        yield from map(visit, items)
        return
    waiting: deque[Future[Partial]] = deque()
    with ThreadPoolExecutor(min(workers, len(items))) as pool:
        for item in items:
            waiting.append(
                pool.submit(copy_context().run, visit, item)
            )  # np.errstate holds on every worker
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

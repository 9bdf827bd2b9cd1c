"""The one thread of BLAS.

A product of BLAS has other last bits with other numbers of threads, and that number belongs to the
whole process. So every fit runs under `one_blas_thread`, and cores are shared out by
`support.parallel`.
"""

# Not typed: threadpoolctl.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

import threading
from collections.abc import Iterable
from contextlib import ContextDecorator
from functools import cache
from importlib import import_module
from itertools import repeat
from typing import Any

from threadpoolctl import ThreadpoolController

OUTSIDE = 3  # the stack level of a warning to the caller of a function under `one_blas_thread`


@cache
def _libraries() -> list[Any]:
    """The libraries of BLAS that are loaded, as threadpoolctl controls them."""
    import_module("scipy.linalg")  # only libraries that are loaded are found
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set_threads(counts: Iterable[int]) -> None:
    """Set the number of threads of each library of BLAS, for the whole process."""
    for library, count in zip(_libraries(), counts, strict=False):
        # threadpoolctl 3.8 lets a single thread set them, and ignores the others.
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)
        library.set_num_threads(count)


class _OneBlasThread(ContextDecorator):
    """The owner of the number of BLAS's threads.

    The first user sets it to 1, the last one restores the earlier numbers: a fit that ends does not
    change the bits of another one that still runs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._earlier: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._earlier = [library.num_threads for library in _libraries()]
                _set_threads(repeat(1))
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                _set_threads(self._earlier)


_one_blas_thread = _OneBlasThread()


def one_blas_thread() -> _OneBlasThread:
    """A context, or a decorator of functions, in which BLAS uses one thread, in all threads."""
    return _one_blas_thread

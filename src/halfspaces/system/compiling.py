"""Who hears that a loop is being compiled, which takes seconds, once on a machine.

The library prints nothing unless it is asked to: a command line or a fit with `verbose` listens.
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext

NOTE = (
    "Compiling loops for this processor, which takes seconds once; "
    "`halfspaces compile` does it ahead of time."
)

_hearers: list[Callable[[str], object]] = []
_running: list[None] = []  # an entry for each loop that is being compiled


@contextmanager
def hearing(tell: Callable[[str], object]) -> Generator[None]:
    """Call `tell(NOTE)` once, as soon as a loop has to be compiled in this context.

    Loops that are found in the cache on disk are not compiled. Loops are compiled on any thread, so
    all contexts of a process that are open hear of each.

    >>> with hearing(print):
    ...     with compiling(), compiling():
    ...         pass
    Compiling loops for this processor, which takes seconds once; `halfspaces compile` does it ...
    """
    told: list[None] = []

    def once(note: str) -> None:
        if not told:
            told.append(None)
            tell(note)

    _hearers.append(once)
    if _running:
        once(NOTE)
    try:
        yield
    finally:
        _hearers.remove(once)


def printing(verbose: int) -> AbstractContextManager[None]:
    """The context of a fit: the note is printed where `verbose` is 1 or more."""
    return hearing(print) if verbose > 0 else nullcontext()


@contextmanager
def compiling() -> Generator[None]:
    """A context in which a loop is compiled."""
    _running.append(None)
    for tell in tuple(_hearers):
        tell(NOTE)
    try:
        yield
    finally:
        _running.pop()

"""Compiled loops: the one place where numba compiles functions, and where its options are set.

A loop is a function at the top level of a module that writes its results into its last arguments.
It is compiled for the types of its arguments, once a process.
The machine code is stored on disk (numba's cache), if there is a folder that can be written: that
of NUMBA_CACHE_DIR, or `__pycache__` beside the loop, or the user's where that is read-only.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any

import numpy as np

from halfspaces.system.compiling import compiling

# Sums may be reordered and products fused; infinities and NaN keep their meaning.
FASTMATH = {"reassoc", "contract", "nsz"}
DIVISION = "numpy"  # by 0 is infinite or NaN; a test for 0 would keep loops from being vectorized

_compiling = threading.Lock()
_compiled: dict[tuple[Any, ...], Callable[..., None]] = {}


def compile_loop(
    loop: Callable[..., None], argument_types: tuple[Any, ...], **options: Any
) -> Callable[..., None]:
    """The loop compiled for arguments of these numba types; it releases Python's lock.

    `options` are those of `numba.njit`. Contexts of `hearing` are told if it is not in the cache.
    """
    import numba
    from numba.core import event

    signature = numba.types.void(*argument_types)
    with event.install_listener("numba:compile", _listener()()):
        try:
            return numba.njit(signature, cache=True, nogil=True, **options)(loop)
        except (RuntimeError, OSError):  # no folder for the cache can be written
            return numba.njit(signature, nogil=True, **options)(loop)


@cache
def _listener() -> Any:
    """The class of what numba tells when it begins and ends to compile."""
    from numba.core.event import Listener

    class Compiling(Listener):
        def __init__(self) -> None:
            self.open = ExitStack()

        def on_start(self, event: object) -> None:
            """Of the loop itself; functions that it calls are compiled in between."""
            self.open.enter_context(compiling())

        def on_end(self, event: object) -> None:
            """Close what all the starts have opened."""
            self.open.close()

    return Compiling


def run_compiled(loop: Callable[..., None], *arguments: Any) -> None:
    """Run a loop on arrays and numbers, compiled for their types with `FASTMATH`.

    Give arrays in C order: each other layout compiles the loop again.
    """
    key = (loop, *map(_kind, arguments))
    with _compiling:
        if key not in _compiled:
            import numba

            types = tuple(map(numba.typeof, arguments))
            _compiled[key] = compile_loop(loop, types, fastmath=FASTMATH, error_model=DIVISION)
        compiled = _compiled[key]
    compiled(*arguments)


def _kind(argument: Any) -> Any:
    """What decides an argument's type in numba, which itself takes longer than a small loop."""
    if not isinstance(argument, np.ndarray):
        return type(argument)
    flags = argument.flags
    layout = (flags.c_contiguous, flags.f_contiguous, flags.writeable, flags.aligned)
    return argument.dtype, argument.ndim, layout

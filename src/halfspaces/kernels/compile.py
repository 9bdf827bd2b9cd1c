"""Compiled loops: the one place where numba compiles functions, and where its options are set.

A loop is a function at the top level of a module that writes its results into its last arguments.
It is compiled for the types of its arguments, once a process.
The machine code is stored on disk (numba's cache), if there is a folder that can be written.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

# Sums may be reordered and products fused; infinities and NaN keep their meaning.
FASTMATH = {"reassoc", "contract", "nsz"}
DIVISION = "numpy"  # by 0 is infinite or NaN; a test for 0 would keep loops from being vectorized

_compiling = threading.Lock()
_compiled: dict[tuple[Any, ...], Callable[..., None]] = {}


def compile_loop(
    loop: Callable[..., None], argument_types: tuple[Any, ...], **options: Any
) -> Callable[..., None]:
    """The loop compiled for arguments of these numba types; it releases Python's lock.

    `options` are those of `numba.njit`.
    """
    import numba

    signature = numba.types.void(*argument_types)
    try:
        return numba.njit(signature, cache=True, nogil=True, **options)(loop)
    except (RuntimeError, OSError):  # no folder for the cache can be written
        return numba.njit(signature, nogil=True, **options)(loop)


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

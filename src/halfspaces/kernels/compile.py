"""Loops over many images, compiled once for the types of their arguments and kept on disk."""

import threading
from collections.abc import Callable
from typing import Any

_one_at_a_time = threading.Lock()
_compiled: dict[tuple[Any, ...], Callable[..., None]] = {}


def run(loops: Callable[..., None], *arguments: Any) -> None:
    """Run loops, a function of the top level of a module, on arrays and numbers; they write into their last arrays.

    They are compiled by numba for these types (C-ordered arrays: others compile a second time) when they first run, and
    release Python's lock. Sums may be reordered and products fused; infinities and NaN keep their meaning.
    """
    import numba

    from halfspaces.kernels.product_loops import FASTMATH, kept

    types = tuple(map(numba.typeof, arguments))
    with _one_at_a_time:
        if (loops, types) not in _compiled:
            _compiled[loops, types] = kept(loops, types, fastmath=FASTMATH)
        compiled = _compiled[loops, types]
    compiled(*arguments)

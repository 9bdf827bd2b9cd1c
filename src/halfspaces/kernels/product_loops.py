"""Compiled loops for products of many rows with few columns, by tiles of them in registers.

With more than a few columns, rows of other types than the products are converted before, some rows
at a time, once for all columns.
"""

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from halfspaces.kernels.compile import DIVISION, FASTMATH, compile_loop
from halfspaces.kernels.register_tiles import (
    COLUMNS,
    LINE,
    PANEL,
    ROWS,
    add_pull,
    add_scores,
    add_up,
    converted,
)
from halfspaces.support.types import Array

STORED = {
    "uint8": types.uint8,
    "float16": types.uint16,
    "void16": types.int16,  # bfloat16
    "float32": types.float32,
    "float64": types.float64,
}
UNCOMPILED = bool(cast("Any", numba).config.DISABLE_JIT)  # NumPy multiplies all rows
TOGETHER = 32  # rows that are converted, and added to the gradient, at a time
SPAN = 4096  # features that are converted at a time for scores
TILE = 256  # features whose moments are summed at a time


def compiled(name: str, dtype: str) -> Callable[..., None]:
    """The kernel of this name for rows of this type, compiled or loaded from the cache on disk."""
    number = types.float64 if dtype == "float64" else types.float32
    rows = types.Array(STORED[dtype], 2, "C", readonly=True)
    factor = types.Array(number, 2, "C", readonly=True)
    product = types.Array(number, 2, "C")
    labels = types.Array(types.int64, 1, "C", readonly=True)
    weights = types.Array(types.float64, 1, "C", readonly=True)
    sums = types.Array(types.float64, 2, "C")
    squares = types.Array(types.float64, 1, "C")
    loops, arguments = {
        "scores": (_scores, (rows, factor, product)),
        "pull": (_pull, (rows, factor, product)),
        "moments": (_moments, (rows, labels, weights, weights, sums, squares)),
    }[name]
    return compile_loop(loops, arguments, fastmath=FASTMATH, error_model=DIVISION)


def _stored_number(typingctx: Any, stored: Any) -> Any:
    """A stored number, converted to the type of the products."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return converted(context, builder, args[0], stored)

    number = types.float64 if stored == types.float64 else types.float32
    return number(stored), codegen


def _widest(typingctx: Any) -> Any:
    """Ask LLVM for the widest vectors of the processor in the function that calls this.

    On its own it takes half of AVX-512's: a third of the rate of these loops is lost.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # llvmlite knows only attributes without a value; its set of them is a set of texts.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), codegen


_load: Any = intrinsic(_stored_number)
_widest_vectors: Any = intrinsic(_widest)


@numba.njit(inline="always")
def _convert(X: Array, first: int, left: int, width: int, tile: Array, end: int) -> None:
    """Convert `width` features of some rows into `tile`; those up to `end` become 0."""
    whole = width - width % PANEL
    for r in range(len(tile)):
        for start in range(0, whole, PANEL):  # loops of a fixed length have no rest
            x = X[first + r, left + start : left + start + PANEL]
            t = tile[r, start : start + PANEL]
            for j in range(PANEL):
                t[j] = _load(x[j])
        for j in range(whole, width):
            tile[r, j] = _load(X[first + r, left + j])
        for j in range(width, end):
            tile[r, j] = 0


@numba.njit(inline="always")
def _aligned(count: int, like: Array) -> Array:
    """Uninitialized memory where no register is loaded from two lines of the cache."""
    memory = np.empty(count + LINE, like.dtype)
    start = -memory.ctypes.data % (LINE * 4) // like.itemsize
    return memory[start : start + count]


def _scores(X: Array, Vt: Array, S: Array) -> None:
    """S = X Vtᵀ for X (B, D), Vt (K, D'), S (B, K); B ≥ 4.

    Vt is 0 from D to D', a multiple of 16. The last rows may be computed twice, to the same bits: a
    row's scores do not depend on where it is.
    """
    _widest_vectors()
    B = len(X)
    span = min(SPAN, Vt.shape[1])
    buffer = _aligned(TOGETHER * span, S).reshape((TOGETHER, span))
    groups = -(-len(Vt) // COLUMNS)
    sums = _aligned(TOGETHER * groups * COLUMNS * LINE, S)
    for start in range(0, B, TOGETHER):
        first = min(start, B - ROWS)
        count = min(TOGETHER, B - first)
        _add_products(X, Vt, first, count, buffer, sums)
        _add_lanes(sums, S[first : first + count])


@numba.njit(inline="always")
def _add_products(X: Array, Vt: Array, first: int, count: int, buffer: Array, sums: Array) -> None:
    """Scores of some rows, in 16 parts each, tile by tile."""
    D = X.shape[1]
    K, wide = Vt.shape
    span = buffer.shape[1]
    size = Vt.itemsize
    groups = -(-K // COLUMNS)
    as_stored = X.itemsize == size or groups <= 2
    sums[:] = 0
    left = 0
    while left < D:
        width = min(span, D - left)
        where_stored = as_stored and width >= LINE
        if where_stored:
            length = width - width % LINE
            x = X.ctypes.data + (first * D + left) * X.itemsize
            stride = D * X.itemsize
        else:
            length = min(span, wide - left)
            _convert(X, first, left, width, buffer[:count], length)
            x = buffer.ctypes.data
            stride = span * size
        total = sums.ctypes.data
        for group in range(groups):
            k = K * group // groups
            columns = K * (group + 1) // groups - k
            v = Vt.ctypes.data + (k * wide + left) * size
            for start in range(0, count, ROWS):
                row = x + min(start, count - ROWS) * stride
                if where_stored:
                    add_scores(X[0, 0], columns, row, stride, v, wide * size, length, total)
                else:
                    add_scores(sums[0], columns, row, stride, v, wide * size, length, total)
                total += COLUMNS * ROWS * LINE * size
        left += length


@numba.njit(inline="always")
def _add_lanes(sums: Array, S: Array) -> None:
    """Scores (n, K), of which `sums` has 16 parts each, tile by tile."""
    K = S.shape[1]
    total = sums.ctypes.data
    groups = -(-K // COLUMNS)
    for group in range(groups):
        k = K * group // groups
        columns = K * (group + 1) // groups - k
        for start in range(0, len(S), ROWS):
            i = min(start, len(S) - ROWS)
            add_up(
                sums[0], columns, total, S.ctypes.data + (i * K + k) * S.itemsize, K * S.itemsize
            )
            total += COLUMNS * ROWS * LINE * S.itemsize


def _pull(X: Array, A: Array, G: Array) -> None:
    """G += Aᵀ X for X (B, D), A (B, K), G (K, D), 64 features of 32 rows at a time."""
    _widest_vectors()
    B, D = X.shape
    K = A.shape[1]
    size = A.itemsize
    groups = -(-K // COLUMNS)
    as_stored = X.itemsize == size or groups == 1
    wide = -(-D // PANEL) * PANEL
    totals = _aligned(K * wide, G).reshape((K, wide))
    totals[:] = 0
    buffer = _aligned(TOGETHER * PANEL, G).reshape((TOGETHER, PANEL))
    for first in range(0, B, TOGETHER):
        count = min(TOGETHER, B - first)
        for left in range(0, D, PANEL):
            width = min(PANEL, D - left)
            where_stored = as_stored and width == PANEL
            if where_stored:
                x = X.ctypes.data + (first * D + left) * X.itemsize
                stride = D * X.itemsize
            else:
                _convert(X, first, left, width, buffer[:count], PANEL)
                x = buffer.ctypes.data
                stride = PANEL * size
            for group in range(groups):
                k = K * group // groups
                columns = K * (group + 1) // groups - k
                a = A.ctypes.data + (first * K + k) * size
                g = totals.ctypes.data + (k * wide + left) * size
                if where_stored:
                    add_pull(X[0, 0], columns, x, stride, a, K * size, count, g, wide * size)
                else:
                    add_pull(A[0, 0], columns, x, stride, a, K * size, count, g, wide * size)
    G += totals[:, :D]


def _moments(X: Array, y: Array, weight: Array, origin: Array, sums: Array, squares: Array) -> None:
    """sums[y_i] += w_i (x_i − origin) and squares += w_i (x_i − origin)², in float64."""
    for left in range(0, X.shape[1], TILE):
        right = min(left + TILE, X.shape[1])
        o = origin[left:right]
        q = squares[left:right]
        for i in range(len(X)):
            x = X[i, left:right]
            g = sums[y[i], left:right]
            w = weight[i]
            for j in range(right - left):
                deviation = _load(x[j]) - o[j]
                g[j] += w * deviation
                q[j] += w * deviation * deviation

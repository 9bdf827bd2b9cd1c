"""Compiled loops for products of many rows with few columns, by tiles of them in registers.

Rows of other types than the products are converted before, some rows at a time, once for all
columns.
"""

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir
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
    """A stored number, converted to the type of the products.

    uint16 holds a float16, int16 a bfloat16: the upper half of a float32.
    """
    number = types.float64 if stored == types.float64 else types.float32

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if stored == types.int16:
            word = builder.shl(builder.zext(args[0], ir.IntType(32)), ir.IntType(32)(16))
            return builder.bitcast(word, ir.FloatType())
        if stored != types.uint16:
            return context.cast(builder, args[0], stored, number)
        if _has_half_precision(context):
            return builder.fpext(builder.bitcast(args[0], ir.HalfType()), ir.FloatType())
        return _widened(builder, args[0])

    return number(stored), codegen


def _has_half_precision(context: Any) -> bool:
    """Whether numba's target converts float16 by an instruction: all except x86 without F16C.

    There LLVM calls a function of the compiler's library, and most processes, which lack it, crash.
    """
    triple, _, features = context.codegen().magic_tuple()
    return not triple.startswith(("x86", "i386", "i686")) or "+f16c" in features.split(",")


def _widened(builder: Any, half: Any) -> Any:
    """The float32 of a float16's bits, exactly: exponent and fraction shifted, times 2^112."""
    i32 = ir.IntType(32)
    f32 = ir.FloatType()
    bits = builder.zext(half, i32)
    sign = builder.shl(builder.and_(bits, i32(0x8000)), i32(16))
    size = builder.shl(builder.and_(bits, i32(0x7FFF)), i32(13))
    scaled = builder.fmul(builder.bitcast(size, f32), ir.Constant(f32, 2.0**112))
    beyond = builder.icmp_unsigned(">=", size, i32(0x7C00 << 13))  # infinity and NaN
    size = builder.select(beyond, builder.or_(size, i32(0x7F800000)), builder.bitcast(scaled, i32))
    return builder.bitcast(builder.or_(size, sign), f32)


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
    """S = X Vtᵀ for X (B, D), Vt (K, D'), S (B, K); Vt is 0 from D to D', a multiple of 16."""
    _widest_vectors()
    B, D = X.shape
    K, wide = Vt.shape
    size = S.itemsize
    one = Vt[0, 0]
    same = X.itemsize == size  # rows of the type of the products are read where they are
    groups = -(-K // COLUMNS)
    span = min(SPAN, wide)
    buffer = _aligned(TOGETHER * span, S).reshape((TOGETHER, span))
    sums = _aligned(TOGETHER * groups * COLUMNS * LINE, S)
    tile = COLUMNS * ROWS * LINE * size
    rows = B - B % ROWS
    for first in range(0, rows, TOGETHER):
        count = min(TOGETHER, rows - first)
        sums[:] = 0
        left = 0
        while left < D:
            length = min(span, D - left)
            x = X.ctypes.data + (first * D + left) * size
            stride = D * size
            if same and length >= LINE:
                length -= length % LINE
            else:
                width = length
                length = min(span, wide - left)
                _convert(X, first, left, width, buffer[:count], length)
                x = buffer.ctypes.data
                stride = span * size
            total = sums.ctypes.data
            for group in range(groups):
                k = K * group // groups
                columns = K * (group + 1) // groups - k
                v = Vt.ctypes.data + (k * wide + left) * size
                for i in range(0, count, ROWS):
                    row = x + i * stride
                    add_scores(one, columns, row, stride, v, wide * size, length, total)
                    total += tile
            left += length
        total = sums.ctypes.data
        for group in range(groups):
            k = K * group // groups
            columns = K * (group + 1) // groups - k
            for i in range(first, first + count, ROWS):
                s = S.ctypes.data + (i * K + k) * size
                add_up(one, columns, total, s, K * size)
                total += tile
    for i in range(rows, B):
        for k in range(K):
            last = S.dtype.type(0)
            for j in range(D):
                last += _load(X[i, j]) * Vt[k, j]
            S[i, k] = last


def _pull(X: Array, A: Array, G: Array) -> None:
    """G += Aᵀ X for X (B, D), A (B, K), G (K, D), 64 features of 32 rows at a time."""
    _widest_vectors()
    B, D = X.shape
    K = A.shape[1]
    size = A.itemsize
    one = A[0, 0]
    same = X.itemsize == size
    groups = -(-K // COLUMNS)
    wide = -(-D // PANEL) * PANEL
    totals = _aligned(K * wide, G).reshape((K, wide))
    totals[:] = 0
    buffer = _aligned(TOGETHER * PANEL, G).reshape((TOGETHER, PANEL))
    for first in range(0, B, TOGETHER):
        count = min(TOGETHER, B - first)
        for left in range(0, D, PANEL):
            width = min(PANEL, D - left)
            x = X.ctypes.data + (first * D + left) * size
            stride = D * size
            if not same or width < PANEL:
                _convert(X, first, left, width, buffer[:count], PANEL)
                x = buffer.ctypes.data
                stride = PANEL * size
            for group in range(groups):
                k = K * group // groups
                columns = K * (group + 1) // groups - k
                a = A.ctypes.data + (first * K + k) * size
                g = totals.ctypes.data + (k * wide + left) * size
                add_pull(one, columns, x, stride, a, K * size, count, g, wide * size)
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

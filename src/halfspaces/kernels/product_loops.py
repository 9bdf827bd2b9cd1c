"""Compiled loops for products of many rows with few columns, written for the vectorizer.

Inner loops run over contiguous features. Each reused number has a variable of its own, so that it
stays in a register. Helpers are inlined: a call would store these numbers in memory.
"""

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from halfspaces.kernels.compile import FASTMATH, compile_loop
from halfspaces.support.types import Array

STORED = {
    "uint8": types.uint8,
    "float16": types.uint16,
    "void16": types.int16,  # bfloat16
    "float32": types.float32,
    "float64": types.float64,
}
UNCOMPILED = bool(cast("Any", numba).config.DISABLE_JIT)  # all loops run as plain Python
SPAN = 2048  # features of a tile of scores
TILE = 256  # features of a tile: five lines of the gradient fit the first-level cache


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
        "wide_scores": (_wide_scores, (rows, factor, product)),
        "pull": (_pull, (rows, factor, product)),
        "moments": (_moments, (rows, labels, weights, weights, sums, squares)),
    }[name]
    return compile_loop(loops, arguments, fastmath=FASTMATH)


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


def _stored_number_uncompiled(stored: Any) -> Any:
    """The number of `_stored_number`, for loops that run as plain Python (NUMBA_DISABLE_JIT=1)."""
    if stored.dtype == np.uint16:
        return np.float32(stored.view(np.float16))
    if stored.dtype == np.int16:
        return np.uint32(np.uint32(stored.view(np.uint16)) << 16).view(np.float32)
    return stored if stored.dtype == np.float64 else np.float32(stored)


_load: Any = _stored_number_uncompiled if UNCOMPILED else intrinsic(_stored_number)


def _widest(typingctx: Any) -> Any:
    """Ask LLVM for the widest vectors of the processor in the function that calls this.

    On its own it takes half of AVX-512's: a third of the rate of these loops is lost.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # llvmlite knows only attributes without a value; its set of them is a set of texts.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), codegen


def _no_vectors() -> None:
    """In place of `_widest`, for loops that run as plain Python."""


_widest_vectors: Any = _no_vectors if UNCOMPILED else intrinsic(_widest)


def _scores(X: Array, Vt: Array, S: Array) -> None:
    """S = X Vtᵀ for X (B, D), Vt (K, D), S (B, K); B ≥ 4."""
    _widest_vectors()
    B, K = S.shape
    for start in range(0, B, 4):
        i = min(start, B - 4)  # the last four rows may overlap the rows before
        p = X[i]
        q = X[i + 1]
        r = X[i + 2]
        s = X[i + 3]
        k = 0
        while k + 5 <= K:
            _five_scores(p, q, r, s, Vt[k], Vt[k + 1], Vt[k + 2], Vt[k + 3], Vt[k + 4], S, i, k)
            k += 5
        while k < K:
            _one_score(p, q, r, s, Vt[k], S, i, k)
            k += 1


@numba.njit(inline="always")
def _five_scores(
    p: Array,
    q: Array,
    r: Array,
    s: Array,
    v0: Array,
    v1: Array,
    v2: Array,
    v3: Array,
    v4: Array,
    S: Array,
    i: int,
    k: int,
) -> None:
    """Scores of four rows in five columns, which stay in 20 registers."""
    zero = S.dtype.type(0)
    a0 = a1 = a2 = a3 = a4 = zero
    b0 = b1 = b2 = b3 = b4 = zero
    c0 = c1 = c2 = c3 = c4 = zero
    d0 = d1 = d2 = d3 = d4 = zero
    for j in range(len(p)):
        x0 = _load(p[j])
        x1 = _load(q[j])
        x2 = _load(r[j])
        x3 = _load(s[j])
        w = v0[j]
        a0 += x0 * w
        b0 += x1 * w
        c0 += x2 * w
        d0 += x3 * w
        w = v1[j]
        a1 += x0 * w
        b1 += x1 * w
        c1 += x2 * w
        d1 += x3 * w
        w = v2[j]
        a2 += x0 * w
        b2 += x1 * w
        c2 += x2 * w
        d2 += x3 * w
        w = v3[j]
        a3 += x0 * w
        b3 += x1 * w
        c3 += x2 * w
        d3 += x3 * w
        w = v4[j]
        a4 += x0 * w
        b4 += x1 * w
        c4 += x2 * w
        d4 += x3 * w
    _store_five(S[i], k, a0, a1, a2, a3, a4)
    _store_five(S[i + 1], k, b0, b1, b2, b3, b4)
    _store_five(S[i + 2], k, c0, c1, c2, c3, c4)
    _store_five(S[i + 3], k, d0, d1, d2, d3, d4)


@numba.njit(inline="always")
def _store_five(line: Array, k: int, s0: float, s1: float, s2: float, s3: float, s4: float) -> None:
    line[k] = s0
    line[k + 1] = s1
    line[k + 2] = s2
    line[k + 3] = s3
    line[k + 4] = s4


def _wide_scores(X: Array, Vt: Array, S: Array) -> None:
    """As `_scores`, of very many features: a tile of Vt stays in the second-level cache."""
    _widest_vectors()
    B, K = S.shape
    D = X.shape[1]
    part = np.empty(S.shape, S.dtype)
    S[:] = S.dtype.type(0)
    for left in range(0, D, SPAN):
        right = min(left + SPAN, D)
        for start in range(0, B, 4):
            i = min(start, B - 4)
            p = X[i, left:right]
            q = X[i + 1, left:right]
            r = X[i + 2, left:right]
            s = X[i + 3, left:right]
            for k in range(0, K - K % 5, 5):
                v0 = Vt[k, left:right]
                v1 = Vt[k + 1, left:right]
                v2 = Vt[k + 2, left:right]
                v3 = Vt[k + 3, left:right]
                v4 = Vt[k + 4, left:right]
                _five_scores(p, q, r, s, v0, v1, v2, v3, v4, part, i, k)
            for k in range(K - K % 5, K):
                _one_score(p, q, r, s, Vt[k, left:right], part, i, k)
        S += part


@numba.njit(inline="always")
def _one_score(p: Array, q: Array, r: Array, s: Array, v: Array, S: Array, i: int, k: int) -> None:
    """Scores of four rows in one column."""
    zero = S.dtype.type(0)
    a = b = c = d = zero
    for j in range(len(p)):
        w = v[j]
        a += _load(p[j]) * w
        b += _load(q[j]) * w
        c += _load(r[j]) * w
        d += _load(s[j]) * w
    S[i, k] = a
    S[i + 1, k] = b
    S[i + 2, k] = c
    S[i + 3, k] = d


def _pull(X: Array, A: Array, G: Array) -> None:
    """G += Aᵀ X for X (B, D), A (B, K), G (K, D); B ≥ 8.

    Five lines of G at a time in whole tiles: with loops of fixed length the registers hold the
    coefficients. Two tiles side by side are read together: longer pieces of rows come faster.
    """
    _widest_vectors()
    zero = G.dtype.type(0)
    B, K = A.shape
    D = X.shape[1]
    grouped = K - K % 5 if D >= TILE else 0
    tiles = 2 if D >= 2 * TILE else 1
    # One array for five lines: the vectorizer needs no check that lines do not overlap.
    totals = np.empty((tiles, 5 * TILE), G.dtype)
    for begin in range(0, D, tiles * TILE):
        end = min(begin + tiles * TILE, D)
        first = end - tiles * TILE  # some features of the last tiles may belong to those before
        for k in range(0, grouped, 5):
            totals[:] = zero
            for start in range(0, B, 4):
                i = min(start, B - 4)
                for tile in range(tiles):
                    left = first + tile * TILE
                    p = X[i, left : left + TILE]
                    q = X[i + 1, left : left + TILE]
                    r = X[i + 2, left : left + TILE]
                    s = X[i + 3, left : left + TILE]
                    _add_five_lines(p, q, r, s, A, totals[tile], i, k, start - i)
            for tile in range(tiles):
                left = first + tile * TILE
                own = min(max(begin - left, 0), TILE)
                for line in range(5):
                    total = totals[tile, line * TILE + own : (line + 1) * TILE]
                    G[k + line, left + own : left + TILE] += total
        for k in range(grouped, K):
            _add_column(X, A, G, begin, end, k)


@numba.njit(inline="always")
def _add_five_lines(
    p: Array, q: Array, r: Array, s: Array, A: Array, total: Array, i: int, k: int, done: int
) -> None:
    """Add four rows, of which the first `done` were added before, to a tile of five lines."""
    zero = total.dtype.type(0)
    a0 = A[i, k] if done < 1 else zero
    a1 = A[i, k + 1] if done < 1 else zero
    a2 = A[i, k + 2] if done < 1 else zero
    a3 = A[i, k + 3] if done < 1 else zero
    a4 = A[i, k + 4] if done < 1 else zero
    b0 = A[i + 1, k] if done < 2 else zero
    b1 = A[i + 1, k + 1] if done < 2 else zero
    b2 = A[i + 1, k + 2] if done < 2 else zero
    b3 = A[i + 1, k + 3] if done < 2 else zero
    b4 = A[i + 1, k + 4] if done < 2 else zero
    c0 = A[i + 2, k] if done < 3 else zero
    c1 = A[i + 2, k + 1] if done < 3 else zero
    c2 = A[i + 2, k + 2] if done < 3 else zero
    c3 = A[i + 2, k + 3] if done < 3 else zero
    c4 = A[i + 2, k + 4] if done < 3 else zero
    d0 = A[i + 3, k]
    d1 = A[i + 3, k + 1]
    d2 = A[i + 3, k + 2]
    d3 = A[i + 3, k + 3]
    d4 = A[i + 3, k + 4]
    for j in range(TILE):
        x0 = _load(p[j])
        x1 = _load(q[j])
        x2 = _load(r[j])
        x3 = _load(s[j])
        total[j] += a0 * x0 + b0 * x1 + c0 * x2 + d0 * x3
        total[TILE + j] += a1 * x0 + b1 * x1 + c1 * x2 + d1 * x3
        total[2 * TILE + j] += a2 * x0 + b2 * x1 + c2 * x2 + d2 * x3
        total[3 * TILE + j] += a3 * x0 + b3 * x1 + c3 * x2 + d3 * x3
        total[4 * TILE + j] += a4 * x0 + b4 * x1 + c4 * x2 + d4 * x3


@numba.njit(inline="always")
def _add_column(X: Array, A: Array, G: Array, left: int, right: int, k: int) -> None:
    """Add all rows, eight at a time, to a tile of line k of G."""
    zero = G.dtype.type(0)
    g = G[k, left:right]
    for start in range(0, len(X), 8):
        i = min(start, len(X) - 8)
        done = start - i  # some of the last eight rows may have been added before
        x0 = X[i, left:right]
        x1 = X[i + 1, left:right]
        x2 = X[i + 2, left:right]
        x3 = X[i + 3, left:right]
        x4 = X[i + 4, left:right]
        x5 = X[i + 5, left:right]
        x6 = X[i + 6, left:right]
        x7 = X[i + 7, left:right]
        a0 = A[i, k] if done < 1 else zero
        a1 = A[i + 1, k] if done < 2 else zero
        a2 = A[i + 2, k] if done < 3 else zero
        a3 = A[i + 3, k] if done < 4 else zero
        a4 = A[i + 4, k] if done < 5 else zero
        a5 = A[i + 5, k] if done < 6 else zero
        a6 = A[i + 6, k] if done < 7 else zero
        a7 = A[i + 7, k]
        for j in range(right - left):
            g[j] += (
                a0 * _load(x0[j])
                + a1 * _load(x1[j])
                + a2 * _load(x2[j])
                + a3 * _load(x3[j])
                + a4 * _load(x4[j])
                + a5 * _load(x5[j])
                + a6 * _load(x6[j])
                + a7 * _load(x7[j])
            )


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

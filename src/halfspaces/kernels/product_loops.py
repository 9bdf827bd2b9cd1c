"""The loops of `halfspaces.kernels`, written for the vectorizer.

Inner loops run over contiguous features; what they reuse has a name of its own, so that it stays in registers.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from halfspaces.kernels.compile import FASTMATH, compile_loop, is_compiling

STORED = {
    "uint8": types.uint8,
    "float16": types.uint16,
    "float32": types.float32,
    "float64": types.float64,
}
TILE = 256  # features of a tile: five lines of the gradient lie in the first-level cache


def compiled(name: str, dtype: str) -> Callable[..., None]:
    """The kernel of this name for rows of this type, from the cache on disk where it is there."""
    number = types.float64 if dtype == "float64" else types.float32
    rows = types.Array(STORED[dtype], 2, "C", readonly=True)
    given, result = types.Array(number, 2, "C", readonly=True), types.Array(number, 2, "C")
    totals, line = types.Array(types.float64, 2, "C"), types.Array(types.float64, 1, "C")
    labels, weights = (
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.float64, 1, "C", readonly=True),
    )
    loops, arguments = {
        "scores": (_scores, (rows, given, result)),
        "pull": (_pull, (rows, given, result)),
        "moments": (_moments, (rows, labels, weights, weights, totals, line)),
    }[name]
    return compile_loop(loops, arguments, fastmath=FASTMATH)


def _stored_number(typingctx: Any, stored: Any) -> Any:
    """A stored number in the type of the products; 16 bits are a float16."""
    number = types.float64 if stored == types.float64 else types.float32

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if stored != types.uint16:
            return context.cast(builder, args[0], stored, number)
        if _has_half_precision(context):
            return builder.fpext(builder.bitcast(args[0], ir.HalfType()), ir.FloatType())
        return _widened(builder, args[0])

    return number(stored), codegen


def _has_half_precision(context: Any) -> bool:
    """Whether numba's target converts float16 itself: all but x86 without F16C.

    There LLVM calls a function of the compiler's own library, which is missing in most processes: they crash.
    """
    triple, _, features = context.codegen().magic_tuple()
    return not triple.startswith(("x86", "i386", "i686")) or "+f16c" in features.split(",")


def _widened(builder: Any, half: Any) -> Any:
    """The float32 of a float16's bits, exactly: its exponent and fraction moved in place, times 2^112."""
    i32, f32 = ir.IntType(32), ir.FloatType()
    bits = builder.zext(half, i32)
    sign = builder.shl(builder.and_(bits, i32(0x8000)), i32(16))
    size = builder.shl(builder.and_(bits, i32(0x7FFF)), i32(13))
    scaled = builder.fmul(builder.bitcast(size, f32), ir.Constant(f32, 2.0**112))
    beyond = builder.icmp_unsigned(">=", size, i32(0x7C00 << 13))  # infinity and NaN
    size = builder.select(beyond, builder.or_(size, i32(0x7F800000)), builder.bitcast(scaled, i32))
    return builder.bitcast(builder.or_(size, sign), f32)


def _stored_number_uncompiled(stored: Any) -> Any:
    """The same, for the loops as plain Python: with NUMBA_DISABLE_JIT=1."""
    if isinstance(stored, np.uint16):
        return np.float32(stored.view(np.float16))
    return stored if stored.dtype == np.float64 else np.float32(stored)


_load: Any = intrinsic(_stored_number) if is_compiling() else _stored_number_uncompiled


def _scores(X: Any, Vt: Any, S: Any) -> None:  # noqa: PLR0915
    """S = X Vtᵀ for X (B, D), Vt (K, D), S (B, K); B ≥ 4."""
    zero = S.dtype.type(0)
    B, K = S.shape
    for start in range(0, B, 4):
        i = min(start, B - 4)  # the last four rows may overlap those before
        p, q, r, s = X[i], X[i + 1], X[i + 2], X[i + 3]
        k = 0
        while k + 5 <= K:
            v0, v1, v2, v3, v4 = Vt[k], Vt[k + 1], Vt[k + 2], Vt[k + 3], Vt[k + 4]
            a0 = a1 = a2 = a3 = a4 = zero
            b0 = b1 = b2 = b3 = b4 = zero
            c0 = c1 = c2 = c3 = c4 = zero
            d0 = d1 = d2 = d3 = d4 = zero
            for j in range(X.shape[1]):
                x0, x1, x2, x3 = _load(p[j]), _load(q[j]), _load(r[j]), _load(s[j])
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
            S[i, k], S[i, k + 1], S[i, k + 2], S[i, k + 3], S[i, k + 4] = a0, a1, a2, a3, a4
            S[i + 1, k], S[i + 1, k + 1], S[i + 1, k + 2], S[i + 1, k + 3], S[i + 1, k + 4] = (
                b0,
                b1,
                b2,
                b3,
                b4,
            )
            S[i + 2, k], S[i + 2, k + 1], S[i + 2, k + 2], S[i + 2, k + 3], S[i + 2, k + 4] = (
                c0,
                c1,
                c2,
                c3,
                c4,
            )
            S[i + 3, k], S[i + 3, k + 1], S[i + 3, k + 2], S[i + 3, k + 3], S[i + 3, k + 4] = (
                d0,
                d1,
                d2,
                d3,
                d4,
            )
            k += 5
        while k < K:
            v0 = Vt[k]
            a0 = b0 = c0 = d0 = zero
            for j in range(X.shape[1]):
                w = v0[j]
                a0 += _load(p[j]) * w
                b0 += _load(q[j]) * w
                c0 += _load(r[j]) * w
                d0 += _load(s[j]) * w
            S[i, k], S[i + 1, k], S[i + 2, k], S[i + 3, k] = a0, b0, c0, d0
            k += 1


def _pull(X: Any, A: Any, G: Any) -> None:
    """G += Aᵀ X for X (B, D), A (B, K), G (K, D); B ≥ 8.

    Five lines of G at a time in whole tiles: loops of fixed length leave their registers to the coefficients.
    """
    zero = G.dtype.type(0)
    (B, K), D = A.shape, X.shape[1]
    grouped = K - K % 5 if D >= TILE else 0
    total = np.empty(
        5 * TILE, G.dtype
    )  # one array: the vectorizer need not ask whether its lines overlap
    for begin in range(0, D, TILE):
        right = min(begin + TILE, D)
        left = right - TILE  # of the last tile some features may have been done before
        for k in range(0, grouped, 5):
            total[:] = zero
            for start in range(0, B, 4):
                i = min(start, B - 4)
                done = start - i  # of the last four rows some may have been added before
                p, q, r, s = (
                    X[i, left:right],
                    X[i + 1, left:right],
                    X[i + 2, left:right],
                    X[i + 3, left:right],
                )
                a0, a1, a2, a3, a4 = A[i, k], A[i, k + 1], A[i, k + 2], A[i, k + 3], A[i, k + 4]
                b0, b1, b2, b3, b4 = (
                    A[i + 1, k],
                    A[i + 1, k + 1],
                    A[i + 1, k + 2],
                    A[i + 1, k + 3],
                    A[i + 1, k + 4],
                )
                c0, c1, c2, c3, c4 = (
                    A[i + 2, k],
                    A[i + 2, k + 1],
                    A[i + 2, k + 2],
                    A[i + 2, k + 3],
                    A[i + 2, k + 4],
                )
                d0, d1, d2, d3, d4 = (
                    A[i + 3, k],
                    A[i + 3, k + 1],
                    A[i + 3, k + 2],
                    A[i + 3, k + 3],
                    A[i + 3, k + 4],
                )
                if done > 0:
                    a0 = a1 = a2 = a3 = a4 = zero
                if done > 1:
                    b0 = b1 = b2 = b3 = b4 = zero
                if done > 2:
                    c0 = c1 = c2 = c3 = c4 = zero
                for j in range(TILE):
                    x0, x1, x2, x3 = _load(p[j]), _load(q[j]), _load(r[j]), _load(s[j])
                    total[j] += a0 * x0 + b0 * x1 + c0 * x2 + d0 * x3
                    total[TILE + j] += a1 * x0 + b1 * x1 + c1 * x2 + d1 * x3
                    total[2 * TILE + j] += a2 * x0 + b2 * x1 + c2 * x2 + d2 * x3
                    total[3 * TILE + j] += a3 * x0 + b3 * x1 + c3 * x2 + d3 * x3
                    total[4 * TILE + j] += a4 * x0 + b4 * x1 + c4 * x2 + d4 * x3
            for line in range(5):
                G[k + line, begin:right] += total[line * TILE + begin - left : (line + 1) * TILE]
        for k in range(grouped, K):
            _add_column(X, A, G, begin, right, k)


@numba.njit(inline="always")
def _add_column(X: Any, A: Any, G: Any, left: int, right: int, k: int) -> None:
    """A tile of line k of G, from eight rows at a time."""
    zero = G.dtype.type(0)
    g = G[k, left:right]
    for start in range(0, len(X), 8):
        i = min(start, len(X) - 8)
        done = start - i  # of the last eight rows some may have been added before
        x0, x1, x2, x3, x4, x5, x6, x7 = (
            X[i, left:right],
            X[i + 1, left:right],
            X[i + 2, left:right],
            X[i + 3, left:right],
            X[i + 4, left:right],
            X[i + 5, left:right],
            X[i + 6, left:right],
            X[i + 7, left:right],
        )
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


def _moments(X: Any, y: Any, weight: Any, origin: Any, sums: Any, squares: Any) -> None:
    """sums[y_i] += w_i (x_i − origin) and squares += w_i (x_i − origin)², in float64."""
    for left in range(0, X.shape[1], TILE):
        right = min(left + TILE, X.shape[1])
        o, q = origin[left:right], squares[left:right]
        for i in range(len(X)):
            x, g, w = X[i, left:right], sums[y[i], left:right], weight[i]
            for j in range(right - left):
                deviation = _load(x[j]) - o[j]
                g[j] += w * deviation
                q[j] += w * deviation * deviation

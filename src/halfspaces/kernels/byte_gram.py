"""XᵀX of uint8 rows, exactly, four times as fast as from floats: by the processor's sums of four products of bytes.

Where the processor has them (AVX-512 VNNI), and numba is there. The instruction multiplies unsigned bytes with signed
ones: Xᵀ(X − 128) is added up in 32 bits, and 128 times the sums of the features are added at the end.

Rows are packed in fours: a panel holds 48 features, and for each four rows the four bytes of each feature. A tile of
the result, 8 features × a panel, stays in 24 registers while it runs down the rows.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from halfspaces.kernels.compile import compile_loop, is_compiling
from halfspaces.support.parallel import available_workers, ordered_map
from halfspaces.support.types import Array

FEATURES = 16  # in a register: four bytes of each
REGISTERS = 3
PANEL = FEATURES * REGISTERS
TILE = 8  # features by which a panel is multiplied at a time
TOGETHER = 4  # rows
CHUNK_ROWS = 2048
SIGN = 128
SIGNS = 0x80808080  # of four bytes
DOT = "llvm.x86.avx512.vpdpbusd.512"


@cache
def available() -> bool:
    """Whether the processor that numba compiles for multiplies bytes, and the kernel could be compiled.

    LLVM ends the process when it meets the instruction for a processor without it, so numba's target is asked: it is
    not this processor where NUMBA_CPU_NAME or NUMBA_CPU_FEATURES name another, or where NUMBA_ENABLE_AVX=0 leaves
    AVX out.
    """
    if not is_compiling():
        return False
    target: Any = cpu_target.target_context
    *_, features = target.codegen().magic_tuple()
    if "+avx512vnni" not in features.split(","):
        return False
    try:
        _kernels()
    except Exception:  # whatever another version of the compiler says: rows as floats will do
        return False
    return True


def byte_gram(chunks: Iterable[Array], n_features: int, n_jobs: int | None) -> tuple[Array, Array]:
    """Sums Σ x xᵀ (D', D') on and below the diagonal, less 128 times the sum in each column; and these sums (D,).

    Parameters
    ----------
    chunks : iterable of uint8 arrays, shape (n, D)
        At most `CHUNK_ROWS` rows in each, at most 65,536 in all, whose products fit 32 bits.
    n_features : int
        D; D' is the next multiple of 48.
    n_jobs : int or None
    """
    pack, add_products = _kernels()
    panels = -(-n_features // PANEL)
    products, sums = np.zeros((panels * PANEL, panels * PANEL), np.int32), np.zeros(n_features)
    unsigned, signed = (_aligned((panels, CHUNK_ROWS // TOGETHER, PANEL)) for _ in range(2))
    workers = available_workers(n_jobs)

    def visit(work: Callable[[int], None]) -> None:
        for _ in ordered_map(work, list(range(panels)), workers):
            pass

    for chunk in chunks:
        steps = -(-len(chunk) // TOGETHER)
        visit(lambda panel, rows=chunk: pack(rows, unsigned, signed, sums, panel))
        visit(lambda panel, steps=steps: add_products(unsigned, signed, products, panel, steps))
    return products, sums


def _aligned(shape: tuple[int, ...]) -> Array:
    """Fours of bytes that begin where a register's worth begins."""
    size = int(np.prod(shape))
    memory = np.empty(size + FEATURES, np.uint32)
    start = -memory.ctypes.data % (TOGETHER * FEATURES) // TOGETHER
    return memory[start : start + size].reshape(shape)


@cache
def _kernels() -> tuple[Callable[..., None], Callable[..., None]]:
    """`_pack` and `_add_products`, compiled, from the cache on disk where they are there."""
    rows, packed = (
        types.Array(types.uint8, 2, "C", readonly=True),
        types.Array(types.uint32, 3, "C"),
    )
    products = types.Array(types.int32, 2, "C")
    sums = types.Array(types.float64, 1, "C")
    pack = compile_loop(_pack, (rows, packed, packed, sums, types.int64))
    return pack, compile_loop(_add_products, (packed, packed, products, types.int64, types.int64))


def _pack(X: Any, unsigned: Any, signed: Any, sums: Any, panel: Any) -> None:
    """One panel of features, in fours of rows, and their sums; 0 beyond the rows and features that there are."""
    first = panel * PANEL
    width, whole = min(PANEL, X.shape[1] - first), len(X) // TOGETHER
    total = np.zeros(PANEL, np.uint32)
    for step in range(-(-len(X) // TOGETHER)):
        u, s = unsigned[panel, step], signed[panel, step]
        if width < PANEL or step == whole:
            u[:], s[:] = 0, 0
            for r in range(min(TOGETHER, len(X) - TOGETHER * step)):
                for j in range(width):
                    x = np.uint32(X[TOGETHER * step + r, first + j])
                    u[j] |= x << np.uint32(8 * r)
                    s[j] |= (x ^ np.uint32(SIGN)) << np.uint32(8 * r)
                    total[j] += x
            continue
        rows = X[TOGETHER * step : TOGETHER * step + TOGETHER, first : first + PANEL]
        p, q, v, w = rows[0], rows[1], rows[2], rows[3]
        for j in range(PANEL):
            a, b, c, d = np.uint32(p[j]), np.uint32(q[j]), np.uint32(v[j]), np.uint32(w[j])
            four = a | (b << np.uint32(8)) | (c << np.uint32(16)) | (d << np.uint32(24))
            u[j] = four
            s[j] = four ^ np.uint32(SIGNS)
            total[j] += a + b + c + d
    for j in range(width):
        sums[first + j] += total[j]


def _add_products(unsigned: Any, signed: Any, products: Any, panel: Any, steps: Any) -> None:
    """One panel of columns of the result, from the diagonal down."""
    side = products.shape[0]
    for below in range(panel, side // PANEL):
        for tile in range(PANEL // TILE):
            row = below * PANEL + tile * TILE
            _add_tile(
                unsigned[panel].ctypes.data,
                signed[below].ctypes.data + tile * TILE * TOGETHER,
                products.ctypes.data + 4 * (row * side + panel * PANEL),
                steps,
                4 * side,
            )


def _tile_code(
    typingctx: Any, unsigned: Any, signed: Any, result: Any, steps: Any, line: Any
) -> Any:
    """result[t, j] += Σ of four rows' signed[step, t] · unsigned[step, j]: addresses, and bytes from line to line."""
    i32, i64 = ir.IntType(32), ir.IntType(64)
    register = ir.VectorType(i32, FEATURES)
    undefined, zero = ir.Constant(register, ir.Undefined), ir.Constant(register, [0] * FEATURES)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        unsigned, signed, result, steps, line = args
        kind = ir.FunctionType(register, [register] * 3)
        dot = cgutils.get_or_insert_function(builder.module, kind, DOT)

        def at(address: Any, bytes_on: Any, kind: Any) -> Any:
            return builder.inttoptr(builder.add(address, bytes_on), kind.as_pointer())

        before, loop, after = (
            builder.block,
            builder.append_basic_block(),
            builder.append_basic_block(),
        )
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(i64)
        totals = [[builder.phi(register) for _ in range(REGISTERS)] for _ in range(TILE)]
        offset = builder.mul(step, i64(PANEL * TOGETHER))
        columns = [
            builder.load(at(unsigned, builder.add(offset, i64(64 * r)), register), align=64)
            for r in range(REGISTERS)
        ]
        added = []
        for t in range(TILE):
            four = builder.load(at(signed, builder.add(offset, i64(TOGETHER * t)), i32), align=4)
            first = builder.insert_element(undefined, four, i32(0))
            everywhere = builder.shuffle_vector(
                first, undefined, ir.Constant(register, [0] * FEATURES)
            )
            added.append(
                [
                    builder.call(dot, [totals[t][r], columns[r], everywhere])
                    for r in range(REGISTERS)
                ]
            )
        following = builder.add(step, i64(1))
        step.add_incoming(i64(0), before)
        step.add_incoming(following, loop)
        for t in range(TILE):
            for r in range(REGISTERS):
                totals[t][r].add_incoming(zero, before)
                totals[t][r].add_incoming(added[t][r], loop)
        builder.cbranch(builder.icmp_signed("<", following, steps), loop, after)
        builder.position_at_end(after)
        for t in range(TILE):
            start = builder.add(result, builder.mul(line, i64(t)))
            for r in range(REGISTERS):
                place = at(start, i64(64 * r), register)
                builder.store(
                    builder.add(builder.load(place, align=4), added[t][r]), place, align=4
                )
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), codegen


_add_tile: Any = intrinsic(_tile_code)

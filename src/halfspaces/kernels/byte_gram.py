"""XᵀX of uint8 rows, exact and four times as fast as with floats.

It uses the instruction of AVX-512 VNNI that adds four products of bytes to a sum of 32 bits. The
instruction multiplies unsigned by signed bytes: it adds up Xᵀ(X − 128), and 128 times the sums of
the features are added at the end. It needs a processor with this instruction, and numba.

Rows are packed in fours: a panel has 48 features, and for every four rows the four bytes of each
feature. A tile of the result, 8 features × a panel, stays in 24 registers while the rows are read.
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

from halfspaces.kernels.compile import compile_loop
from halfspaces.kernels.product_loops import UNCOMPILED
from halfspaces.kernels.register_tiles import loop
from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Array
from halfspaces.system.threads import ordered_map

FEATURES = 16  # in a register: four bytes of each
REGISTERS = 3
PANEL = FEATURES * REGISTERS
TILE = 8  # features by which a panel is multiplied at a time
TOGETHER = 4  # rows
CHUNK_ROWS = 2048
SIGN = 128
SIGNS = 0x80808080  # of four bytes
DOT = "llvm.x86.avx512.vpdpbusd.512"

I32 = ir.IntType(32)
I64 = ir.IntType(64)
REGISTER = ir.VectorType(I32, FEATURES)
ZERO = ir.Constant(REGISTER, [0] * FEATURES)
UNDEFINED = ir.Constant(REGISTER, ir.Undefined)


@cache
def available() -> bool:
    """Whether numba's target processor has the instruction, and the kernels compile.

    LLVM aborts the process if it compiles the instruction for a processor without it. The target is
    not this processor if NUMBA_CPU_NAME, NUMBA_CPU_FEATURES or NUMBA_ENABLE_AVX=0 say so.
    """
    if UNCOMPILED:
        return False
    target: Any = cpu_target.target_context
    *_, features = target.codegen().magic_tuple()
    if "+avx512vnni" not in features.split(","):
        return False
    try:
        compiled()
    except Exception:  # of any version of the compiler; products of floats remain
        return False
    return True


def byte_gram(chunks: Iterable[Array], n_features: int, n_jobs: int | None) -> tuple[Array, Array]:
    """Σ x (x − 128)ᵀ, shape (D', D'), on and below the diagonal, and the sums Σ x, shape (D,).

    Parameters
    ----------
    chunks : iterable of uint8 arrays, shape (n, D)
        At most `CHUNK_ROWS` rows in each and 65,536 rows in total, so that sums fit 32 bits.
    n_features : int
        D; D' is the next multiple of 48.
    n_jobs : int or None
    """
    pack, add_products = compiled()
    panels = -(-n_features // PANEL)
    products = np.zeros((panels * PANEL, panels * PANEL), np.int32)
    sums = np.zeros(n_features)
    unsigned = _aligned((panels, CHUNK_ROWS // TOGETHER, PANEL))
    signed = _aligned(unsigned.shape)
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
    """Uninitialized uint32 memory that is aligned for loads of registers."""
    size = int(np.prod(shape))
    memory = np.empty(size + FEATURES, np.uint32)
    start = -memory.ctypes.data % (TOGETHER * FEATURES) // TOGETHER
    return memory[start : start + size].reshape(shape)


@cache
def compiled() -> tuple[Callable[..., None], Callable[..., None]]:
    """`_pack` and `_add_products`, compiled or loaded from the cache on disk."""
    rows = types.Array(types.uint8, 2, "C", readonly=True)
    packed = types.Array(types.uint32, 3, "C")
    products = types.Array(types.int32, 2, "C")
    sums = types.Array(types.float64, 1, "C")
    pack = compile_loop(_pack, (rows, packed, packed, sums, types.int64))
    return pack, compile_loop(_add_products, (packed, packed, products, types.int64, types.int64))


def _pack(X: Array, unsigned: Array, signed: Array, sums: Array, panel: int) -> None:
    """Pack one panel of features, in fours of rows, and add its sums; missing rows are 0."""
    first = panel * PANEL
    width = min(PANEL, X.shape[1] - first)
    whole = len(X) // TOGETHER
    total = np.zeros(PANEL, np.uint32)
    for step in range(-(-len(X) // TOGETHER)):
        u = unsigned[panel, step]
        s = signed[panel, step]
        if width < PANEL or step == whole:
            u[:] = 0
            s[:] = 0
            for r in range(min(TOGETHER, len(X) - TOGETHER * step)):
                for j in range(width):
                    x = np.uint32(X[TOGETHER * step + r, first + j])
                    u[j] |= x << np.uint32(8 * r)
                    s[j] |= (x ^ np.uint32(SIGN)) << np.uint32(8 * r)
                    total[j] += x
            continue
        rows = X[TOGETHER * step : TOGETHER * step + TOGETHER, first : first + PANEL]
        for j in range(PANEL):
            a = np.uint32(rows[0, j])
            b = np.uint32(rows[1, j])
            c = np.uint32(rows[2, j])
            d = np.uint32(rows[3, j])
            four = a | (b << np.uint32(8)) | (c << np.uint32(16)) | (d << np.uint32(24))
            u[j] = four
            s[j] = four ^ np.uint32(SIGNS)
            total[j] += a + b + c + d
    for j in range(width):
        sums[first + j] += total[j]


def _add_products(unsigned: Array, signed: Array, products: Array, panel: int, steps: int) -> None:
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
    """result[t, j] += Σ_step Σ of four products signed[step, t] · unsigned[step, j].

    Arguments are addresses, the number of steps, and the bytes from line to line of the result.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        unsigned, signed, result, steps, line = args

        def add(step: Any, totals: list[Any]) -> list[Any]:
            return _add_step(builder, unsigned, signed, step, totals)

        totals = loop(builder, steps, 1, [ZERO] * (TILE * REGISTERS), add)
        _add_to_result(builder, result, line, totals)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), codegen


def _add_step(builder: Any, unsigned: Any, signed: Any, step: Any, totals: list[Any]) -> list[Any]:
    """The totals of a tile, line by line, plus the products of one step, which are four rows."""
    kind = ir.FunctionType(REGISTER, [REGISTER] * 3)
    dot = cgutils.get_or_insert_function(builder.module, kind, DOT)
    offset = builder.mul(step, I64(PANEL * TOGETHER))
    columns: list[Any] = []
    for r in range(REGISTERS):
        address = _pointer(builder, unsigned, builder.add(offset, I64(64 * r)), REGISTER)
        columns.append(builder.load(address, align=64))
    added: list[Any] = []
    for t in range(TILE):
        address = _pointer(builder, signed, builder.add(offset, I64(TOGETHER * t)), I32)
        four = builder.load(address, align=4)
        first = builder.insert_element(UNDEFINED, four, I32(0))
        everywhere = builder.shuffle_vector(first, UNDEFINED, ZERO)
        operands = zip(totals[t * REGISTERS : (t + 1) * REGISTERS], columns, strict=True)
        added += [builder.call(dot, [total, u, everywhere]) for total, u in operands]
    return added


def _add_to_result(builder: Any, result: Any, line: Any, added: Any) -> None:
    """Add the totals of a tile to the result in memory."""
    for t in range(TILE):
        start = builder.add(result, builder.mul(line, I64(t)))
        for r in range(REGISTERS):
            place = _pointer(builder, start, I64(64 * r), REGISTER)
            total = builder.add(builder.load(place, align=4), added[t * REGISTERS + r])
            builder.store(total, place, align=4)


def _pointer(builder: Any, address: Any, offset: Any, kind: Any) -> Any:
    return builder.inttoptr(builder.add(address, offset), kind.as_pointer())


_add_tile: Any = intrinsic(_tile_code)

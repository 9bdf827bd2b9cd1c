"""Tiles of products whose sums stay in vector registers, which no vectorizer achieves.

A tile of scores has four rows and five columns and runs over the features. A tile of the gradient
has five columns and 64 features and runs over the rows. They are written in LLVM's language, for
the registers of the processor, as functions that loops of numba call with addresses. Rows are read
as they are stored: uint16 holds a float16, int16 a bfloat16, the upper half of a float32.
"""

from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

ROWS, COLUMNS = 4, 5  # of a tile of scores
PANEL = 64  # features of a tile of the gradient
LINE = 16  # scores are sums over a multiple of so many features
WIDTHS = {"+avx512f": 512, "+avx": 256}  # bits of a register
I32, I64, F32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
Value = Any  # of LLVM; neither llvmlite nor numba have types
Type = Any  # of LLVM or numba
Write = Callable[..., None]
BITS: dict[Type, int] = {
    types.uint8: 8,
    types.uint16: 16,
    types.int16: 16,
    types.float32: 32,
    types.float64: 64,
}


def converted(context: Type, builder: Value, value: Value, stored: Type) -> Value:
    """A stored number, or a vector of them, in the type of the products."""
    if stored in (types.float32, types.float64):
        return value
    if stored == types.uint8:
        return builder.uitofp(builder.zext(value, _like(value, I32)), _like(value, F32))
    if stored == types.int16:
        word = builder.shl(builder.zext(value, _like(value, I32)), _constant(value, I32, 16))
        return builder.bitcast(word, _like(value, F32))
    if _has_half_precision(context):
        half = builder.bitcast(value, _like(value, ir.HalfType()))
        return builder.fpext(half, _like(value, F32))
    return widened(builder, value)


def _like(value: Value, kind: Type) -> Value:
    """The type, or that of a vector of it if the value is a vector."""
    is_vector = isinstance(value.type, ir.VectorType)
    return ir.VectorType(kind, value.type.count) if is_vector else kind


def _constant(value: Value, kind: Type, number: Type) -> Value:
    is_vector = isinstance(value.type, ir.VectorType)
    return ir.Constant(_like(value, kind), [number] * value.type.count if is_vector else number)


def _has_half_precision(context: Type) -> bool:
    """Whether numba's target converts float16 by an instruction: all except x86 without F16C.

    There LLVM calls a function of the compiler's library, and most processes, which lack it, crash.
    """
    triple, _, features = context.codegen().magic_tuple()
    return not triple.startswith(("x86", "i386", "i686")) or "+f16c" in features.split(",")


def widened(builder: Value, half: Value) -> Value:
    """The float32 of a float16's bits, exactly: exponent and fraction shifted, times 2^112."""
    i32, f32 = _like(half, I32), _like(half, F32)

    def number(bits: int) -> Value:
        return _constant(half, I32, bits)

    bits = builder.zext(half, i32)
    sign = builder.shl(builder.and_(bits, number(0x8000)), number(16))
    size = builder.shl(builder.and_(bits, number(0x7FFF)), number(13))
    scaled = builder.fmul(builder.bitcast(size, f32), _constant(half, F32, 2.0**112))
    beyond = builder.icmp_unsigned(">=", size, number(0x7C00 << 13))  # infinity and NaN
    endless = builder.or_(size, number(0x7F800000))
    size = builder.select(beyond, endless, builder.bitcast(scaled, i32))
    return builder.bitcast(builder.or_(size, sign), f32)


class Registers(NamedTuple):
    """How a processor's vector registers are filled."""

    lanes: int  # numbers in a register
    rows: int  # of scores that are summed at once, in five columns
    vectors: int  # of a line of the gradient, in five lines

    @classmethod
    def of(cls, context: Type, bits: int) -> "Registers":
        """Those of numba's target for numbers of so many bits: up to 20 hold sums."""
        triple, _, features = context.codegen().magic_tuple()
        known = features.split(",")
        width = next((w for word, w in WIDTHS.items() if word in known), 128)
        many = width == 512 or triple.startswith(("aarch64", "arm64"))
        return cls(width // bits, *(4, 4) if many else (2, 2))


class Emitter(NamedTuple):
    """Writes LLVM's code for vectors of products of rows that are stored in one type."""

    context: Type
    builder: Value
    vector: Type
    stored: Type

    @classmethod
    def of(cls, context: Type, builder: Value, stored: Type) -> "tuple[Emitter, Registers]":
        """For vectors of float64 if the rows are float64, of float32 for all others."""
        scalar = ir.DoubleType() if stored == types.float64 else F32
        registers = Registers.of(context, 64 if stored == types.float64 else 32)
        return cls(context, builder, ir.VectorType(scalar, registers.lanes), stored), registers

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return 8 if self.vector.element == ir.DoubleType() else 4

    def at(self, address: Value, *steps: tuple[Value, int]) -> Value:
        """The address plus the sum of products."""
        for stride, count in steps:
            address = self.builder.add(address, self.builder.mul(stride, I64(count)))
        return address

    def place(self, address: Value, offset: int, kind: Type) -> Value:
        """A pointer so many numbers behind the address."""
        moved = self.builder.add(address, I64(offset * self.size))
        return self.builder.inttoptr(moved, kind.as_pointer())

    def load(self, address: Value, offset: int = 0, kind: Type = None) -> Value:
        """A vector, or a number of this kind."""
        where = self.place(address, offset, kind or self.vector)
        return self.builder.load(where, align=self.size)

    def load_row(self, address: Value, offset: int = 0) -> Value:
        """A vector of stored numbers, converted."""
        if self.stored in (types.float32, types.float64):
            return self.load(address, offset)
        size = BITS[self.stored] // 8
        kind = ir.VectorType(ir.IntType(8 * size), self.vector.count)
        moved = self.builder.add(address, I64(offset * size))
        value = self.builder.load(self.builder.inttoptr(moved, kind.as_pointer()), align=size)
        return converted(self.context, self.builder, value, self.stored)

    def store(self, value: Value, address: Value, offset: int) -> None:
        """Store a vector or number."""
        self.builder.store(value, self.place(address, offset, value.type), align=self.size)

    def everywhere(self, address: Value, offset: int) -> Value:
        """A vector of one number in memory."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.load(address, offset, self.vector.element)
        first = self.builder.insert_element(undefined, one, I32(0))
        mask = ir.Constant(ir.VectorType(I32, self.vector.count), [0] * self.vector.count)
        return self.builder.shuffle_vector(first, undefined, mask)

    def plus_product(self, total: Value, a: Value, b: Value) -> Value:
        """total + a b, by one instruction where there is one."""
        ab = self.builder.fmul(a, b, flags=("contract",))
        return self.builder.fadd(total, ab, flags=("contract",))

    def sum(self, vector: Type, start: Value) -> Value:
        """The sum of the numbers of a vector and of `start`, in any order."""
        scalar = self.vector.element
        name = f"llvm.vector.reduce.fadd.v{self.vector.count}f{8 * self.size}"
        kind = ir.FunctionType(scalar, [scalar, self.vector])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [start, vector], fastmath=("reassoc",))


def loop(
    builder: Value,
    count: Value,
    step: int,
    starts: list[Value],
    body: Callable[[Value, list[Value]], list[Value]],
) -> list[Value]:
    """The values after `values = body(i, values)` for i = 0, step, ... below count > 0."""
    before = builder.block
    inside = builder.append_basic_block()
    after = builder.append_basic_block()
    builder.branch(inside)
    builder.position_at_end(inside)
    i = builder.phi(I64)
    values = [builder.phi(start.type) for start in starts]
    results = body(i, values)
    following = builder.add(i, I64(step))
    for variable, start, result in zip(
        (i, *values), (I64(0), *starts), (following, *results), strict=True
    ):
        variable.add_incoming(start, before)
        variable.add_incoming(result, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, count), inside, after)
    builder.position_at_end(after)
    return results


def _columns_code(write: Write, stored: Type, count: int) -> Value:
    """Signature and code of a tile of 1 to 5 columns, for numba's `intrinsic`.

    Its arguments are a number of the type of the rows, the number of columns, then `count`
    addresses, strides in bytes and numbers of steps.
    """

    def codegen(context: Type, builder: Value, signature: Any, args: Any) -> Value:
        emit, registers = Emitter.of(context, builder, stored)
        end = builder.append_basic_block()
        choice = builder.switch(args[1], end)
        for columns in range(1, COLUMNS + 1):
            block = builder.append_basic_block()
            choice.add_case(columns, block)
            builder.position_at_end(block)
            write(emit, registers, columns, *args[2:])
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return types.void(stored, *[types.intp] * (1 + count)), codegen


def _write_scores(
    emit: Emitter,
    registers: Registers,
    columns: int,
    x: Value,
    x_line: Value,
    v: Value,
    v_line: Value,
    length: Value,
    sums: Value,
) -> None:
    """sums[c, r, l] += Σ_j x[r, j] v[c, j] over j = l, l + 16, ... < length, of four rows."""
    for first in range(0, ROWS, registers.rows):
        rows = range(first, first + registers.rows)
        places = [(c * ROWS + r) * LINE for c in range(columns) for r in rows]

        def add(j: Value, totals: list[Value], rows: range = rows) -> list[Value]:
            here = emit.builder.mul(j, I64(emit.size))
            row = emit.builder.mul(j, I64(BITS[emit.stored] // 8))
            left = [emit.load_row(emit.at(x, (row, 1), (x_line, r))) for r in rows]
            added: list[Value] = []
            for c in range(columns):
                right = emit.load(emit.at(v, (here, 1), (v_line, c)))
                some = totals[c * len(rows) : (c + 1) * len(rows)]
                pairs = zip(some, left, strict=True)
                added += [emit.plus_product(total, value, right) for total, value in pairs]
            return added

        starts = [emit.load(sums, place) for place in places]
        totals = loop(emit.builder, length, registers.lanes, starts, add)
        for place, total in zip(places, totals, strict=True):
            emit.store(total, sums, place)


def _write_totals(
    emit: Emitter,
    registers: Registers,
    columns: int,
    sums: Value,
    s: Value,
    s_line: Value,
) -> None:
    """s[r, c] = Σ_l sums[c, r, l] of four rows."""
    zero = ir.Constant(emit.vector.element, -0.0)
    for c, r in product(range(columns), range(ROWS)):
        parts = [
            emit.load(sums, (c * ROWS + r) * LINE + start)
            for start in range(0, LINE, registers.lanes)
        ]
        emit.store(emit.sum(reduce(emit.builder.fadd, parts), zero), emit.at(s, (s_line, r)), c)


def _write_pull(
    emit: Emitter,
    registers: Registers,
    columns: int,
    x: Value,
    x_line: Value,
    a: Value,
    a_line: Value,
    count: Value,
    g: Value,
    g_line: Value,
) -> None:
    """g[c, j] += Σ_r a[r, c] x[r, j] for r < count and the 64 features j of a panel."""
    width = registers.vectors * registers.lanes
    for first in range(0, PANEL, width):
        vectors = range(first, first + width, registers.lanes)
        places = [(emit.at(g, (g_line, c)), j) for c in range(columns) for j in vectors]

        def add(r: Value, totals: list[Value], vectors: range = vectors) -> list[Value]:
            left = emit.builder.add(x, emit.builder.mul(x_line, r))
            right = emit.builder.add(a, emit.builder.mul(a_line, r))
            values = [emit.load_row(left, j) for j in vectors]
            added: list[Value] = []
            for c in range(columns):
                slope = emit.everywhere(right, c)
                some = totals[c * len(vectors) : (c + 1) * len(vectors)]
                pairs = zip(some, values, strict=True)
                added += [emit.plus_product(total, value, slope) for total, value in pairs]
            return added

        starts = [emit.load(*place) for place in places]
        for total, place in zip(loop(emit.builder, count, 1, starts, add), places, strict=True):
            emit.store(total, *place)


def _scores_code(
    ctx: Type,
    like: Type,
    columns: Type,
    x: Type,
    x_line: Type,
    v: Type,
    v_line: Type,
    length: Type,
    sums: Type,
) -> Value:
    return _columns_code(_write_scores, like, 6)


def _totals_code(ctx: Type, like: Type, columns: Type, sums: Type, s: Type, s_line: Type) -> Value:
    return _columns_code(_write_totals, like, 3)


def _pull_code(
    ctx: Type,
    like: Type,
    columns: Type,
    x: Type,
    x_line: Type,
    a: Type,
    a_line: Type,
    count: Type,
    g: Type,
    g_line: Type,
) -> Value:
    return _columns_code(_write_pull, like, 7)


add_scores: Any = intrinsic(_scores_code)
add_up: Any = intrinsic(_totals_code)
add_pull: Any = intrinsic(_pull_code)

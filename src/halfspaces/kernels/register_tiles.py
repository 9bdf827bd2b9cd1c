"""Tiles of products whose sums stay in vector registers, which no vectorizer achieves.

A tile of scores has four rows and five columns and runs over the features. A tile of the gradient
has five columns and 64 features and runs over the rows. They are written in LLVM's language, for the
registers of the processor, as functions that loops of numba call with addresses.
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
I32, I64 = ir.IntType(32), ir.IntType(64)


class Registers(NamedTuple):
    """How a processor's vector registers are filled."""

    lanes: int  # numbers in a register
    rows: int  # of scores that are summed at once, in five columns
    vectors: int  # of a line of the gradient, in five lines

    @classmethod
    def of(cls, context: Any, bits: int) -> "Registers":
        """Those of numba's target for numbers of so many bits: up to 20 hold sums."""
        triple, _, features = context.codegen().magic_tuple()
        known = features.split(",")
        width = next((w for word, w in WIDTHS.items() if word in known), 128)
        many = width == 512 or triple.startswith(("aarch64", "arm64"))
        return cls(width // bits, *(4, 4) if many else (2, 2))


class Emitter(NamedTuple):
    """Writes LLVM's code for vectors of one type."""

    builder: Any
    vector: Any

    @classmethod
    def of(cls, builder: Any, number: Any, lanes: int) -> "Emitter":
        """For vectors of float32 or float64."""
        scalar = ir.DoubleType() if number == types.float64 else ir.FloatType()
        return cls(builder, ir.VectorType(scalar, lanes))

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return 8 if self.vector.element == ir.DoubleType() else 4

    def at(self, address: Any, *steps: tuple[Any, int]) -> Any:
        """The address plus the sum of products."""
        for stride, count in steps:
            address = self.builder.add(address, self.builder.mul(stride, I64(count)))
        return address

    def place(self, address: Any, offset: int, kind: Any) -> Any:
        """A pointer so many numbers behind the address."""
        moved = self.builder.add(address, I64(offset * self.size))
        return self.builder.inttoptr(moved, kind.as_pointer())

    def load(self, address: Any, offset: int = 0, kind: Any = None) -> Any:
        """A vector, or a number of this kind."""
        where = self.place(address, offset, kind or self.vector)
        return self.builder.load(where, align=self.size)

    def store(self, value: Any, address: Any, offset: int) -> None:
        """Store a vector or number."""
        self.builder.store(value, self.place(address, offset, value.type), align=self.size)

    def everywhere(self, address: Any, offset: int) -> Any:
        """A vector of one number in memory."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.load(address, offset, self.vector.element)
        first = self.builder.insert_element(undefined, one, I32(0))
        mask = ir.Constant(ir.VectorType(I32, self.vector.count), [0] * self.vector.count)
        return self.builder.shuffle_vector(first, undefined, mask)

    def plus_product(self, total: Any, a: Any, b: Any) -> Any:
        """total + a b, by one instruction where there is one."""
        product = self.builder.fmul(a, b, flags=("contract",))
        return self.builder.fadd(total, product, flags=("contract",))

    def sum(self, vector: Any, start: Any) -> Any:
        """The sum of the numbers of a vector and of `start`, in any order."""
        scalar = self.vector.element
        name = f"llvm.vector.reduce.fadd.v{self.vector.count}f{8 * self.size}"
        kind = ir.FunctionType(scalar, [scalar, self.vector])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [start, vector], fastmath=("reassoc",))

    def loop(self, count: Any, step: int, starts: list[Any], body: Callable[..., Any]) -> list[Any]:
        """The values after `values = body(i, values)` for i = 0, step, ... below count > 0."""
        builder = self.builder
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


def _columns_code(write: Callable[..., None], number: Any, count: int) -> Any:
    """Signature and code of a tile of 1 to 5 columns, for numba's `intrinsic`.

    Its arguments are a number of the type of the products, the number of columns, then `count`
    addresses, strides in bytes and numbers of steps.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        registers = Registers.of(context, number.bitwidth)
        emit = Emitter.of(builder, number, registers.lanes)
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

    return types.void(number, *[types.intp] * (1 + count)), codegen


def _write_scores(
    emit: Emitter,
    registers: Registers,
    columns: int,
    x: Any,
    x_line: Any,
    v: Any,
    v_line: Any,
    length: Any,
    sums: Any,
) -> None:
    """sums[c, r, l] += Σ_j x[r, j] v[c, j] over j = l, l + 16, ... < length, of four rows."""
    size = I64(emit.size)
    for first in range(0, ROWS, registers.rows):
        rows = range(first, first + registers.rows)
        places = [(c * ROWS + r) * LINE for c in range(columns) for r in rows]

        def add(j: Any, totals: list[Any], rows: range = rows) -> list[Any]:
            here = emit.builder.mul(j, size)
            left = [emit.load(emit.at(x, (here, 1), (x_line, r))) for r in rows]
            added: list[Any] = []
            for c in range(columns):
                right = emit.load(emit.at(v, (here, 1), (v_line, c)))
                some = totals[c * len(rows) : (c + 1) * len(rows)]
                pairs = zip(some, left, strict=True)
                added += [emit.plus_product(total, value, right) for total, value in pairs]
            return added

        starts = [emit.load(sums, place) for place in places]
        totals = emit.loop(length, registers.lanes, starts, add)
        for place, total in zip(places, totals, strict=True):
            emit.store(total, sums, place)


def _write_totals(
    emit: Emitter,
    registers: Registers,
    columns: int,
    sums: Any,
    s: Any,
    s_line: Any,
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
    x: Any,
    x_line: Any,
    a: Any,
    a_line: Any,
    count: Any,
    g: Any,
    g_line: Any,
) -> None:
    """g[c, j] += Σ_r a[r, c] x[r, j] for r < count and the 64 features j of a panel."""
    width = registers.vectors * registers.lanes
    for first in range(0, PANEL, width):
        vectors = range(first, first + width, registers.lanes)
        places = [(emit.at(g, (g_line, c)), j) for c in range(columns) for j in vectors]

        def add(r: Any, totals: list[Any], vectors: range = vectors) -> list[Any]:
            left = emit.builder.add(x, emit.builder.mul(x_line, r))
            right = emit.builder.add(a, emit.builder.mul(a_line, r))
            values = [emit.load(left, j) for j in vectors]
            added: list[Any] = []
            for c in range(columns):
                slope = emit.everywhere(right, c)
                some = totals[c * len(vectors) : (c + 1) * len(vectors)]
                pairs = zip(some, values, strict=True)
                added += [emit.plus_product(total, value, slope) for total, value in pairs]
            return added

        starts = [emit.load(*place) for place in places]
        for total, place in zip(emit.loop(count, 1, starts, add), places, strict=True):
            emit.store(total, *place)


@intrinsic
def add_scores(
    ctx: Any,
    one: Any,
    columns: Any,
    x: Any,
    x_line: Any,
    v: Any,
    v_line: Any,
    length: Any,
    sums: Any,
) -> Any:
    return _columns_code(_write_scores, one, 6)


@intrinsic
def add_up(ctx: Any, one: Any, columns: Any, sums: Any, s: Any, s_line: Any) -> Any:
    return _columns_code(_write_totals, one, 3)


@intrinsic
def add_pull(
    ctx: Any,
    one: Any,
    columns: Any,
    x: Any,
    x_line: Any,
    a: Any,
    a_line: Any,
    count: Any,
    g: Any,
    g_line: Any,
) -> Any:
    return _columns_code(_write_pull, one, 7)

"""Weighted sums of lines of `width` numbers, held in registers until the last line is added.

A loop over numbers within a loop over lines reads and writes the sum at every line, and tests each
time whether arrays overlap. That takes two to five times as long.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from halfspaces.kernels.compile import FASTMATH
from halfspaces.kernels.product_loops import UNCOMPILED
from halfspaces.support.types import Array

INTEGER = ir.IntType(64)
REAL = ir.FloatType()
FLAGS = sorted(FASTMATH)
ARRAYS = (0, 2, 5)  # positions of the arguments that are arrays


class _Operands(NamedTuple):
    """The arguments of a sum in LLVM's code: three pointers to float32, and integers."""

    sums: Any
    at: Any
    given: Any
    first: Any
    stride: Any
    weights: Any
    start: Any
    count: Any


def _weighted_sum(width: int) -> Any:
    """The compiled sum of lines of `width` float32."""
    if UNCOMPILED:
        return partial(_sum_in_numpy, width)

    def typed(
        typingctx: Any,
        sums: Any,
        at: Any,
        given: Any,
        first: Any,
        stride: Any,
        weights: Any,
        start: Any,
        count: Any,
    ) -> Any:
        """sums[at + j] = Σ_k weights[start + k] · given[first + k · stride + j].

        k < count and j < width. Arrays are flat. Bounds are not checked.
        """
        place = types.intp
        signature = types.void(sums, place, given, place, place, weights, place, place)
        return signature, codegen

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def operand(k: int) -> Any:
            if k not in ARRAYS:
                return args[k]
            return context.make_array(signature.args[k])(context, builder, args[k]).data

        _emit_sum(builder, width, _Operands(*map(operand, range(len(args)))))
        return context.get_dummy_value()

    return intrinsic(typed)


def _sum_in_numpy(
    width: int,
    sums: Array,
    at: int,
    given: Array,
    first: int,
    stride: int,
    weights: Array,
    start: int,
    count: int,
) -> None:
    """The sum in NumPy, for loops that are not compiled (NUMBA_DISABLE_JIT=1)."""
    places = first + stride * np.arange(count)[:, None] + np.arange(width)
    sums[at : at + width] = weights[start : start + count] @ given[places]


def _emit_sum(builder: Any, width: int, operands: _Operands) -> None:
    """Write the code: a loop over lines whose sum is a vector of `width` numbers."""
    lines = ir.VectorType(REAL, width)
    zero = ir.Constant(INTEGER, 0)
    nothing = ir.Constant(lines, None)
    before = builder.block
    loop = builder.append_basic_block()
    after = builder.append_basic_block()
    builder.cbranch(builder.icmp_signed(">", operands.count, zero), loop, after)

    builder.position_at_end(loop)
    k = builder.phi(INTEGER)
    total = builder.phi(lines)
    product = _emit_product(builder, lines, operands, k)
    larger = builder.fadd(total, product, flags=FLAGS)
    following = builder.add(k, ir.Constant(INTEGER, 1))
    k.add_incoming(zero, before)
    k.add_incoming(following, loop)
    total.add_incoming(nothing, before)
    total.add_incoming(larger, loop)
    builder.cbranch(builder.icmp_signed("<", following, operands.count), loop, after)

    builder.position_at_end(after)
    result = builder.phi(lines)
    result.add_incoming(nothing, before)
    result.add_incoming(larger, loop)
    builder.store(result, _line(builder, lines, operands.sums, operands.at), align=4)


def _emit_product(builder: Any, lines: Any, operands: _Operands, k: Any) -> Any:
    """Line k, multiplied by its weight."""
    lanes = ir.VectorType(ir.IntType(32), lines.count)
    undefined = ir.Constant(lines, ir.Undefined)
    weight = builder.load(builder.gep(operands.weights, [builder.add(operands.start, k)]))
    one = builder.insert_element(undefined, weight, ir.Constant(ir.IntType(32), 0))
    everywhere = builder.shuffle_vector(one, undefined, ir.Constant(lanes, None))
    index = builder.add(operands.first, builder.mul(k, operands.stride))
    value = builder.load(_line(builder, lines, operands.given, index), align=4)
    return builder.fmul(value, everywhere, flags=FLAGS)


def _line(builder: Any, lines: Any, pointer: Any, index: Any) -> Any:
    """The address of the line that begins at an index."""
    return builder.bitcast(builder.gep(pointer, [index]), lines.as_pointer())


sum_of_8s: Any = _weighted_sum(8)
sum_of_16s: Any = _weighted_sum(16)
sum_of_32s: Any = _weighted_sum(32)

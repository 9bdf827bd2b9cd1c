"""Weighted sums of lines, `width` numbers of each, that stay in registers until the last line is added.

A loop over numbers within a loop over lines would read and write the sum at every line, and ask each time whether
arrays overlap: that takes two to five times as long.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from halfspaces.kernels.product_loops import UNCOMPILED

INTEGER, REAL = ir.IntType(64), ir.FloatType()
FASTMATH = ("reassoc", "contract", "nsz")


def _weighted_sum(width: int) -> Any:
    """The sum for lines of so many float32."""
    lines, lanes = ir.VectorType(REAL, width), ir.VectorType(ir.IntType(32), width)

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
        """sums[at + j] = Σ_k weights[start + k] · given[first + k · stride + j] for k < count, j < width.

        Arrays are flat. Nothing asks whether the places are there.
        """
        place = types.intp
        signature = types.void(sums, place, given, place, place, weights, place, place)
        return signature, codegen

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def data(argument: int) -> Any:
            return context.make_array(signature.args[argument])(
                context, builder, args[argument]
            ).data

        def line(pointer: Any, index: Any) -> Any:
            return builder.bitcast(builder.gep(pointer, [index]), lines.as_pointer())

        sums, at, given, first, stride, weights, start, count = (
            data(k) if k in (0, 2, 5) else args[k] for k in range(8)
        )
        nothing, undefined = ir.Constant(lines, None), ir.Constant(lines, ir.Undefined)
        before, loop, after = (
            builder.block,
            builder.append_basic_block(),
            builder.append_basic_block(),
        )
        builder.cbranch(builder.icmp_signed(">", count, ir.Constant(INTEGER, 0)), loop, after)

        builder.position_at_end(loop)
        k, total = builder.phi(INTEGER), builder.phi(lines)
        weight = builder.load(builder.gep(weights, [builder.add(start, k)]))
        one = builder.insert_element(undefined, weight, ir.Constant(ir.IntType(32), 0))
        everywhere = builder.shuffle_vector(one, undefined, ir.Constant(lanes, None))
        value = builder.load(line(given, builder.add(first, builder.mul(k, stride))), align=4)
        larger = builder.fadd(
            total, builder.fmul(value, everywhere, flags=FASTMATH), flags=FASTMATH
        )
        following = builder.add(k, ir.Constant(INTEGER, 1))
        for known, begin, then in (
            (k, ir.Constant(INTEGER, 0), following),
            (total, nothing, larger),
        ):
            known.add_incoming(begin, before)
            known.add_incoming(then, loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, after)

        builder.position_at_end(after)
        result = builder.phi(lines)
        result.add_incoming(nothing, before)
        result.add_incoming(larger, loop)
        builder.store(result, line(sums, at), align=4)
        return context.get_dummy_value()

    def uncompiled(
        sums: Any,
        at: int,
        given: Any,
        first: int,
        stride: int,
        weights: Any,
        start: int,
        count: int,
    ) -> None:
        """The same, for the loops as plain Python: with NUMBA_DISABLE_JIT=1."""
        places = first + stride * np.arange(count)[:, None] + np.arange(width)
        sums[at : at + width] = weights[start : start + count] @ given[places]

    return uncompiled if UNCOMPILED else intrinsic(typed)


sum_of_8s: Any = _weighted_sum(8)
sum_of_16s: Any = _weighted_sum(16)
sum_of_32s: Any = _weighted_sum(32)

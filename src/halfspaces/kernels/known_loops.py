"""The loops that `run_compiled` is called with, and the types of their arguments.

`halfspaces compile` compiles them ahead of time. A test runs everything that has such loops and
compares; `python -m tests.kernels.workloads` prints the table.

An array in C order is written as its type and number of dimensions: "f4:2" is float32 and two.
"""

TYPES = {
    "features.loops.bag:count_words": ("f4:3 f4:2 f4:1 int float32 i8:1 i8:1 int f4:4",),
    "features.loops.color:count_colors": ("f4:4 int int int bool f4:4",),
    "features.loops.color:count_hues": ("f4:4 int int bool f4:4",),
    "features.loops.gradients:hard_cells": ("f4:4 int bool f4:4",),
    "features.loops.gradients:normalized_blocks": ("f4:4 int float float32 f4:5",),
    "features.loops.gradients:soft_cells": ("f4:4 int bool f4:4",),
    "features.loops.lbp:count_patterns": ("f4:3 i4:1 int int f4:4",),
    "features.loops.patches:respond": (
        "f4:4 int int float32 f4:2 f4:2 f4:3 f4:3 int bool int f4:1 bool i8:2 i8:2 int f4:7",
    ),
    "features.loops.sift:blur": ("f4:3 f4:1 i8:1 i8:1 f4:3",),
    "features.loops.sift:describe_points": ("f4:3 i8:1 i8:1 f4:2 i8:1 i8:1 bool float32 f4:4",),
    "features.loops.similarity:similarities": (
        "f4:4 int float32 i8:1 i8:1 i8:2 i8:1 int float32 f4:4",
    ),
    "kernels.column_loops:add_products": (
        "i8:1 i4:1 f4:1 i8:1 f8:1 f8:1",
        "i8:1 i4:1 f8:1 i8:1 f8:1 f8:1",
    ),
    "kernels.column_loops:column_sums": (
        "i8:1 i4:1 f4:1 i8:1 f8:1 f8:1",
        "i8:1 i4:1 f8:1 i8:1 f8:1 f8:1",
    ),
    "kernels.column_loops:descend": (
        "i8:1 i4:1 f4:1 i8:1 f8:1 f8:1 f8:1 f8:1 f8:1 int float f8:1 f8:1 f8:1",
        "i8:1 i4:1 f8:1 i8:1 f8:1 f8:1 f8:1 f8:1 f8:1 int float f8:1 f8:1 f8:1",
    ),
    "kernels.column_loops:descend_gram": ("f8:2 f8:1 int float f8:1 f8:1 f8:1",),
    "kernels.column_loops:write_gram": (
        "i8:1 i4:1 f4:1 i8:1 f8:1 f8:2 f8:2",
        "i8:1 i4:1 f8:1 i8:1 f8:1 f8:2 f8:2",
    ),
    "kernels.dual_loops:ascend": (
        "f4:2 i8:1 i8:1 f4:1 f4:1 f8:1 f8:1 f8:1 f8:1 i8:1 f4:2 f4:2 f8:1 f8:1 f8:1 i8:2",
        "f8:2 i8:1 i8:1 f8:1 f8:1 f8:1 f8:1 f8:1 f8:1 i8:1 f8:2 f8:2 f8:1 f8:1 f8:1 i8:2",
        "u1:2 i8:1 i8:1 f4:1 f4:1 f8:1 f8:1 f8:1 f8:1 i8:1 f4:2 f4:2 f8:1 f8:1 f8:1 i8:2",
    ),
    "kernels.dual_loops:ascend_sparse": (
        "f4:1 i4:1 i4:1 i8:1 i8:1 f8:1 f8:1 f8:1 f8:1 f8:1 f8:1 f8:1 i8:1 f4:2 f8:2 f8:1 "
        "f8:1 f8:1 i8:2",
        "f8:1 i4:1 i4:1 i8:1 i8:1 f8:1 f8:1 f8:1 f8:1 f8:1 f8:1 f8:1 i8:1 f8:2 f8:2 f8:1 "
        "f8:1 f8:1 i8:2",
    ),
    "kernels.dual_loops:row_sizes": (
        "f4:2 i8:1 f4:1 f4:1 f8:1",
        "f8:2 i8:1 f8:1 f8:1 f8:1",
        "u1:2 i8:1 f4:1 f4:1 f8:1",
    ),
    "kernels.dual_loops:sparse_row_sizes": (
        "f4:1 i4:1 i4:1 i8:1 f8:1 f8:1 f8:1 f8:1",
        "f8:1 i4:1 i4:1 i8:1 f8:1 f8:1 f8:1 f8:1",
    ),
    "kernels.update_loops:adam": (
        "f8:1 f8:1 f8:1 float float float float float float float float float f8:1 f8:1 "
        "f8:1 f8:1 f8:1",
    ),
    "kernels.update_loops:by_squares": (
        "f8:1 f8:1 f8:1 float float float float float f8:1 f8:1 f8:1 f8:1",
    ),
    "kernels.update_loops:momentum": ("f8:1 f8:1 f8:1 float float float f8:1 f8:1 f8:1",),
}

PRODUCTS = 15  # loops of `product_loops`: three, each for five types of rows
GRAMS = 2  # of `byte_gram`, on processors that have its instruction


def count() -> int:
    """How many compiled loops there can be.

    >>> count() > PRODUCTS
    True
    """
    return PRODUCTS + GRAMS + sum(map(len, TYPES.values()))

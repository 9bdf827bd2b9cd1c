"""Visits that sum up the rows of each class."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from halfspaces.kernels.sparse_rows import deviation_sums
from halfspaces.support.types import Array, Block, Visit


def class_sums(members: int, n_classes: int) -> Visit[tuple[Array, Array]]:
    """A block's Σ w x and Σ w of each member's classes, for weights or labels (B, M), or both."""

    def visit(block: Block) -> tuple[Array, Array]:
        n = len(block.y)
        weight = np.ones((n, 1)) if block.weight is None else block.weight.reshape(n, -1)
        columns = block.y.reshape(n, -1) + n_classes * np.arange(members)
        weights = np.broadcast_to(weight, columns.shape)
        masses = np.bincount(columns.ravel(), weights.ravel(), minlength=members * n_classes)
        onehot = np.zeros((n, members * n_classes), block.X.dtype)
        np.put_along_axis(onehot, columns, weights, axis=1)
        return (block.X.T @ onehot).astype(np.float64), masses

    return visit


def moment_sums(n_classes: int, origin: Array) -> Visit[tuple[Array, ...]]:
    """A visit that returns class weights (C,), class sums (C, D), sums and sums of squares (D,).

    The sums are those of deviations from the origin.
    """

    def visit(block: Block) -> tuple[Array, ...]:
        X, y, weight, _ = block
        weight = np.ones(len(y)) if weight is None else weight.astype(np.float64)
        masses = np.bincount(y, weight, minlength=n_classes)
        if hasattr(X, "add_moments"):  # of kernels, or on a device
            sums = np.zeros((n_classes, len(origin)))
            squares = np.zeros(len(origin))
            X.add_moments(y.astype(np.int64), weight, origin, sums, squares)
            return masses, sums, sums.sum(axis=0), squares
        members: Any = csr_array((weight, (y, np.arange(len(y)))), shape=(n_classes, len(y)))
        if isinstance(X, csr_array):
            sums = (members @ X).toarray() - np.outer(masses, origin)
            return masses, sums, *deviation_sums(X, weight, origin)
        deviations = X - origin
        sums = members @ deviations
        return masses, sums, sums.sum(axis=0), weight @ np.square(deviations, out=deviations)

    return visit

"""The Gram matrix of rows on a device, computed there."""

from typing import Any

import numpy as np

from halfspaces.engines.devices.device_blocks import DeviceBlock, DeviceBlocks
from halfspaces.objective.objective import Objective
from halfspaces.support.types import Array, Block, Rows


def serves(objective: Objective) -> bool:
    """Whether the rows lie on a device that adds products up in float64."""
    blocks = objective.blocks
    return isinstance(blocks, DeviceBlocks) and blocks.rows.place.has_double


def device_gram(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """Weighted Gram matrix (D, D) of sampled features about their mean, and that mean (D,).

    In standardized units, as `halfspaces.preconditioners.gram_matrix.centred_gram` has them.
    """
    blocks = objective.blocks
    linear = objective.linear.shared
    dtype = blocks.dtype
    shift = (linear.standardization.mean - linear.center).astype(dtype)
    factor = (1 / linear.standardization.scale).astype(dtype)

    def visit(block: Block) -> tuple[Any, ...]:
        assert isinstance(block.X, DeviceBlock)
        place = block.X.moved.place
        weight = np.ones(len(block.y)) if block.weight is None else block.weight
        weight = weight.reshape(len(block.y), -1).mean(axis=1)
        Z = (block.X.rows - place.put(shift)) * place.put(factor)
        root = place.put(np.sqrt(weight).astype(dtype))
        weighted = Z * place.xp.reshape(root, (-1, 1))
        return weighted.T @ weighted, root @ weighted, float(weight.sum())

    chosen: Rows = None if len(rows) == objective.n_examples else rows
    products, sums, count = blocks.sum(visit, chosen, objective.n_features)
    mean = np.asarray(sums) * objective.fit_intercept / count
    gram = np.asarray(products) / count - np.outer(mean, mean)
    return gram.astype(dtype), mean

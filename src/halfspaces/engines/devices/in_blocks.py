"""Rows of any kind in blocks."""

from typing import Any

from halfspaces.engines import PartitionedBlocks, PartitionedRows
from halfspaces.engines.devices.bfloat16 import Bfloat16Blocks, Bfloat16Rows
from halfspaces.engines.devices.device_blocks import DeviceBlocks
from halfspaces.engines.devices.device_rows import DeviceRows
from halfspaces.engines.devices.stored_rows import StoredRows
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array, Features


def in_blocks(
    X: Features | StoredRows | PartitionedRows,
    y: Array,
    weight: Array | None = None,
    n_jobs: int | None = None,
) -> Blocks:
    """Rows of any kind in blocks; those of a device are multiplied there.

    >>> import numpy as np
    >>> in_blocks(np.eye(3), np.arange(3)).n_examples
    3
    """
    rows: Any = X
    if isinstance(X, DeviceRows):
        return DeviceBlocks(rows, y, weight, n_jobs=n_jobs)
    if isinstance(X, PartitionedRows):
        return PartitionedBlocks(rows, y, weight, n_jobs=n_jobs)
    if isinstance(X, Bfloat16Rows):
        return Bfloat16Blocks(rows, y, weight, n_jobs=n_jobs)
    return Blocks(rows, y, weight, n_jobs=n_jobs)

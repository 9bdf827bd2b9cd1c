"""Several labels a row, as columns of 0 and 1."""

import numpy as np

from halfspaces.support.types import Array
from halfspaces.system import tensors


def indicators(name: str, y: object) -> Array | None:
    """Labels (N, L) of 0 and 1; None for one label a row.

    >>> indicators("y", [[0, 1], [1, 1]]).shape, indicators("y", ["a", "b"])
    ((2, 2), None)

    Raises
    ------
    ValueError
        For other numbers.
    """
    labels = np.asarray(tensors.as_numpy(y) if tensors.is_tensor(y) else y)
    if labels.ndim != 2 or labels.shape[1] < 2:
        return None
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"{name} has labels of shape {labels.shape}, which must be 0 and 1.")
    return labels.astype(np.int8)

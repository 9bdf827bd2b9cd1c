"""Rows of images that are computed when a slice of them is read."""

from dataclasses import dataclass, field
from typing import Any

from halfspaces.features.base import Feature
from halfspaces.features.images import Images
from halfspaces.support.progress import quiet
from halfspaces.support.types import Array


@dataclass(frozen=True, eq=False)
class Described:
    """The rows that a fitted feature makes of images: X[start:stop] is float32 (n, D).

    Parameters
    ----------
    feature : Feature
        Fitted.
    images : array, shape (N, H, W, 3) or (N, H, W)

    Raises
    ------
    ValueError, TypeError
        For images that the feature refuses.

    Examples
    --------
    >>> from halfspaces.features import Pixels
    >>> import numpy as np
    >>> rows = Described(Pixels(), np.zeros((5, 2, 2), np.uint8))
    >>> rows.shape, rows[1:3].shape
    ((5, 4), (2, 4))
    """

    feature: Feature
    images: Array
    shape: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        first: Any = Images(self.images).pixels[:1]
        columns = self.feature.transform(first).shape[1]
        object.__setattr__(self, "shape", (len(self.images), columns))

    def __getitem__(self, rows: slice) -> Array:
        with quiet():
            return self.feature.transform(self.images[rows])

"""Rows of images that are computed when a slice of them is read, or by workers that have them."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.images import Images
from halfspaces.support.types import Array
from halfspaces.system.progress import quiet


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

    @property
    def dtype(self) -> np.dtype:
        """float32."""
        return np.dtype(np.float32)

    @property
    def change(self) -> Callable[[Array], Array]:
        """What makes rows of images, on one thread; without the images, so that it can be sent."""
        feature = copy(self.feature)
        feature.n_jobs = 1
        return partial(_described, feature)


@dataclass(frozen=True, eq=False)
class PixelRows:
    """The pixels of images as rows: X[start:stop] is (n, D), value · times / over.

    Parameters
    ----------
    images : array, shape (N, H, W, C)
    planar : bool
        Whether a row has one channel after the other; else the channels of each pixel.
    times, over : int
        If one of them is not 1, rows are float32, or float64 for images of float64.

    Examples
    --------
    >>> images = np.array([[[[1, 2]], [[3, 4]]]], np.uint8)
    >>> PixelRows(images, planar=True)[0:1]
    array([[1, 3, 2, 4]], dtype=uint8)
    """

    images: Array
    planar: bool
    times: int = 1
    over: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        N, height, width, channels = self.images.shape
        return N, height * width * channels

    @property
    def stored(self) -> Array | None:
        """All rows as a view of the images; None if they have to be computed."""
        if self.times != 1 or self.over != 1:
            return None
        try:
            return self._in_order(self.images).reshape(self.shape, copy=False)
        except ValueError:
            return None

    @property
    def dtype(self) -> np.dtype:
        """That of the rows."""
        return self[:1].dtype

    @property
    def change(self) -> Callable[[Array], Array]:
        """What makes rows of images; without the images, so that it can be sent."""
        return partial(_pixels, planar=self.planar, times=self.times, over=self.over)

    def __getitem__(self, rows: slice) -> Array:
        block = self._in_order(self.images[rows])
        block = block.reshape(len(block), self.shape[1])
        if self.times == 1 and self.over == 1:
            return block
        scaled: Any = block * np.float32(self.times)
        return scaled / np.float32(self.over)

    def _in_order(self, images: Array) -> Array:
        return np.moveaxis(images, -1, 1) if self.planar else images


def _described(feature: Feature, images: Array) -> Array:
    return Described(feature, images)[:]


def _pixels(images: Array, *, planar: bool, times: int, over: int) -> Array:
    return PixelRows(images, planar, times, over)[:]


Computed = Described | PixelRows
"""Rows that are computed when a slice of them is read."""

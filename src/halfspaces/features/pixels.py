"""Pixels as they are."""

import math

from halfspaces.features.base import Feature
from halfspaces.features.regions import pixel_places
from halfspaces.support.types import Array


class Pixels(Feature):
    """The image itself: H · W · C numbers in [0, 1].

    They follow row after row; the channels of a pixel are side by side.
    Standardization subtracts the mean image and scales the pixels: in the classifier, by default,
    or in a mixture.

    Parameters
    ----------
    n_jobs : int or None
        Workers; None for every core.

    Examples
    --------
    >>> import numpy as np
    >>> Pixels().transform(np.full((1, 1, 2), 51, np.uint8))
    array([[0.2, 0.2]], dtype=float32)
    """

    word = "pixels"

    def __init__(self, n_jobs: int | None = None) -> None:
        self.n_jobs = n_jobs

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """The numbers of an image."""
        return math.prod(image_shape)

    def places(self, image_shape: tuple[int, int, int]) -> list[str]:
        """The pixel of each column, and its colour."""
        return pixel_places(image_shape)

    def _describe(self, planes: Array) -> Array:
        return planes.transpose(0, 2, 3, 1).reshape(len(planes), -1) / planes.dtype.type(255)

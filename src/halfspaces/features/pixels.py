"""Pixels as they are."""

from halfspaces.features.base import Feature
from halfspaces.support.types import Array


class Pixels(Feature):
    """The image itself: H · W · C numbers in [0, 1], row after row, the channels of a pixel side by side.

    The mean image is subtracted and the pixels are scaled where features are standardized: by the classifier, as it
    comes, or by a mixture.

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

    def _describe(self, planes: Array) -> Array:
        return planes.transpose(0, 2, 3, 1).reshape(len(planes), -1) / planes.dtype.type(255)

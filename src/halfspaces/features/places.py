"""Where in an image the columns of a feature come from, in words."""

from typing import Protocol, runtime_checkable

from halfspaces.features.base import Feature
from halfspaces.features.union import Mixture


@runtime_checkable
class Placed(Protocol):
    """A feature whose columns belong to regions of the image."""

    def places(self, image_shape: tuple[int, int, int]) -> list[str]:
        """The region of each column (D,), for images (height, width, channels)."""
        ...


def places_of(feature: Feature) -> list[str]:
    """The region of each column of a fitted feature, or its name where there is none.

    >>> import numpy as np
    >>> from halfspaces.features import Pixels
    >>> places_of(Pixels().fit(np.zeros((1, 1, 2), np.uint8)))
    ['row 0, column 0', 'row 0, column 1']
    """
    if isinstance(feature, Mixture):
        return [place for part in feature.parts_ for place in places_of(part)]
    if isinstance(feature, Placed):
        height, width, channels = map(int, feature.image_shape_)
        return feature.places((height, width, channels))
    return list(map(str, feature.get_feature_names_out()))

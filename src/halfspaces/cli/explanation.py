"""The columns of `halfspaces predict --explain`: why each row has its class."""

from typing import Any

import numpy as np

from halfspaces.cli.model_pixels import Pixels
from halfspaces.estimators.coefficients import feature_names
from halfspaces.estimators.explanation import reasons
from halfspaces.estimators.linear import LinearModel
from halfspaces.features.places import places_of
from halfspaces.features.regions import pixel_places
from halfspaces.files.models import features_of
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


class Explanation:
    """The K columns, or regions of the image, that add most to the score of the class.

    Parameters
    ----------
    classifier : LinearClassifier
        As `load` returns it.
    count : int
        K, of --explain.

    Raises
    ------
    ValueError
        For a network, and for K below 1.
    """

    def __init__(self, classifier: Any, count: int) -> None:
        check_number("--explain", count, at_least=1, integer=True)
        if not isinstance(classifier, LinearModel):
            raise ValueError("--explain needs linear scores, and the model is a network.")
        self.classifier = classifier
        self.count = count
        self.names = np.array(column_names(classifier), dtype=object)

    def of(self, X: Any, classes: Array) -> dict[str, Array]:
        """The columns because_1, adds_1, because_2, ... for rows and their predicted classes."""
        found = reasons(self.classifier, X, classes, self.count)
        table: dict[str, Array] = {}
        for place in range(found.columns.shape[1]):
            table[f"because_{place + 1}"] = self.names[found.columns[:, place]]
            table[f"adds_{place + 1}"] = found.added[:, place]
        return table


def column_names(classifier: Any) -> list[str]:
    """What each column is called: its place in the image where this is known, else its name."""
    feature = features_of(classifier)
    if feature is not None:
        return places_of(feature)
    pixels = Pixels.of(classifier)
    if pixels is not None and len(pixels.shape) == 3:
        height, width, channels = pixels.shape
        return pixel_places((height, width, channels), planar=pixels.planar)
    return feature_names(classifier)

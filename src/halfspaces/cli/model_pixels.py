"""The pixels that a model takes: how they lie in its rows, and between which values they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from halfspaces.datasets import Dataset
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.features.lazy_rows import PixelRows
from halfspaces.files.models import features_of
from halfspaces.support.types import Array
from halfspaces.system.errors import DataError

SAMPLE = 1000  # images, spread evenly, whose values show the range of all
WHITE = 255
BRIGHT = 63  # images of values up to 255 have a larger one, those of 6 bits and fewer do not
NARROW = 16  # values in this part of the range are no images like those of the training


@dataclass(frozen=True)
class Change:
    """What is done to the pixels of other images: value · times / over."""

    times: int = 1
    over: int = 1

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for the user, if anything is done."""
        if self == Change():
            return ()
        if self.over > 1:
            return (f"pixels divided by {self.over}: the model was trained on values up to 1",)
        return (f"pixels multiplied by {self.times}: the model was trained on values up to 255",)


@dataclass(frozen=True)
class Pixels:
    """The images whose pixels are the features of a model.

    Parameters
    ----------
    shape : tuple of int
        Height, width and channels.
    planar : bool
        Whether a row stores one channel after the other.
    range : (float, float) or None
        The least and the largest value of the training images; None where it is not known.
    """

    shape: tuple[int, ...]
    planar: bool
    range: tuple[float, float] | None

    @staticmethod
    def of(classifier: LinearClassifier) -> "Pixels | None":
        """Those of a model; None if its features are others, or their layout is not noted."""
        notes: Mapping[str, Any] = classifier.notes_
        shape = notes.get("image_shape")
        planar = notes.get("planar")
        if not shape or planar is None or features_of(classifier) is not None:
            return None
        known = notes.get("pixel_range")
        return Pixels((*shape, 1)[:3], planar, None if known is None else (known[0], known[1]))

    def change(self, name: str, X: Any) -> Change:
        """What brings images X to the range of the model; DataError if nothing can.

        Images of values up to 255 and up to 1 are brought to each other. uint8 is never taken for
        the latter unless no pixel is above 1: a picture may be dark.
        """
        found = value_range(X)
        if self.range is None or found is None:
            return Change()
        trained = _white(self.range)
        white = _white(found)
        if X.dtype == np.uint8 and found[1] > 1:
            white = WHITE
        if trained == WHITE and (white == WHITE or X.dtype == np.uint8):
            return Change()
        if trained == WHITE and white == 1:
            return Change(times=WHITE)
        if trained == 1 and white == WHITE:
            return Change(over=WHITE)
        if not _fits(found, self.range, is_float=X.dtype.kind == "f"):
            raise DataError(
                f"{name} holds images with values from {found[0]:.4g} to {found[1]:.4g}, and the"
                f" model was trained on values from {self.range[0]:.4g} to {self.range[1]:.4g};"
                " prepare the images like those."
            )
        return Change()

    def rows(self, name: str, images: Array, change: Change) -> Array | PixelRows:
        """Images (N, height, width[, channels]) as rows of the model: a view, or computed by block.

        Raises DataError for images of another shape.
        """
        shape = (*images.shape[1:], 1)[:3]
        if shape != self.shape:
            given = " x ".join(map(str, shape))
            needed = " x ".join(map(str, self.shape))
            raise DataError(
                f"{name} holds images of {given}, and the model takes images of {needed};"
                " give images of that shape."
            )
        images = images.reshape(*images.shape[:3], 1) if images.ndim == 3 else images
        rows = PixelRows(images, self.planar, change.times, change.over)
        return rows if (stored := rows.stored) is None else stored


def notes(dataset: Dataset) -> dict[str, Any]:
    """What a model file says of the pixels of its training images."""
    known = None if dataset.image_shape is None else value_range(dataset.X)
    return {
        "image_shape": dataset.image_shape,
        "planar": dataset.planar,
        "pixel_range": None if known is None else list(known),
    }


def value_range(X: Any) -> tuple[float, float] | None:
    """The least and the largest value of some rows; None for sparse rows, NaN and infinities."""
    if not isinstance(X, np.ndarray) or not X.size:
        return None
    some = X[:: max(1, len(X) // SAMPLE)]
    least = float(some.min())
    largest = float(some.max())
    return (least, largest) if np.isfinite([least, largest]).all() else None


def _white(values: tuple[float, float]) -> int | None:
    """The value of white in images with these values: 1, 255, or None if it is not clear.

    >>> [_white(each) for each in ((0, 1), (0, 250), (0, 16), (-2.1, 2.6))]
    [1, 255, None, None]
    """
    least, largest = values
    if least < 0 or largest > WHITE:
        return None
    if largest <= 1:
        return 1
    return WHITE if largest > BRIGHT else None


def _fits(found: tuple[float, float], trained: tuple[float, float], *, is_float: bool) -> bool:
    """Whether images with these values may be prepared like those of the training.

    Their values may be somewhat beyond. Floats in a small part of the range are not.

    >>> _fits((0, 255), (-2.1, 2.6), is_float=False), _fits((0, 1), (0, 16), is_float=True)
    (False, False)
    """
    least, largest = trained
    span = largest - least
    below = span if least < 0 else span / 4
    is_narrow = is_float and 0 < found[1] - found[0] <= span / NARROW
    return found[0] >= least - below and found[1] <= largest + span and not is_narrow

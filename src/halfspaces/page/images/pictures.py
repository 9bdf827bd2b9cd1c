"""Arrays as pictures that a page shows: PNG in an address of data."""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from halfspaces.datasets import Dataset
from halfspaces.features import Feature
from halfspaces.page.images.trainer import Parts
from halfspaces.plots.templates import TemplatesDisplay
from halfspaces.support.types import Array

MOST_PIXELS = 64  # the longer side of a thumbnail


def address(picture: Array, most: int | None = None) -> str:
    """A picture (h, w) or (h, w, 1 or 3) of bytes as the address of a PNG, made smaller if asked.

    >>> address(np.zeros((2, 2), np.uint8))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    flat = picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
    image = Image.fromarray(np.ascontiguousarray(flat))
    if most is not None:
        image.thumbnail((most, most))
    stream = BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def of_rows(dataset: Dataset, rows: Array, brightest: float) -> Array:
    """Rows of pixels as images of bytes (n, h, w, c); `brightest` is what becomes white."""
    images = dataset.images(np.asarray(rows))
    if images.dtype == np.uint8 and brightest == 255:
        return images
    return (np.clip(images / brightest, 0, 1) * 255).astype(np.uint8)


def brightest(dataset: Dataset) -> float:
    """The value that is shown white: 255 of bytes, unless all are far below; else the largest."""
    largest = float(np.max(dataset.X[:1000])) if len(dataset.y) else 1.0
    if dataset.X.dtype == np.uint8 and largest > 100:
        return 255.0
    return max(largest, 1e-12)


class Weights:
    """Weights (C, D), of two classes (1, D), as a classifier has them."""

    def __init__(self, coef: Array, columns: Sequence[str] | None) -> None:
        self.coef_ = coef
        self.classes_ = np.arange(max(2, len(coef)))
        if columns is not None and len(columns) == coef.shape[1]:
            self.feature_names_in_ = np.array(columns, dtype=object)


def templates(
    coef: Array,
    dataset: Dataset,
    feature: Feature | None,
    names: Sequence[str],
    scale: Array | None = None,
) -> Parts | None:
    """The weights of each class as small pictures, or as a table; None if they have no picture.

    Parameters
    ----------
    coef : array, shape (C, D), or (1, D) for two classes
    dataset : Dataset
        As it was opened.
    feature : Feature or None
        That computed the rows.
    names : sequence of str
        Of the classes.
    scale : array, shape (D,), optional
        The standard deviations of plain features.
    """
    is_plain = dataset.image_shape is None
    weights: Any = Weights(coef, dataset.conventions.columns if feature is None else None)
    try:
        display = TemplatesDisplay.from_estimator(
            weights,
            feature=feature,
            image_shape=dataset.image_shape,
            planar=dataset.planar,
            scale=scale if is_plain else None,
            class_names=names,
        )
    except ValueError:
        return None
    shown = {"about": display.about, "names": display.names}
    if display.columns:
        return shown | {"columns": display.columns, "weights": display.pictures}
    pictures = (np.asarray(display.pictures) * 255).astype(np.uint8)
    return shown | {"pictures": [address(picture) for picture in pictures]}

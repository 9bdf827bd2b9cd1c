"""Data prepared for a model: images resized to its size, classes matched by name."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from halfspaces import datasets
from halfspaces.cli import report
from halfspaces.datasets import Dataset, Features
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.features import Described, Feature
from halfspaces.files.models import features_of


def open_dataset(
    classifier: LinearClassifier,
    data: str,
    label: str | None,
    memory: float | None = None,
    *,
    skip_bad: bool = False,
) -> Dataset:
    """The labelled data set `data`, with images resized to the size that the model takes."""
    return datasets.open(data, skip_bad=skip_bad, **_options(classifier, data, label, memory))


def open_features(
    classifier: LinearClassifier, data: str, label: str | None, memory: float | None = None
) -> Features | Described:
    """The rows of `data` for a model.

    If the model takes features of images, these are computed when rows are indexed.
    """
    options = _options(classifier, data, label, memory)
    feature = features_of(classifier)
    if feature is None:
        return _fitting(classifier, datasets.open_features(data, **options))
    return _described(feature, datasets.open_images(data, **options))


def rows(classifier: LinearClassifier, dataset: Dataset, X: Any) -> Features | Described:
    """The rows X of a data set for a model.

    If the model takes features of images, these are computed when rows are indexed.
    """
    feature = features_of(classifier)
    if feature is None:
        return _fitting(classifier, X)
    if dataset.image_shape is None:
        size = " x ".join(map(str, feature.image_shape_))
        raise ValueError(
            f"{dataset.name} holds plain rows of numbers, and the model takes images of {size}; "
            "give images."
        )
    return _described(feature, dataset.images(X))


def _fitting(classifier: LinearClassifier, X: Any) -> Features:
    """X, if it has the number of columns that the model takes; else raise ValueError."""
    if X.shape[1] != classifier.n_features_in_:
        shape = classifier.notes_.get("image_shape")
        images = f" (images of {' x '.join(map(str, shape))})" if shape else ""
        takes = f"{classifier.n_features_in_:,}{images}"
        raise ValueError(
            f"The data have {X.shape[1]:,} features a row, and the model takes {takes}; "
            "give data like those that it was trained on."
        )
    return X


def _described(feature: Feature, images: np.ndarray) -> Described:
    """The features of images; grey images get three equal channels if the model takes colours."""
    if feature.image_shape_[2] == 3 and images.shape[3:] in ((), (1,)):
        images = np.broadcast_to(images.reshape(*images.shape[:3], 1), (*images.shape[:3], 3))
    return Described(feature, images)


def _options(
    classifier: LinearClassifier, data: str, label: str | None, memory: float | None
) -> dict[str, Any]:
    shape = tuple(classifier.notes_.get("image_shape") or ())
    known = shape[2:] in ((1,), (3,)) and datasets.holds_images(data)
    return {"label": label, "memory": memory} | ({"image_size": shape} if known else {})


class Labels(NamedTuple):
    """Labels as the model numbers them.

    `names` are the names of the classes by number, and classes that the model does not know come
    last. `unknown` is a mask of the rows whose label the model does not know.
    """

    y: np.ndarray
    names: Sequence[str] | None
    unknown: np.ndarray


def labels(classifier: LinearClassifier, dataset: Dataset, y: np.ndarray) -> Labels:
    """The labels y as the model numbers them, matched by class names if both have names.

    Raises ValueError if the model knows none of the labels.
    """
    known = classifier.notes_.get("class_names")
    named = dataset.class_names
    names = known or named
    if known and named and y.dtype.kind in "iu":
        names = [*known, *(name for name in named if name not in known)]
        y = np.array([names.index(name) for name in named])[y]
    held, rows = np.unique(y, return_inverse=True)
    known_labels = set(classifier.classes_.tolist())
    unknown = np.array([label not in known_labels for label in held.tolist()])[rows]
    if unknown.all():
        name = report.namer(names)
        unknown_label = y[:1].tolist()[0]
        known_label = classifier.classes_[:1].tolist()[0]
        if names:
            unknown_label = name(unknown_label)
            known_label = name(known_label)
        raise ValueError(
            f"{dataset.name} has labels such as {unknown_label!r}, which the model does not know "
            f"(it knows {known_label!r} and others); give data with the labels of the model."
        )
    return Labels(y, names, unknown)

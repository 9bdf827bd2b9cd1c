"""Data as a model knows them: images of its size, classes by their names and not by their numbers."""

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
    """Labelled data for a model."""
    return datasets.open(data, skip_bad=skip_bad, **_options(classifier, data, label, memory))


def open_features(
    classifier: LinearClassifier, data: str, label: str | None, memory: float | None = None
) -> Features | Described:
    """Rows for a model, described when they are asked for where it takes those of a feature."""
    options = _options(classifier, data, label, memory)
    feature = features_of(classifier)
    if feature is None:
        return _fitting(classifier, datasets.open_features(data, **options))
    return _described(feature, datasets.open_images(data, **options))


def rows(classifier: LinearClassifier, dataset: Dataset, X: Any) -> Features | Described:
    """Rows of a data set, described when they are asked for where the model takes those of a
    feature.
    """
    feature = features_of(classifier)
    if feature is None:
        return _fitting(classifier, X)
    if dataset.image_shape is None:
        of = " x ".join(map(str, feature.image_shape_))
        raise ValueError(
            f"{dataset.name} holds plain rows of numbers, and the model takes images of {of}; give images."
        )
    return _described(feature, dataset.images(X))


def _fitting(classifier: LinearClassifier, X: Any) -> Features:
    """X, if it has the model's columns; else ValueError."""
    if X.shape[1] != classifier.n_features_in_:
        shape = classifier.notes_.get("image_shape")
        told = f" (images of {' x '.join(map(str, shape))})" if shape else ""
        raise ValueError(
            f"The data have {X.shape[1]:,} features a row, and the model takes {classifier.n_features_in_:,}{told};"
            " give data like those that it was trained on."
        )
    return X


def _described(feature: Feature, images: np.ndarray) -> Described:
    """Grey images for a feature of colour images have three equal channels."""
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
    """Labels in the model's words."""

    y: np.ndarray
    names: (
        Sequence[str] | None
    )  # of classes by their number; those that the model does not know come last
    unknown: np.ndarray  # rows (a mask) whose label the model does not know


def labels(classifier: LinearClassifier, dataset: Dataset, y: np.ndarray) -> Labels:
    """Labels of a data set as the model's, by the names of the classes where both have them.

    Raises ValueError where the model knows none of them.
    """
    known, named = classifier.notes_.get("class_names"), dataset.class_names
    names = known or named
    if known and named:
        names = [*known, *(name for name in named if name not in known)]
        y = np.array([names.index(name) for name in named])[y]
    held, rows = np.unique(y, return_inverse=True)
    known_labels = set(classifier.classes_.tolist())
    unknown = np.array([label not in known_labels for label in held.tolist()])[rows]
    if unknown.all():
        name = report.namer(names)
        first = y[:1].tolist()[0], classifier.classes_[:1].tolist()[0]
        told, knows = (repr(name(label) if names else label) for label in first)
        raise ValueError(
            f"{dataset.name} has labels such as {told}, which the model does not know (it knows {knows} and others); "
            "give data with the labels of the model."
        )
    return Labels(y, names, unknown)

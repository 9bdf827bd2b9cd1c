"""Data as a model knows them: images of its size, classes by their names and not by their numbers."""

from typing import Any

import numpy as np

from halfspaces import datasets
from halfspaces.datasets import Dataset, Features
from halfspaces.estimators import LinearClassifier


def open_dataset(classifier: LinearClassifier, data: str, label: str | None) -> Dataset:
    """Labelled data for a model."""
    return datasets.open(data, **_options(classifier, data, label))


def open_features(classifier: LinearClassifier, data: str, label: str | None) -> Features:
    """Rows for a model."""
    return datasets.open_features(data, **_options(classifier, data, label))


def _options(classifier: LinearClassifier, data: str, label: str | None) -> dict[str, Any]:
    shape = classifier.notes_.get("image_shape")
    return {"label": label} | ({"image_size": tuple(shape[:2])} if shape and datasets.holds_images(data) else {})


def labels(classifier: LinearClassifier, dataset: Dataset, y: np.ndarray) -> np.ndarray:
    """Labels of a data set as numbers of the model's classes, where both name theirs.

    Raises ValueError for a class that the model does not know.
    """
    known, named = classifier.notes_.get("class_names"), dataset.class_names
    if not known or not named or list(known) == list(named):
        return y
    unknown = [name for name in named if name not in known]
    if unknown:
        others = f"it knows {known[0]!r}, {known[1]!r}" + (" and others" if len(known) > 2 else "")
        raise ValueError(
            f"{dataset.name} has the class {unknown[0]!r}, which the model does not know ({others}); "
            "give data with the classes of the model."
        )
    return np.array([list(known).index(name) for name in named])[y]

"""Data prepared for a model: images resized to its size, classes matched by name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Unpack, cast

import numpy as np
from scipy.sparse import csr_array

from halfspaces import datasets
from halfspaces.cli import report
from halfspaces.cli.model_pixels import Pixels
from halfspaces.datasets import Conventions, Dataset, Features, RowsToPredict
from halfspaces.datasets.opening import Options
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.features import Described, Feature
from halfspaces.features.lazy_rows import Computed
from halfspaces.files.models import features_of


def open_dataset(classifier: LinearClassifier, data: str, **options: Unpack[Options]) -> Dataset:
    """The labelled data set `data`, read as the model's training data were: images are resized to
    its size, columns of tables are matched by name.
    """
    dataset = datasets.open(data, **_like_training(classifier, data, options))
    pixels = Pixels.of(classifier)
    if pixels is None or dataset.image_shape is None:
        return dataset
    change = pixels.change(dataset.name, dataset.X)
    return replace(dataset, notes=(*dataset.notes, *change.notes))


def open_rows(
    classifier: LinearClassifier, data: str, **options: Unpack[Options]
) -> tuple[Features | Computed, RowsToPredict]:
    """The rows X of `data` for a model, and the rows as they were read.

    If the model takes features of images, these are computed when rows are indexed; so are pixels
    that are stored in another order, or between other values.
    """
    read = datasets.open_rows(data, **_like_training(classifier, data, options))
    feature = features_of(classifier)
    if feature is not None:
        if read.images is None:
            raise ValueError(
                f"{data} holds no images: it has rows {read.X.shape}; give images (N, H, W, 3)."
            )
        return _described(feature, read.images), read
    X = _fitting(classifier, read.X)
    pixels = Pixels.of(classifier)
    if pixels is None or read.images is None:
        return X, read
    change = pixels.change(data, X)
    read = replace(read, notes=(*read.notes, *change.notes))
    return pixels.rows(data, cast("np.ndarray", read.images), change), read


def rows(classifier: LinearClassifier, dataset: Dataset, X: Any) -> Features | Computed:
    """The rows X of a data set for a model.

    If the model takes features of images, these are computed when rows are indexed; so are pixels
    that are stored in another order, or between other values.
    """
    feature = features_of(classifier)
    if feature is not None:
        if dataset.image_shape is None:
            size = " x ".join(map(str, feature.image_shape_))
            raise ValueError(
                f"{dataset.name} holds plain rows of numbers, and the model takes images of"
                f" {size}; give images."
            )
        return _described(feature, dataset.images(X))
    X = _fitting(classifier, X)
    pixels = Pixels.of(classifier)
    if pixels is None or dataset.image_shape is None:
        return X
    change = pixels.change(dataset.name, dataset.X)
    return pixels.rows(dataset.name, dataset.images(X), change)


def _fitting(classifier: LinearClassifier, X: Any) -> Features:
    """X, if it has the number of columns that the model takes; else raise ValueError.

    Sparse rows whose last features are all zero may lack these columns.
    """
    D = classifier.n_features_in_
    n_rows, n_features = X.shape
    if isinstance(X, csr_array) and n_features < D:
        return csr_array((X.data, X.indices, X.indptr), shape=(n_rows, D))
    if n_features != D:
        shape = classifier.notes_.get("image_shape")
        images = f" (images of {' x '.join(map(str, shape))})" if shape else ""
        raise ValueError(
            f"The data have {n_features:,} features a row, and the model takes {D:,}{images}; "
            "give data like those that it was trained on."
        )
    return X


def _described(feature: Feature, images: np.ndarray) -> Features | Described:
    """The features of images, at once if they are stored in the cache, else when they are read.

    Grey images get three equal channels if the model takes colours.
    """
    if feature.image_shape_[2] == 3 and images.shape[3:] in ((), (1,)):
        images = np.broadcast_to(images.reshape(*images.shape[:3], 1), (*images.shape[:3], 3))
    return feature.transform(images) if feature.stored else Described(feature, images)


def conventions_of(classifier: LinearClassifier) -> Conventions:
    """How the training data were read; the names of columns are known of models made in Python,
    too.
    """
    noted = Conventions.from_note(classifier.notes_.get("conventions"))
    names = getattr(classifier, "feature_names_in_", None)
    if names is not None:
        return replace(noted, columns=tuple(names.tolist()))
    is_same = noted.columns is not None and len(noted.columns) == classifier.n_features_in_
    return noted if is_same else replace(noted, columns=None)


def _like_training(classifier: LinearClassifier, data: str, options: Options) -> Options:
    options = {**options, "like": conventions_of(classifier)}
    match classifier.notes_.get("image_shape"):
        case [height, width, (1 | 3) as channels] if datasets.takes(data, "image_size"):
            options["image_size"] = (height, width, channels)
    return options


TEXTS = "OUS"  # kinds of arrays of texts
MOST_NAMES = 10_000  # numbers of classes that are named to name those that the model does not know


class Labels(NamedTuple):
    """Labels as the model numbers them.

    `names` are the names of the classes by number, and classes that the model does not know come
    last. `unknown` is a mask of the rows whose label the model does not know.
    """

    y: np.ndarray
    names: Sequence[str] | None
    unknown: np.ndarray


def labels(classifier: LinearClassifier, dataset: Dataset, y: np.ndarray) -> Labels:
    """The labels y as the model numbers them, matched by class names if both have names, and by
    their texts where only one of them has numbers: 1 is the class '1'.

    Raises ValueError if the model knows none of the labels.
    """
    known = classifier.notes_.get("class_names")
    named = dataset.class_names
    names = known or named
    if (y.dtype.kind in TEXTS) != (classifier.classes_.dtype.kind in TEXTS):
        y, names = _matched_by_text(classifier.classes_, known, named, y)
    elif known and named and y.dtype.kind in "iu":
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
        if known:
            known_label = name(known_label)
        raise ValueError(
            f"{dataset.name} has labels such as {unknown_label!r}, which the model does not know "
            f"(it knows {known_label!r} and others); give data with the labels of the model."
        )
    return Labels(y, names, unknown)


def _matched_by_text(
    classes: np.ndarray, known: Sequence[str] | None, named: Sequence[str] | None, y: np.ndarray
) -> tuple[np.ndarray, Sequence[str] | None]:
    """Labels in the type of the classes, and their names; capitals of truth values do not count."""
    text_of_class = report.namer(known)
    text_of_label = report.namer(named)
    held, rows = np.unique(y, return_inverse=True)
    texts = list(map(text_of_label, held.tolist()))
    class_of = {text_of_class(label): label for label in classes.tolist()}
    if "b" in (y.dtype.kind, classes.dtype.kind):
        by_small = {text.lower(): text for text in class_of}
        texts = [by_small.get(text.lower(), text) for text in texts]
    if classes.dtype.kind in TEXTS:
        return np.array(texts, object)[rows], None
    unknown = [text for text in texts if text not in class_of]
    first = max(int(classes.max()) + 1, len(known or ()))
    number_of = class_of | {text: first + i for i, text in enumerate(unknown)}
    names = known
    if unknown and first <= MOST_NAMES:
        names = [*map(text_of_class, range(first)), *unknown]
    return np.array([number_of[text] for text in texts])[rows], names

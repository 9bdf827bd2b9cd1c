"""A user's own arrays: names, shapes and types, checked and brought to X (N, D) and y (N,)."""

import math
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from halfspaces.datasets.split_words import OF_SPLIT
from halfspaces.system import one_hot
from halfspaces.system.errors import DataError, listed

FEATURES = ("X", "features", "feature", "embeddings", "embedding", "images", "data")
FEATURES += ("img_emb", "text_emb")  # as clip-retrieval calls them
LABELS = ("y", "labels", "label", "targets", "target", "class")
LONGEST_LABEL = 1000  # characters: a longer string is no name of a class


class Pair(NamedTuple):
    """The names of the features and the labels of one split; None for a missing one."""

    X: str | None
    y: str | None


def find_pair(names: Iterable[str], split: str) -> Pair:
    """Find X and y of a split; names without a split belong to "train".

    >>> find_pair(["x_train", "y_train", "x_test"], "train")
    Pair(X='x_train', y='y_train')
    >>> find_pair(["embeddings", "labels", "test_embeddings"], "test")
    Pair(X='test_embeddings', y=None)
    """
    by_name = {name.lower(): name for name in names}

    def find(kinds: Iterable[str]) -> str | None:
        candidates = (*kinds, *_marked(kinds, split)) if split == "train" else _marked(kinds, split)
        return next((by_name[name.lower()] for name in candidates if name.lower() in by_name), None)

    return Pair(find(FEATURES), find(LABELS))


def _marked(kinds: Iterable[str], split: str) -> Iterator[str]:
    """Names such as X_test and test_X, the likeliest first."""
    for kind in kinds:
        for word in OF_SPLIT[split]:
            yield from (f"{kind}{joint}{word}" for joint in "_-.")
            yield from (f"{word}{joint}{kind}" for joint in "_-.")


def find_arrays(path: Path, names: Collection[str]) -> dict[str, str]:
    """The names of X and y, and of X_test, y_test, X_val and y_val if they exist.

    Raises DataError unless X and y exist.

    >>> find_arrays(Path("a.h5"), ["train_images", "labels", "test_images"])
    {'X': 'train_images', 'y': 'labels', 'X_test': 'test_images'}
    """
    found = {}
    for split, suffix in {"train": "", "test": "_test", "validation": "_val"}.items():
        for kind, name in find_pair(names, split)._asdict().items():
            if name is not None:
                found[f"{kind}{suffix}"] = name
    for kind, missing in {"X": "features, such as X,", "y": "labels, such as y,"}.items():
        if kind not in found:
            raise DataError(
                f"{path} holds {listed(sorted(names))}, but {missing} are needed;"
                " save X and y in it."
            )
    return found


def find_features(path: Path, names: Collection[str]) -> str:
    """The name of the rows to predict: X_test, or X if there is none; DataError if neither is."""
    name = find_pair(names, "test").X or find_pair(names, "train").X
    if name is None:
        raise DataError(
            f"{path} holds {listed(sorted(names))}, but features, such as X, are needed;"
            " save X in it."
        )
    return name


def image_shape(path: Path, arrays: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Height, width and channels of X (N, height, width[, channels]); None for plain rows.

    Raises DataError if the images in X_test or X_val have another shape than those in X.
    """
    shapes: dict[str, Any] = {
        name: (*X.shape[1:], 1)[:3]
        for name, X in arrays.items()
        if name.startswith("X") and X.ndim > 2
    }
    for name, shape in shapes.items():
        if shape != shapes.get("X", shape):
            other = " x ".join(map(str, shape))
            training = " x ".join(map(str, shapes["X"]))
            raise DataError(
                f"{path} has images of {training} in X but of {other} in {name};"
                " bring them to one shape."
            )
    return shapes.get("X")


def check_numbers(path: Path, name: str, X: Any) -> None:
    """Raise DataError unless X holds rows, or images, of real numbers."""
    if X.dtype.kind not in "biuf":
        raise DataError(f"{path} has {name} of type {X.dtype}; real numbers are needed.")
    if X.ndim < 2:
        raise DataError(
            f"{path} has {name} of shape {X.shape}; rows of features, (N, D), are needed."
        )
    if X.ndim > 4:
        needed = "(N, D), (N, height, width) or (N, height, width, channels)"
        raise DataError(f"{path} has {name} of shape {X.shape}; {needed} is needed.")


def flatten(path: Path, name: str, X: np.ndarray) -> np.ndarray:
    """Rows or images of numbers, checked, as rows (N, D): a view."""
    check_numbers(path, name, X)
    return X.reshape(len(X), math.prod(X.shape[1:])) if X.ndim > 2 else X


def labels(path: Path, name: str, y: np.ndarray) -> np.ndarray:
    """The labels (N,), given as (N,), (N, 1) or one-hot (N, C).

    Floats without a fraction become integers. Raises DataError unless they are usable.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y.reshape(-1)
    if one_hot.has_columns(y):
        return one_hot.classes_of(f"{path} has {name}", y)
    if y.dtype.kind == "f":
        if missing := int(np.count_nonzero(np.isnan(y))):
            raise DataError(
                f"{path} has {missing:,} labels that are NaN in {name}; leave those rows out."
            )
        if np.all(np.abs(y) < 2**53) and np.all(y == np.round(y)):
            return y.astype(np.int64)
    if y.dtype.kind == "U" and y.nbytes and _largest_character(y) > sys.maxunicode:
        raise DataError(f"{path} has {name} of strings with damaged characters; save it again.")
    if y.dtype.kind not in "biuUS":
        raise DataError(
            f"{path} has {name} of type {y.dtype}; labels are whole numbers or strings."
        )
    return y


def label_notes(y: Any) -> tuple[str, ...]:
    """What is said of labels that `labels` accepts: whether they were one-hot.

    >>> label_notes(np.eye(3))
    ('one-hot labels in 3 columns: the class is the column of the 1',)
    """
    if not one_hot.has_columns(y):
        return ()
    return (f"one-hot labels in {y.shape[1]:,} columns: the class is the column of the 1",)


def _largest_character(strings: np.ndarray) -> int:
    return np.ascontiguousarray(strings).view(f"{strings.dtype.byteorder}u4").max()


def string_labels(path: Path, name: str, strings: list[str]) -> np.ndarray:
    """Labels from strings; DataError for one too long to be the name of a class."""
    check_label_length(path, name, max(map(len, strings), default=0))
    return np.array(strings, str)


def check_label_length(path: Path, name: str, longest: int) -> None:
    """Raise DataError for a label of so many characters that it is no name of a class."""
    if longest > LONGEST_LABEL:
        raise DataError(
            f"{path} has a label of {longest:,} characters in {name}; give names of classes."
        )


def class_names(path: Path, names: np.ndarray | None, y: np.ndarray) -> tuple[str, ...] | None:
    """The names by label; DataError unless each label is the index of a name."""
    if names is None:
        return None
    if names.dtype.kind == "U" and names.nbytes and _largest_character(names) > sys.maxunicode:
        raise DataError(f"{path} has class_names with damaged characters; save it again.")
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(
            f"{path} has class_names of type {names.dtype}, shape {names.shape};"
            " save a list of strings."
        )
    if y.dtype.kind in "biu" and y.size and not 0 <= y.min() <= y.max() < len(names):
        raise DataError(
            f"{path} has {len(names)} class_names but labels from {y.min()} to {y.max()};"
            " each label must be the index of its name."
        )
    if y.dtype.kind not in "biu" and not (named := np.isin(y.astype(str), names)).all():
        raise DataError(
            f"{path} has {len(names)} class_names, and the label {y[~named][0]!r} is none of them;"
            " leave class_names out."
        )
    return tuple(names.tolist())

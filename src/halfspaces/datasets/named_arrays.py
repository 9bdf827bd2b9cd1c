"""Arrays as users name, shape and type them: found, checked, and brought to rows (N, D) and labels (N,)."""

import math
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from halfspaces.support.errors import DataError, listed

FEATURES = ("X", "features", "embeddings", "embedding", "images", "data")
LABELS = ("y", "labels", "label", "targets", "target", "class")
LONGEST_LABEL = 1000  # characters: what is longer is no class
SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("validation", "valid", "val"),
}


class Pair(NamedTuple):
    """The names of the features and of the labels of one split; None where there is none."""

    X: str | None
    y: str | None


def pair(held: Iterable[str], split: str) -> Pair:
    """Find X and y of a split among names; those that name no split are of "train".

    >>> pair(["x_train", "y_train", "x_test"], "train"), pair(["embeddings", "labels", "test_embeddings"], "test")
    (Pair(X='x_train', y='y_train'), Pair(X='test_embeddings', y=None))
    """
    by_name = {name.lower(): name for name in held}

    def find(kinds: Iterable[str]) -> str | None:
        marks = [f"{{0}}{joint}{{1}}" for joint in "_-."] + [
            f"{{1}}{joint}{{0}}" for joint in "_-."
        ]
        marked = (
            mark.format(kind, word) for kind in kinds for word in SPLITS[split] for mark in marks
        )
        candidates = [*kinds, *marked] if split == "train" else marked
        return next((by_name[name.lower()] for name in candidates if name.lower() in by_name), None)

    return Pair(find(FEATURES), find(LABELS))


def named(path: Path, held: Collection[str]) -> dict[str, str]:
    """The names of X and y, and of X_test, y_test, X_val and y_val where they are; DataError unless X and y are.

    >>> named(Path("a.h5"), ["train_images", "labels", "test_images"])
    {'X': 'train_images', 'y': 'labels', 'X_test': 'test_images'}
    """
    suffixes = {"train": "", "test": "_test", "validation": "_val"}
    pairs = {suffix: pair(held, split)._asdict() for split, suffix in suffixes.items()}
    found = {
        f"{kind}{suffix}": name
        for suffix, each in pairs.items()
        for kind, name in each.items()
        if name
    }
    for kind, missing in {"X": "features, such as X,", "y": "labels, such as y,"}.items():
        if kind not in found:
            raise DataError(
                f"{path} holds {listed(sorted(held))}, but {missing} are needed; save X and y in it."
            )
    return found


def features_alone(path: Path, held: Collection[str]) -> str:
    """The name of the rows to predict: those for testing, or for training where there are none; else DataError."""
    name = pair(held, "test").X or pair(held, "train").X
    if name is None:
        raise DataError(
            f"{path} holds {listed(sorted(held))}, but features, such as X, are needed; save X in it."
        )
    return name


def image_shape(path: Path, held: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Height, width and channels of X (N, height, width[, channels]) among arrays by name; None of plain rows.

    Raises DataError where images of another shape are in X_test or X_val, with as many numbers or not.
    """
    shapes: dict[str, Any] = {
        name: (*X.shape[1:], 1)[:3]
        for name, X in held.items()
        if name.startswith("X") and X.ndim > 2
    }
    for name, shape in shapes.items():
        if shape != shapes.get("X", shape):
            theirs, own = (" x ".join(map(str, each)) for each in (shape, shapes["X"]))
            raise DataError(
                f"{path} has images of {own} in X but of {theirs} in {name}; bring them to one shape."
            )
    return shapes.get("X")


def check_numbers(path: Path, name: str, X: Any) -> None:
    """Raise DataError for what are no rows of real numbers, or images of them."""
    if X.dtype.kind not in "biuf":
        raise DataError(f"{path} has {name} of type {X.dtype}; real numbers are needed.")
    if X.ndim < 2:
        raise DataError(
            f"{path} has {name} of shape {X.shape}; rows of features, (N, D), are needed."
        )
    if X.ndim > 4:
        needed = "(N, D), (N, height, width) or (N, height, width, channels)"
        raise DataError(f"{path} has {name} of shape {X.shape}; {needed} is needed.")


_shapes_kept: ContextVar[bool] = ContextVar("_shapes_kept", default=False)


@contextmanager
def shapes_kept() -> Iterator[None]:
    """A context in which `flatten` leaves images as they are."""
    token = _shapes_kept.set(True)
    try:
        yield
    finally:
        _shapes_kept.reset(token)


def flatten(path: Path, name: str, X: np.ndarray) -> np.ndarray:
    """Rows (N, D), a view."""
    check_numbers(path, name, X)
    return X.reshape(len(X), math.prod(X.shape[1:])) if X.ndim > 2 and not _shapes_kept.get() else X


def labels(path: Path, name: str, y: np.ndarray) -> np.ndarray:
    """Labels as they are, or as integers where they are whole numbers."""
    if y.dtype.kind == "f":
        if missing := int(np.count_nonzero(np.isnan(y))):
            raise DataError(
                f"{path} has {missing:,} labels that are NaN in {name}; leave those rows out."
            )
        if np.all(np.abs(y) < 2**53) and np.all(y == np.round(y)):
            return y.astype(np.int64)
    if (
        y.dtype.kind == "U"
        and y.nbytes
        and np.ascontiguousarray(y).view(f"{y.dtype.byteorder}u4").max() > sys.maxunicode
    ):
        raise DataError(f"{path} has {name} of strings with damaged characters; save it again.")
    if y.dtype.kind not in "biuUS":
        raise DataError(
            f"{path} has {name} of type {y.dtype}; labels are whole numbers or strings."
        )
    return y


def names(path: Path, name: str, strings: list[str]) -> np.ndarray:
    """Labels that are strings, unless one is so long that it is none."""
    longest = max(map(len, strings), default=0)
    if longest > LONGEST_LABEL:
        raise DataError(
            f"{path} has a label of {longest:,} characters in {name}; give names of classes."
        )
    return np.array(strings, str)


def class_names(path: Path, names: np.ndarray | None, y: np.ndarray) -> tuple[str, ...] | None:
    """Names by label, once every label has one."""
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(
            f"{path} has class_names of type {names.dtype}, shape {names.shape}; save a list of strings."
        )
    if y.dtype.kind in "iu" and y.size and not 0 <= y.min() <= y.max() < len(names):
        labels = f"labels from {y.min()} to {y.max()}"
        raise DataError(
            f"{path} has {len(names)} class_names but {labels}; each label must be the index of its name."
        )
    return tuple(names.tolist())

"""The data set that every reader returns."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from halfspaces.datasets.duplicates import held_by
from halfspaces.support.errors import DataError

Features = np.ndarray | csr_array


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples, as stored, with a test split where there is one.

    X is (N, D) in the type of the file (uint8 for images), a csr_array where the file leaves zeros out; y is (N,);
    X_test and y_test are alike, or None, and so are X_val and y_val, on which to choose hyperparameters. y holds
    0..C-1, or the labels as given where they come from a user's own arrays. `image_shape` is (height, width, channels);
    the rows of a `planar` data set hold one plane after the other (all of red, then green, then blue), all others hold
    the channels of a pixel side by side. `notes` say, a line each, what a reader did to the data.

    Raises DataError where the counts of examples, labels or features disagree.

    >>> tiny = Dataset("tiny", X=np.zeros((3, 12), np.uint8), y=np.array([0, 1, 1]), image_shape=(2, 2, 3))
    >>> print(tiny)
    tiny: 3 examples, 12 features (2 x 2 x 3, uint8), 2 classes
    >>> tiny.images(tiny.X[:2]).shape
    (2, 2, 2, 3)
    """

    name: str
    X: Features = field(repr=False)
    y: np.ndarray = field(repr=False)
    X_test: Features | None = field(default=None, repr=False)
    y_test: np.ndarray | None = field(default=None, repr=False)
    class_names: tuple[str, ...] | None = None
    image_shape: tuple[int, int, int] | None = None
    planar: bool = False
    X_val: Features | None = field(default=None, repr=False)
    y_val: np.ndarray | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for split in ("test", "val"):
            X, y = f"X_{split}", f"y_{split}"
            if (getattr(self, X) is None) != (getattr(self, y) is None):
                given, missing = (y, X) if getattr(self, X) is None else (X, y)
                raise DataError(
                    f"{self.name}: {given} is given without {missing}; give both or neither."
                )
        for X, y, suffix in self._splits():
            _check_split(f"{self.name}: X{suffix}", X, f"y{suffix}", y)
        D = _shape(self.X)[1]
        for X, _, suffix in self._splits():
            if _shape(X)[1] != D:
                counts = f"X has {D:,} features but X{suffix} has {_shape(X)[1]:,}"
                raise DataError(f"{self.name}: {counts}; all splits must have the same features.")

    def __str__(self) -> str:
        return self.describe()

    def describe(self) -> str:
        """Return one line: the counts of examples, features and classes."""
        held = {"validation": self.X_val, "testing": self.X_test}
        others = "".join(
            f" + {_shape(X)[0]:,} for {use}" for use, X in held.items() if X is not None
        )
        shape = "" if self.image_shape is None else " x ".join(map(str, self.image_shape)) + ", "
        classes = len(self.class_names) if self.class_names else len(np.unique(self.y))
        N, D = _shape(self.X)
        stored = (
            "" if isinstance(self.X, np.ndarray) else f", {100 * self.X.nnz / (N * D):.2g} % stored"
        )
        features = f"{D:,} features ({shape}{self.X.dtype}{stored})"
        return f"{self.name}: {N:,} examples{others}, {features}, {classes:,} class{'es' * (classes != 1)}"

    def images(self, X_rows: np.ndarray) -> np.ndarray:
        """Return rows (n, D) as images (n, height, width, channels): a view, however they are stored.

        Raises DataError where the data are not images or the rows do not have their D.

        >>> X = np.array([[1, 1, 1, 1, 2, 2, 2, 2]])
        >>> planes = Dataset("planes", X, np.array([0]), image_shape=(2, 2, 2), planar=True)
        >>> planes.images(planes.X)[0, 0, 0].tolist()
        [1, 2]
        """
        if self.image_shape is None:
            raise DataError(
                f"{self.name} holds no images: its rows are plain features; use X itself."
            )
        if X_rows.shape[1:] != _shape(self.X)[1:]:
            needed = f"(n, {_shape(self.X)[1]})"
            raise DataError(
                f"{self.name}: images(X_rows) needs rows of shape {needed}, got {X_rows.shape}; use X[i : i + n]."
            )
        height, width, channels = self.image_shape
        if self.planar:
            return X_rows.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        return X_rows.reshape(-1, height, width, channels)

    def duplicates(self) -> int:
        """How many test rows are training rows, too, value for value: they make the test accuracy look better.

        >>> Dataset("tiny", np.eye(3), np.arange(3), np.eye(3)[:2] + [[0], [1]], np.arange(2)).duplicates()
        1
        """
        return 0 if self.X_test is None else int(np.count_nonzero(held_by(self.X, self.X_test)))

    def _splits(self) -> Iterator[tuple[Features, np.ndarray, str]]:
        yield self.X, self.y, ""
        if self.X_test is not None and self.y_test is not None:
            yield self.X_test, self.y_test, "_test"
        if self.X_val is not None and self.y_val is not None:
            yield self.X_val, self.y_val, "_val"


def _shape(X: Any) -> tuple[int, ...]:
    return X.shape


def _check_split(X_name: str, X: Features, y_name: str, y: np.ndarray) -> None:
    if X.ndim != 2 or 0 in _shape(X):
        raise DataError(
            f"{X_name} has shape {_shape(X)}; give at least one example and one feature, shape (N, D)."
        )
    if y.ndim != 1:
        raise DataError(
            f"{X_name} needs labels {y_name} of shape ({_shape(X)[0]},), got {y.shape}; give one label an example."
        )
    if _shape(X)[0] != len(y):
        raise DataError(
            f"{X_name} has {_shape(X)[0]:,} examples but {y_name} has {len(y):,} labels; give one label an example."
        )

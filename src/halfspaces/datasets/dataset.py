"""The data set that every reader returns: features, labels and splits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.duplicates import rows_contained
from halfspaces.system.distinct import distinct
from halfspaces.system.errors import DataError
from halfspaces.system.words import DEFAULT, say

Features = np.ndarray | csr_array  # rows of X


@dataclass(frozen=True, eq=False)
class RowsToPredict:
    """Rows without labels, X (N, D), and what else their source says about them.

    `images` are the same rows as images (N, height, width[, channels]), if they are images; a
    reader may also give images as X. `keys` are columns (N,) that name the rows, such as an id or
    the file of an image. `notes` describe what the reader left out, one line each.
    """

    X: Features = field(repr=False)
    images: np.ndarray | None = field(default=None, repr=False)
    keys: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray], repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples in the type of their file, perhaps with test and validation splits.

    X (N, D) has the type of the file (uint8 for images); it is a csr_array if the file omits
    zeros. y (N,) holds 0..C-1, or the labels as given in a user's own arrays. X_test and y_test
    are the test split, X_val and y_val the validation split, which serves to choose
    hyperparameters; a missing split is None. `image_shape` is (height, width, channels). A row of
    a `planar` data set stores one channel after the other (all of red, then green, then blue);
    other rows store the channels of each pixel side by side. `notes` describe what the reader did
    to the data, one line each. With `conventions` other files are read like these. `groups` (N,)
    and `weight` (N,) belong to the rows of X, `weight_val` to those of X_val: rows of one group are
    held out together, and an example counts by its weight. `shared_groups` are of a split, "test"
    or "validation": the number of its groups that have training rows, too, and of all its groups.
    `keys` are columns (N,) that name the rows of X, such as the files of images.

    Raises DataError if the numbers of examples, labels or features disagree.

    >>> X = np.zeros((3, 12), np.uint8)
    >>> tiny = Dataset("tiny", X, y=np.array([0, 1, 1]), image_shape=(2, 2, 3))
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
    conventions: Conventions = field(default_factory=Conventions, repr=False)
    groups: np.ndarray | None = field(default=None, repr=False)
    weight: np.ndarray | None = field(default=None, repr=False)
    weight_val: np.ndarray | None = field(default=None, repr=False)
    shared_groups: Mapping[str, tuple[int, int]] = field(
        default_factory=dict[str, tuple[int, int]], repr=False
    )
    keys: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray], repr=False)

    def __post_init__(self) -> None:
        for split, X, y in (("test", self.X_test, self.y_test), ("val", self.X_val, self.y_val)):
            if X is None and y is not None:
                raise self._incomplete(f"y_{split}", f"X_{split}")
            if X is not None and y is None:
                raise self._incomplete(f"X_{split}", f"y_{split}")
        for X, y, suffix in self._splits():
            _check_split(f"{self.name}: X{suffix}", X, f"y{suffix}", y)
        self._check_values("groups", self.groups, "y", self.y)
        self._check_values("weight", self.weight, "y", self.y)
        self._check_values("weight_val", self.weight_val, "y_val", self.y_val)
        D = _shape(self.X)[1]
        for X, _, suffix in self._splits():
            if _shape(X)[1] != D:
                counts = f"X has {D:,} features but X{suffix} has {_shape(X)[1]:,}"
                raise DataError(f"{self.name}: {counts}; all splits must have the same features.")

    def _check_values(
        self, name: str, values: np.ndarray | None, y_name: str, y: np.ndarray | None
    ) -> None:
        """Raise DataError unless there is a value for each label, or none at all."""
        shape = None if y is None else y.shape
        if values is not None and values.shape != shape:
            raise DataError(
                f"{self.name}: {name} has shape {values.shape}, and {y_name} {shape};"
                " give one value an example."
            )

    @property
    def validation(self) -> tuple[Features, np.ndarray, np.ndarray | None] | None:
        """X_val, y_val and their weights, as `fit` takes them; None if there are none."""
        if self.X_val is None or self.y_val is None:
            return None
        return self.X_val, self.y_val, self.weight_val

    def _incomplete(self, given: str, missing: str) -> DataError:
        return DataError(f"{self.name}: {given} is given without {missing}; give both or neither.")

    def __str__(self) -> str:
        return self.describe()

    def describe(self, language: str = DEFAULT) -> str:
        """One line with the numbers of examples, features and classes, in one of `LANGUAGES`."""

        def phrase(key: str, **values: object) -> str:
            return say(language, key, **values)

        N, D = _shape(self.X)
        C = len(self.class_names) if self.class_names else len(distinct(self.y))
        examples = [phrase("data.examples", count=f"{N:,}")]
        for use, X in (("data.validation", self.X_val), ("data.testing", self.X_test)):
            if X is not None:
                examples.append(phrase(use, count=f"{_shape(X)[0]:,}"))
        details = [str(self.X.dtype)]
        if self.image_shape is not None:
            details.insert(0, " x ".join(map(str, self.image_shape)))
        if isinstance(self.X, csr_array):
            share = 100 * self.X.nnz / (N * D)
            shown = f"{share:.0f}" if share >= 10 else f"{share:.2g}"  # .2g of 100 is 1e+02
            details.append(phrase("data.stored", share=shown))
        separator = say(language, "list.separator")
        return phrase(
            "data.line",
            name=self.name,
            examples=" + ".join(examples),
            features=phrase("data.features", count=f"{D:,}", details=separator.join(details)),
            classes=phrase("data.class" if C == 1 else "data.classes", count=f"{C:,}"),
        )

    def images(self, X_rows: np.ndarray) -> np.ndarray:
        """The rows (n, D) as images (n, height, width, channels): a view.

        Raises DataError if the data are not images or the rows do not have D features.

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
                f"{self.name}: images(X_rows) needs rows of shape {needed}, got {X_rows.shape};"
                " use X[i : i + n]."
            )
        height, width, channels = self.image_shape
        if self.planar:
            return X_rows.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        return X_rows.reshape(-1, height, width, channels)

    def duplicates(self) -> int:
        """The number of test rows that equal a training row; they inflate the test accuracy.

        >>> X_test = np.array([[1.0, 0, 0], [0, 2, 0]])
        >>> Dataset("tiny", np.eye(3), np.arange(3), X_test, np.arange(2)).duplicates()
        1
        """
        if self.X_test is None:
            return 0
        return int(np.count_nonzero(rows_contained(self.X, self.X_test)))

    def _splits(self) -> Iterator[tuple[Features, np.ndarray, str]]:
        yield self.X, self.y, ""
        if self.X_test is not None and self.y_test is not None:
            yield self.X_test, self.y_test, "_test"
        if self.X_val is not None and self.y_val is not None:
            yield self.X_val, self.y_val, "_val"


def _shape(X: Any) -> tuple[int, ...]:
    return X.shape


def _check_split(X_name: str, X: Features, y_name: str, y: np.ndarray) -> None:
    N = _shape(X)[0] if X.ndim else 0
    if X.ndim != 2 or 0 in _shape(X):
        raise DataError(
            f"{X_name} has shape {_shape(X)};"
            " give at least one example and one feature, shape (N, D)."
        )
    if y.ndim != 1:
        raise DataError(
            f"{X_name} needs labels {y_name} of shape ({N},), got {y.shape};"
            " give one label an example."
        )
    if len(y) != N:
        raise DataError(
            f"{X_name} has {N:,} examples but {y_name} has {len(y):,} labels;"
            " give one label an example."
        )

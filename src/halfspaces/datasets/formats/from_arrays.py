"""A data set of the arrays that a reader has found: X, y, perhaps X_test, y_test, X_val, y_val."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.system import memory, tensors

CHANNELS = (1, 3)
PLANAR = "images (channels, height, width), as torch has them"
UNTYPED = "features of 2 bytes without a type: read as bfloat16, which NumPy saves so"
CLASS_NAMES = "class_names"


@dataclass(frozen=True)
class Layout:
    """How the values of an image lie in a row; without a shape rows are plain features."""

    image_shape: tuple[int, int, int] | None
    planar: bool = False

    @staticmethod
    def of(path: Path, X: Mapping[str, Any]) -> "Layout":
        """That of arrays by field, (N, height, width[, channels]) or (N, channels, height, width).

        >>> Layout.of(Path("a.npz"), {"X": np.zeros((2, 3, 32, 32))})
        Layout(image_shape=(32, 32, 3), planar=True)
        """
        shape = named_arrays.image_shape(path, X)
        if shape is None or shape[0] not in CHANNELS or shape[2] in (*CHANNELS, 4):
            return Layout(shape)
        return Layout((shape[1], shape[2], shape[0]), planar=True)

    @property
    def fields(self) -> dict[str, Any]:
        """Those of a `Dataset`."""
        return {"image_shape": self.image_shape, "planar": self.planar}

    @property
    def notes(self) -> tuple[str, ...]:
        """What is said of it."""
        return (PLANAR,) if self.planar else ()


def from_arrays(
    path: Path, name: str, arrays: Mapping[str, np.ndarray], notes: Sequence[str] = ()
) -> Dataset:
    """The data set of arrays by field of `Dataset`, and perhaps `class_names`.

    X is (N, D), or images (N, height, width[, channels]) or (N, channels, height, width).
    Raises DataError for types and shapes that do not fit.
    """
    given = {field: X for field, X in arrays.items() if field.startswith("X")}
    X = {field: usable(path, array) for field, array in given.items()}
    y = {field: array for field, array in arrays.items() if field.startswith("y")}
    layout = Layout.of(path, X)
    fields: dict[str, Any] = {
        field: named_arrays.flatten(path, field, array) for field, array in X.items()
    }
    fields |= {field: named_arrays.labels(path, field, array) for field, array in y.items()}
    names = named_arrays.class_names(path, arrays.get(CLASS_NAMES), fields["y"])
    notes = (*notes, *type_notes(given.values()), *label_notes(y.values()), *layout.notes)
    return Dataset(name, class_names=names, notes=notes, **layout.fields, **fields)


def type_notes(rows: Iterable[Any]) -> tuple[str, ...]:
    """What is said of the types of all splits."""
    return (UNTYPED,) if any(X.dtype.kind == "V" for X in rows) else ()


def label_notes(labels: Iterable[Any]) -> tuple[str, ...]:
    """What is said of the labels of all splits."""
    return tuple(dict.fromkeys(chain(*map(named_arrays.label_notes, labels))))


def rows_to_predict(path: Path, name: str, array: np.ndarray) -> RowsToPredict:
    """Rows or images without labels, with the channels of images in the last axis."""
    array = usable(path, array)
    X = named_arrays.flatten(path, name, array)
    if array.ndim < 3:
        return RowsToPredict(X)
    planar = Layout.of(path, {"X": array}).planar
    return RowsToPredict(X, images=array.transpose(0, 2, 3, 1) if planar else array)


def usable(path: Path, X: np.ndarray) -> np.ndarray:
    """The array; bfloat16 as float32."""
    if tensors.is_bfloat16(X.dtype):
        return tensors.widened(X, partial(memory.empty, path))
    return X

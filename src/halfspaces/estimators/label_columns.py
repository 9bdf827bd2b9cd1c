"""Sets of labels that callers give as the columns of Y; rows may have no label in some."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from halfspaces.estimators.checked_data import check_two
from halfspaces.estimators.given import labels_of, missing_labels
from halfspaces.support.types import Array
from halfspaces.system.distinct import distinct, positions

NONE = -1  # in place of a class, where a row has no label


@dataclass(frozen=True, eq=False)
class LabelColumn:
    """One set of labels.

    Parameters
    ----------
    name : str or int
        That of a column with a name, else its number.
    classes : array, shape (C,)
        The labels that occur, sorted.
    labels : integer array, shape (N,)
        Their positions in `classes`, `NONE` where there is no label.
    """

    name: Any
    classes: Array
    labels: Array

    @property
    def known(self) -> Array:
        """Whether each row has a label, (N,)."""
        return self.labels != NONE


class Given(NamedTuple):
    """A column as it was given: its name, its labels (N,), and which of them are missing (N,)."""

    name: Any
    labels: Array
    missing: Array

    def __str__(self) -> str:
        return f"Y[{self.name!r}]" if isinstance(self.name, str) else f"Y[:, {self.name}]"


def label_columns(Y: Any, n_rows: int) -> list[LabelColumn]:
    """The columns of an array (N, P), of a data frame, or of a dict of columns.

    NaN, None and NA are no label: their rows do not count for that column.

    Raises
    ------
    ValueError
        If Y has no columns, a column has another length, or labels of one class alone.

    Examples
    --------
    >>> first, second = label_columns({"animal": ["cat", "dog"], "age": [3, 7]}, 2)
    >>> first.name, first.classes.tolist(), second.labels.tolist()
    ('animal', ['cat', 'dog'], [0, 1])
    """
    columns = [_encoded(given) for given in given_columns(Y, n_rows)]
    if not columns:
        raise ValueError("Y has no columns; give one set of labels or more.")
    return columns


def given_columns(Y: Any, n_rows: int) -> list[Given]:
    """The columns of Y as they were given."""
    return [_given(name, values, n_rows) for name, values in _named(Y)]


def _named(Y: Any) -> list[tuple[Any, Any]]:
    if isinstance(Y, Mapping):
        return list(Y.items())
    if hasattr(Y, "columns"):
        return [(name, Y[name]) for name in getattr(Y, "column_names", Y.columns)]
    array = np.asarray(Y)
    if array.ndim != 2:
        raise ValueError(
            f"Y must have a column for each set of labels, (N, P), got the shape {array.shape}; "
            "for one set of labels use LinearClassifier."
        )
    return list(enumerate(array.T))


def _given(name: Any, values: Any, n_rows: int) -> Given:
    labels = np.asarray(values)
    given = Given(name, labels, missing_labels(labels))
    if labels.shape != (n_rows,):
        raise ValueError(
            f"{given} has the shape {labels.shape}, and X has {n_rows} rows; give one label a row."
        )
    return given


def _encoded(given: Given) -> LabelColumn:
    known = given.labels
    if given.missing.any():
        known = np.asarray(given.labels[~given.missing].tolist())
    if not len(known):
        raise ValueError(f"{given} has no label; leave the column out.")
    known = labels_of(str(given), known)
    classes = distinct(known)
    try:
        check_two(classes)
    except ValueError as error:
        raise ValueError(f"{given}: {error}") from None
    labels = np.full(len(given.labels), NONE, np.int64)
    labels[~given.missing] = positions(known, classes)
    return LabelColumn(given.name, classes, labels)

"""A table of points that a user pastes or uploads: read by the reader of all tables."""

import tempfile
from pathlib import Path

import numpy as np

from halfspaces import datasets
from halfspaces.page.board import BOX, MOST_CLASSES, MOST_POINTS, Points
from halfspaces.page.wording import PageError, Sentence
from halfspaces.support.types import Array
from halfspaces.system.errors import DataError

NAME = "points.csv"


def read_points(text: str) -> tuple[Points, list[Sentence]]:
    """The points of a CSV with two columns of numbers and one of classes, and what was done to it.

    Columns that lie outside the plane are brought into it, each to the same range. Of more columns
    the first two are taken. A column "split" tells validation points.

    Raises
    ------
    PageError
        If it is empty, has no such columns, or too many points or classes.
    """
    if not text.strip():
        raise PageError("error.empty_table")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        path.write_text(text, encoding="utf-8")
        try:
            dataset = datasets.open(path)
        except DataError as error:
            reason = str(error).replace(str(path), NAME)
            reason = reason.split(";")[0]  # what follows names options of the command line
            raise PageError("error.table", reason=reason.rstrip(".")) from None
    parts = [(dataset.X, dataset.y, False)]
    if dataset.X_val is not None and dataset.y_val is not None:
        parts.append((dataset.X_val, dataset.y_val, True))
    X = np.concatenate([_dense(part) for part, _, _ in parts])
    y = np.concatenate([labels for _, labels, _ in parts])
    held_out = np.concatenate([np.full(len(labels), out) for _, labels, out in parts])
    return _points(X, y, held_out)


def _dense(X: object) -> Array:
    return np.asarray(X if isinstance(X, np.ndarray) else X.toarray(), np.float64)  # pyright: ignore[reportAttributeAccessIssue]


def _points(X: Array, y: Array, held_out: Array) -> tuple[Points, list[Sentence]]:
    notes: list[Sentence] = []
    if X.shape[1] < 2:
        raise PageError("error.one_column")
    if len(X) > MOST_POINTS:
        raise PageError("error.many_points", count=len(X), most=MOST_POINTS)
    if X.shape[1] > 2:
        notes.append(Sentence("note.two_columns", {"count": X.shape[1]}))
        X = X[:, :2]
    if not np.isfinite(X).all():
        raise PageError("error.not_finite")
    names, y = np.unique(y, return_inverse=True)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise PageError("error.classes", count=len(names), most=MOST_CLASSES)
    low, high = X.min(axis=0), X.max(axis=0)
    if max(-low.min(), high.max()) > BOX[1]:
        X = 2.4 * (X - low) / np.where(high > low, high - low, 1.0) - 1.2
        notes.append(Sentence("note.scaled", {}))
    return Points(X, y.astype(np.int64), held_out), notes

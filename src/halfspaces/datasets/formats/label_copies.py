"""Columns of features that are copies of the label: with them, any accuracy is 100 %."""

from collections.abc import Sequence
from shlex import quote

import numpy as np

from halfspaces.system.distinct import encoded
from halfspaces.system.errors import listed

FEW = 10  # rows: with fewer, a column may have one value for each class by chance
SAMPLE = 200  # rows that show most columns to be no copies


def note(X: np.ndarray, y: np.ndarray, names: Sequence[str]) -> tuple[str, ...]:
    """A line that names the columns of X with one value for each class, if there are any.

    >>> y = np.arange(12) % 3
    >>> note(np.column_stack([y * 10, np.arange(12)]), y, ["code", "width"])
    ("'code' has one value for each class, a copy of the label; leave it out by --ignore code",)
    """
    found = [names[i] for i in _copies(X, y)] if len(y) >= FEW else []
    if not found:
        return ()
    have = "has" if len(found) == 1 else "have"
    copy = "a copy of the label" if len(found) == 1 else "copies of the label"
    them = "it" if len(found) == 1 else "them"
    ignored = " ".join(f"--ignore {quote(name)}" for name in found[:5])
    return (
        f"{listed(found)} {have} one value for each class, {copy}; leave {them} out by {ignored}",
    )


def _copies(X: np.ndarray, y: np.ndarray) -> list[int]:
    some = np.unique(np.linspace(0, len(y) - 1, SAMPLE).astype(np.intp))
    candidates = _constant_in_classes(X[some], encoded(y[some])[1])
    if not len(candidates):
        return []
    classes, index = encoded(y)
    C = len(classes)
    if not 1 < C <= len(y) // 2:  # numbers to be predicted, each row another one
        return []
    columns = X[:, candidates]
    kept = _constant_in_classes(columns, index)
    first = np.unique(index, return_index=True)[1]
    values = columns[first]
    return [int(candidates[i]) for i in kept if len(np.unique(values[:, i])) == C]


def _constant_in_classes(X: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The columns whose values are the same in all rows of a class, whose number is `index`."""
    first = np.unique(index, return_index=True)[1]
    return np.flatnonzero((X[first][index] == X).all(axis=0))

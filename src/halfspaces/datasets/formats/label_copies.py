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
    candidates = _one_value_a_class(X[some], encoded(y[some])[1])
    if not candidates:
        return []
    classes, index = encoded(y)
    if not 1 < len(classes) <= len(y) // 2:  # numbers to be predicted, each row another one
        return []
    return [i for i in candidates if _one_value_a_class(X[:, i : i + 1], index)]


def _one_value_a_class(X: np.ndarray, index: np.ndarray) -> list[int]:
    """The columns with one value in all rows of a class, and another in each other class.

    `index` (N,) are the numbers of the classes.
    """
    values = X[np.unique(index, return_index=True)[1]]
    constant = np.flatnonzero((values[index] == X).all(axis=0))
    return [int(i) for i in constant if len(np.unique(values[:, i])) == len(values)]

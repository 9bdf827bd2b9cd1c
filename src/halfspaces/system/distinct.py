"""The distinct labels of many rows, and the number of each row's label, in little memory.

`np.unique` sorts a copy of all labels; of 15 million strings this takes a gigabyte.
"""

from typing import Any

import numpy as np

SOME_ROWS = 1 << 16  # whose labels are compared together


def distinct(y: np.ndarray) -> np.ndarray:
    """The distinct labels (C,) of y (N,), sorted.

    >>> distinct(np.array(["elk", "deer", "elk"])).tolist()
    ['deer', 'elk']
    """
    found = np.unique(y[:SOME_ROWS])
    start = SOME_ROWS
    while start < len(y):
        part = y[start : start + max(SOME_ROWS, len(found))]
        new = part[found[positions(part, found)] != part]
        if len(new):
            found = np.unique(np.concatenate([found, new]))
        start += len(part)
    return found


def positions(y: np.ndarray, classes: np.ndarray, dtype: Any = np.intp) -> np.ndarray:
    """The position (N,) of each label among sorted classes; any for a label that is none of them.

    >>> positions(np.array([7, 5, 7]), np.array([5, 7])).tolist()
    [1, 0, 1]
    """
    found = np.empty(len(y), dtype)
    for start in range(0, len(y), SOME_ROWS):
        part = slice(start, start + SOME_ROWS)
        found[part] = np.minimum(np.searchsorted(classes, y[part]), len(classes) - 1)
    return found


def encoded(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct labels, sorted, and the position of each row's label among them."""
    classes = distinct(y)
    return classes, positions(y, classes)

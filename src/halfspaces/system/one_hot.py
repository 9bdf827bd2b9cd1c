"""Labels as rows of 0 and 1, one column a class."""

import numpy as np

from halfspaces.system.errors import DataError


def has_columns(y: np.ndarray) -> bool:
    """Whether the labels are numbers in several columns (N, C)."""
    return y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "biuf"


def classes_of(given: str, y: np.ndarray) -> np.ndarray:
    """The column (N,) of the 1 in each row of y (N, C); `given` starts the sentence of an error.

    Raises DataError unless each row is a 1 and zeros.

    >>> classes_of("y is", np.array([[0, 0, 1], [1, 0, 0]])).tolist()
    [2, 0]
    >>> classes_of("y is", np.array([[0, 1], [1, 1]]))
    Traceback (most recent call last):
    halfspaces.system.errors.DataError: y is of shape (2, 2) with 2 ones in row 1, so several
        labels a row; give one class a row, or train on one column, y[:, 0], at a time.
    """
    ones = y == 1
    if not np.all(ones | (y == 0)):
        raise DataError(
            f"{given} of shape {y.shape} with other numbers than 0 and 1;"
            " give the class of each row, such as y.argmax(axis=1)."
        )
    counts = ones.sum(axis=1)
    if np.all(counts == 1):
        return np.argmax(ones, axis=1)
    several = counts > 1
    row = int(np.argmax(several if several.any() else counts == 0))
    problem = f"no 1 in row {row}"
    if several.any():
        problem = f"{counts[row]} ones in row {row}, so several labels a row"
    raise DataError(
        f"{given} of shape {y.shape} with {problem};"
        " give one class a row, or train on one column, y[:, 0], at a time."
    )

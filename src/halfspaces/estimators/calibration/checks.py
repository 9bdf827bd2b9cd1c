"""Checks of scores, labels and weights, with one sentence an error."""

from typing import Any

import numpy as np

from halfspaces.estimators.finite import LARGEST
from halfspaces.support.types import Array

BLOCK = 1 << 18  # scores at a time as float64: a block fits the cache, and no full copy is made


def check_scores(scores: Any, name: str = "scores", *, block: int = BLOCK) -> Array:
    """Scores (N, C) as an array of any real type, all finite."""
    scores = np.asarray(scores)
    if scores.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be an array of real numbers, got one of {scores.dtype}.")
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ValueError(
            f"{name} must have shape (N, C) with a column for each of C ≥ 2 classes, "
            f"got shape {scores.shape}."
        )
    rows = max(1, block // scores.shape[1])
    for start in range(0, len(scores), rows):
        part = scores[start : start + rows].astype(np.float64)
        usable = np.abs(part) <= LARGEST
        if not usable.all():
            row, column = np.argwhere(~usable)[0]
            raise ValueError(
                f"{name} must be finite and at most {LARGEST:g} in size, got "
                f"{part[row, column]:g} at row {start + row}, column {column}; "
                "leave such rows out."
            )
    return scores


def check_examples(
    scores: Any, y: Any, weight: Any, name: str = "scores"
) -> tuple[Array, Array, Array]:
    """Scores (N, C) in their own type, labels (N,) as integers, weights (N,) as float64."""
    scores = check_scores(scores, name)
    y = np.asarray(y)
    if y.dtype.kind not in "iu":
        raise TypeError(
            f"y must hold class numbers, integers from 0 to C−1, got an array of {y.dtype}."
        )
    n_rows, n_classes = scores.shape
    if n_rows == 0 or y.shape != (n_rows,):
        raise ValueError(
            f"y must have one label for each row of {name}, at least one, "
            f"got {y.shape} for {n_rows} rows."
        )
    unknown = (y < 0) | (y >= n_classes)
    if unknown.any():
        row = int(np.argmax(unknown))
        raise ValueError(
            f"y[{row}] = {y[row]} is no class: {name} has {n_classes} columns, "
            f"so labels are 0 to {n_classes - 1}."
        )
    return scores, y.astype(np.intp), _check_weight(weight, n_rows)


def _check_weight(weight: Any, n_rows: int) -> Array:
    weight = np.ones(n_rows) if weight is None else np.asarray(weight)
    if weight.dtype.kind not in "fiub":
        raise TypeError(f"weight must be an array of real numbers, got one of {weight.dtype}.")
    weight = weight.astype(np.float64)
    if weight.shape != (n_rows,):
        raise ValueError(
            f"weight must have one number for each of {n_rows} rows, got shape {weight.shape}."
        )
    unusable = ~((weight >= 0) & (weight <= LARGEST))
    if unusable.any():
        row = int(np.argmax(unusable))
        given = f"got {weight[row]:g} at row {row}"
        if weight[row] > LARGEST:
            raise ValueError(
                f"A calibration takes weights as counts of rows, at most {LARGEST:.3g}, {given}; "
                "divide all weights by one number."
            )
        raise ValueError(f"weight must be finite and at least 0, {given}.")
    if not weight.any():
        raise ValueError("weight must not be 0 everywhere; give some row a positive weight.")
    return weight

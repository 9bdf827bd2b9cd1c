"""What an estimator is given, checked: rows, labels, weights, validation rows. One sentence for what cannot be."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array, Features
from halfspaces.support.validation import check_finite, check_number

USED_AS_THEY_ARE = [np.float64, np.float32, np.float16, np.uint8]
STORED_AS_THEY_ARE = [
    np.float64,
    np.float32,
    np.bool_,
    *map(np.dtype, np.typecodes["AllInteger"]),
]  # of a sparse X


@dataclass(frozen=True, eq=False)
class Data:
    """Checked training data: blocks, the class labels, and the weights that the caller gave, class weights left out."""

    blocks: Blocks
    classes: Array
    sample_weight: Array | None


def check_data(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    reset: bool,
    every_class_counts: bool,
    classes: Array | None = None,
) -> Data:
    """X, y and the weights of examples, with the estimator's `class_weight`, as blocks for its `n_jobs` workers."""
    X, y = validate_data(estimator, X, y, reset=reset, **_as_they_are(X))
    check_finite("X", X)
    y = column_or_1d(y, warn=True)
    check_classification_targets(y)
    classes = np.unique(y) if classes is None else classes
    check_two(classes)
    labels = _encode(y, classes)
    if sample_weight is not None:
        sample_weight = _one_a_row(sample_weight, len(labels))
    weight = _weights(labels, classes, sample_weight, estimator.class_weight)
    if weight is not None and every_class_counts:
        _check_every_class_counts(labels, classes, weight)
    return Data(Blocks(X, labels, weight, n_jobs=estimator.n_jobs), classes, sample_weight)


def check_two(classes: Array) -> None:
    """Raise for labels of one class."""
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class, {classes.tolist()[0]!r}; a classifier needs at least two classes."
        )


def check_rows(estimator: Any, name: str, X: Any, *, finite: bool = True) -> Features:
    """Rows of the features that were fitted; `finite` looks at every value."""
    if getattr(X, "ndim", 2) > 2 and getattr(estimator, "features_", None) is not None:
        given = (
            f"{name} holds images {np.shape(X)}, and the model takes rows of {estimator.features_}"
        )
        raise ValueError(f"{given}; give features_.transform(images).")
    rows: Any = validate_data(estimator, X, reset=False, **_as_they_are(X))
    if finite:
        check_finite(name, rows)
    return rows


def check_validation(estimator: Any, validation: Any, classes: Array) -> Blocks:
    """The validation rows that were given as (X, y)."""
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise TypeError(
            f"validation must be (X, y), a number or None, got a {type(validation).__name__}."
        )
    X_val, y_val = validation
    X_val: Any = check_rows(estimator, "The validation X", X_val)
    y_val = column_or_1d(y_val)
    if X_val.shape[0] != len(y_val):
        raise ValueError(
            f"The validation X has {X_val.shape[0]} rows and its y {len(y_val)} labels; give one label a row."
        )
    return Blocks(X_val, _encode(y_val, classes), n_jobs=estimator.n_jobs)


def is_part(validation: Any) -> bool:
    """Whether a part of the rows is to be held out."""
    return isinstance(validation, Real)


def hold_out(labels: Array, n_classes: int, part: Any, seed: int = 0) -> tuple[Array, Array]:
    """Rows to fit on and rows to score, rising, with the classes' proportions; a class of one example is fitted."""
    check_number("validation", part, above=0, below=1)
    counts = np.bincount(labels, minlength=n_classes)
    rows = np.flatnonzero(counts[labels] > 1)
    held, left = round(part * len(labels)), len(labels) - round(part * len(labels))
    given = f"validation={part} of {len(labels)} rows leaves {left} to fit on and {held} to score"
    if held < 1 or left < 1:
        raise ValueError(f"{given}; give a part, or more rows, so that both have some.")
    if held >= len(rows):
        alone = len(labels) - len(rows)
        raise ValueError(
            f"{given}, but {alone} are to be fitted as the only ones of their class; give more rows."
        )
    # More classes than rows to hold out, or to fit on, cannot be split in proportion.
    few = min(held, len(rows) - held) < np.count_nonzero(counts > 1)
    strata = None if few else labels[rows]
    held_out = np.sort(
        train_test_split(rows, test_size=held, random_state=seed, stratify=strata)[1]
    )
    return np.delete(np.arange(len(labels)), held_out), held_out


def _as_they_are(X: Any) -> dict[str, Any]:
    """How scikit-learn is to check X without a conversion that can be spared; values are checked by `check_finite`."""
    dtype = STORED_AS_THEY_ARE if issparse(X) else USED_AS_THEY_ARE
    return {"dtype": dtype, "accept_sparse": "csr", "ensure_all_finite": False}


def _encode(y: Array, classes: Array) -> Array:
    """Labels as integers 0..C−1."""
    positions = np.clip(np.searchsorted(classes, y), 0, len(classes) - 1)
    strangers = classes[positions] != y
    if strangers.any():
        row = int(np.argmax(strangers))
        known = ", ".join(map(repr, classes[:10].tolist())) + (", ..." if len(classes) > 10 else "")
        raise ValueError(
            f"y[{row}] = {y[row : row + 1].tolist()[0]!r} is not among the classes {known}; "
            "give labels of these classes."
        )
    return positions


def _one_a_row(sample_weight: Any, n_rows: int) -> Array:
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.ndim == 0:
        weight = np.full(n_rows, float(weight))
    if weight.shape != (n_rows,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}, but X has {n_rows} rows; give one weight a row."
        )
    return weight


def _weights(
    labels: Array, classes: Array, sample_weight: Array | None, class_weight: Any
) -> Array | None:
    if sample_weight is None and class_weight is None:
        return None
    weight = np.ones(len(labels)) if sample_weight is None else sample_weight
    if class_weight is not None:
        weight = (
            weight * compute_class_weight(class_weight, classes=classes, y=classes[labels])[labels]
        )
    if not np.all(np.isfinite(weight)) or weight.min() < 0:
        raise ValueError("sample_weight and class_weight must be finite and at least 0 everywhere.")
    if weight.sum() <= 0:
        raise ValueError("sample_weight is zero everywhere; give some example a weight above 0.")
    return weight


def _check_every_class_counts(labels: Array, classes: Array, weight: Array) -> None:
    empty = np.bincount(labels, weight, minlength=len(classes)) == 0
    if empty.any():
        name = classes[np.argmax(empty)]
        raise ValueError(
            f"Every example of class {name} has weight zero, so softmax has no optimum; leave them out."
        )

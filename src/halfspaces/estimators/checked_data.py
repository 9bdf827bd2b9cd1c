"""Checks of training and validation data: rows, labels and weights; one sentence an error."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from halfspaces.engines import PartitionedRows
from halfspaces.engines.collections import labels_here
from halfspaces.engines.devices.in_blocks import in_blocks
from halfspaces.engines.devices.placing import check_one_device, stored_rows
from halfspaces.engines.devices.stored_rows import StoredRows
from halfspaces.estimators.finite import check_finite
from halfspaces.estimators.given import examples_of, features_of, labels_of, weight_of_each_class
from halfspaces.estimators.partitioned_data import check_partitioned
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array, Features
from halfspaces.support.validation import check_number
from halfspaces.system.distinct import SOME_ROWS, distinct, positions
from halfspaces.system.libraries import as_numpy

# Types of X that are not converted.
DENSE_TYPES = [np.float64, np.float32, np.float16, np.uint8]
INTEGERS = map(np.dtype, np.typecodes["AllInteger"])
SPARSE_TYPES = [np.float64, np.float32, np.bool_, *INTEGERS]


@dataclass(frozen=True, eq=False)
class Data:
    """Checked training data.

    Parameters
    ----------
    blocks : Blocks
        The rows, with labels 0 to C−1 and weights (sample weight times class weight). The largest
        weight is 1; where all are equal, there are none.
    classes : array, shape (C,)
        The labels as they were given, sorted.
    sample_weight : array, shape (N,), or None
        The caller's weights, without class weights: a calibration takes them for numbers of rows.
    unit : float
        The largest weight before it was 1.
    """

    blocks: Blocks
    classes: Array
    sample_weight: Array | None
    unit: float


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
    """X, y and the weights as blocks, with the `class_weight` and `n_jobs` of the estimator.

    `reset` sets the number and names of features; `every_class_counts` refuses a class of weight 0;
    `classes` are the labels that may occur, those in y if None.
    """
    check_one_device(X, {"y": y, "sample_weight": sample_weight})
    X = _rows_of("X", X, getattr(estimator, "device", None))
    y = None if y is None else labels_of("y", y)
    X, y = _validated(estimator, X, y, reset=reset)
    check_finite("X", X)
    y = column_or_1d(y, warn=True)
    present = distinct(y)
    # scikit-learn warns of labels that nearly all differ; it would sort a copy of y.
    check_classification_targets(np.repeat(present, min(len(y) // len(present), 2)))
    classes = present if classes is None else classes
    check_two(classes)
    labels = _encode(y, classes)
    weight: Array = np.broadcast_to(1.0, len(labels))
    unit = 1.0
    if sample_weight is not None:
        sample_weight = _weight_of_each_row(sample_weight, len(labels))
        weight, unit = in_units(sample_weight)
    if estimator.class_weight is not None:
        factors = _class_weights(estimator.class_weight, classes, labels)
        factors, factor_unit = in_units(factors[labels])
        weight, product_unit = in_units(weight * factors)
        unit *= factor_unit * product_unit
    if every_class_counts:
        _check_every_class_counts(labels, classes, weight)
    uniform = weight.min() == 1
    blocks = in_blocks(X, labels, None if uniform else weight, estimator.n_jobs)
    return Data(blocks, classes, sample_weight, unit)


def check_training_rows(estimator: Any, X: Any) -> Features:
    """Rows to fit, checked without labels; sets the number and names of features."""
    rows: Any = _validated(estimator, features_of("X", X), reset=True)
    check_finite("X", rows)
    return rows


def weight_of_rows(sample_weight: Any, n_rows: int) -> Array | None:
    """Weights (N,) whose largest is 1; None where all are equal."""
    if sample_weight is None:
        return None
    weight, _ = in_units(_weight_of_each_row(sample_weight, n_rows))
    return None if weight.min() == 1 else weight


def check_two(classes: Array) -> None:
    """Raise for labels of one class."""
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class, {classes.tolist()[0]!r}; a classifier needs at least two classes."
        )


def check_rows(estimator: Any, name: str, X: Any, *, finite: bool = True) -> Features:
    """Rows with the fitted features; `finite` checks every value."""
    if getattr(X, "ndim", 2) > 2 and getattr(estimator, "features_", None) is not None:
        raise ValueError(
            f"{name} holds images {np.shape(X)}, and the model takes rows of "
            f"{estimator.features_}; give features_.transform(images)."
        )
    X = _rows_of(name, X, "auto" if hasattr(estimator, "device") else None)
    try:
        rows: Any = _validated(estimator, X, reset=False)
    except ValueError as error:
        raise _with_remedy(error, name) from None
    if finite:
        check_finite(name, rows)
    return rows


def _with_remedy(error: ValueError, name: str) -> ValueError:
    """scikit-learn's error; where columns are unknown or in another order, with what to do."""
    words = str(error).rstrip()
    if "names" not in words or "yet now missing" in words:
        return error
    return ValueError(f"{words}\nGive {name}[list(classifier.feature_names_in_)].")


def check_validation(estimator: Any, validation: Any, classes: Array) -> Blocks:
    """Validation data (X, y) or (X, y, sample_weight) as blocks."""
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise TypeError(
            "validation must be (X, y), (X, y, weights), a number or None, got a"
            f" {type(validation).__name__}."
        )
    X_val, y_val, *rest = validation
    X_val, y_val = examples_of(X_val, y_val)
    check_one_device(X_val, {"the validation y": y_val})
    X_val: Any = check_rows(estimator, "The validation X", X_val)
    y_val = column_or_1d(labels_of("The validation y", y_val))
    if X_val.shape[0] != len(y_val):
        raise ValueError(
            f"The validation X has {X_val.shape[0]} rows and its y {len(y_val)} labels; "
            "give one label a row."
        )
    weight = None
    if rest and rest[0] is not None:
        weight, _ = in_units(_weight_of_each_row(rest[0], len(y_val)))
    return in_blocks(X_val, _encode(y_val, classes), weight, estimator.n_jobs)


def is_part(validation: Any) -> bool:
    """Whether `validation` is the part of the rows to hold out, a number."""
    return isinstance(validation, Real)


def hold_out(labels: Array, n_classes: int, part: Any, seed: int = 0) -> tuple[Array, Array]:
    """Rows to fit and rows to score, rising, drawn with the proportions of the classes.

    The only example of a class is always fitted.
    """
    check_number("validation", part, above=0, below=1)
    counts = np.bincount(labels, minlength=n_classes)
    candidates = np.flatnonzero(counts[labels] > 1)
    n_held_out = round(part * len(labels))
    n_fitted = len(labels) - n_held_out
    given = (
        f"validation={part} of {len(labels)} rows leaves {n_fitted} to fit on and "
        f"{n_held_out} to score"
    )
    if n_held_out < 1 or n_fitted < 1:
        raise ValueError(f"{given}; give a part, or more rows, so that both have some.")
    if n_held_out >= len(candidates):
        alone = len(labels) - len(candidates)
        raise ValueError(
            f"{given}, but {alone} must be fitted as the only examples of their classes; "
            "give more rows."
        )
    # More classes than rows to hold out, or to fit, cannot be split in proportion.
    few = min(n_held_out, len(candidates) - n_held_out) < np.count_nonzero(counts > 1)
    strata = None if few else labels[candidates]
    split = train_test_split(candidates, test_size=n_held_out, random_state=seed, stratify=strata)
    held_out = np.sort(split[1])
    return np.delete(np.arange(len(labels)), held_out), held_out


def _rows_of(name: str, X: Any, device: str | None) -> Any:
    """Rows as they are given, for this device; as an array of NumPy's if it is None."""
    stored = None if device is None else stored_rows(name, X, device)
    return features_of(name, X) if stored is None else stored


def _validated(estimator: Any, X: Any, *y: Any, reset: bool) -> Any:
    """What scikit-learn's checks return of X, or of X and y, without conversions.

    Of rows that are no array of NumPy's they see the shape alone. `check_finite` checks the values.
    """
    if isinstance(X, PartitionedRows):
        labels = check_partitioned(estimator, X, y[0] if y else None, reset=reset)
        return (X, labels) if y else X
    kept = X if isinstance(X, StoredRows) else None
    dtype = SPARSE_TYPES if issparse(X) else DENSE_TYPES
    options = {"dtype": dtype, "accept_sparse": "csr", "ensure_all_finite": False}
    shown: Any = X if kept is None else kept.stand_in
    checked: Any = validate_data(estimator, shown, *y, reset=reset, **options)
    if kept is None:
        return checked
    return (kept, checked[1]) if y else kept


def _encode(y: Array, classes: Array) -> Array:
    """Labels as integers 0..C−1."""
    labels = positions(y, classes)
    for start in range(0, len(y), SOME_ROWS):  # a copy of all labels would take memory
        part = slice(start, start + SOME_ROWS)
        unknown = classes[labels[part]] != y[part]
        if not unknown.any():
            continue
        row = start + int(np.argmax(unknown))
        label = y[row : row + 1].tolist()[0]
        more = ", ..." if len(classes) > 10 else ""
        known = ", ".join(map(repr, classes[:10].tolist())) + more
        raise ValueError(
            f"y[{row}] = {label!r} is not among the classes {known}; give labels of these classes."
        )
    return labels


def _class_weights(class_weight: Any, classes: Array, labels: Array) -> Array:
    """The weights of the classes (C,), by "balanced" or a dict."""
    if isinstance(class_weight, str):
        return compute_class_weight(class_weight, classes=classes, y=classes[labels])
    return weight_of_each_class(class_weight, classes)


def _weight_of_each_row(sample_weight: Any, n_rows: int) -> Array:
    weight = np.asarray(as_numpy(labels_here(sample_weight)), dtype=np.float64)
    if weight.ndim == 0:
        weight = np.full(n_rows, float(weight))
    if weight.shape != (n_rows,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}, but X has {n_rows} rows; "
            "give one weight a row."
        )
    return weight


def in_units(weight: Array) -> tuple[Array, float]:
    """Weights divided by the largest, and that one: sums stay finite, and none that counts is 0."""
    if not np.all(np.isfinite(weight)) or weight.min() < 0:
        raise ValueError("sample_weight and class_weight must be finite and at least 0 everywhere.")
    unit = float(weight.max())
    if unit == 0:
        raise ValueError("sample_weight is zero everywhere; give some example a weight above 0.")
    return weight / unit, unit


def _check_every_class_counts(labels: Array, classes: Array, weight: Array) -> None:
    empty = np.bincount(labels, weight, minlength=len(classes)) == 0
    if empty.any():
        name = classes[np.argmax(empty)]
        raise ValueError(
            f"Every example of class {name} has weight zero, so softmax has no optimum; "
            "leave them out."
        )

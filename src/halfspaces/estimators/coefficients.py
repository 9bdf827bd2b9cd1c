"""The coefficients of a linear classifier as a table, by names of features and classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from halfspaces.support.types import Array

INTERCEPT = "(intercept)"


def coefficient_table(
    features: Sequence[str], classes: Sequence[str], weights: Array, biases: Array
) -> Any:
    """A pyarrow.Table with a row for each feature, and the intercept in the last one.

    The column "feature" has the names; then comes a column for each class, or for two classes that
    of the second one, as `coef_` has rows.

    Parameters
    ----------
    features : names of the features, D
    classes : names of the classes, C
    weights : array, shape (C, D), or (1, D) for two classes
    biases : array, shape (C,) or (1,)

    >>> table = coefficient_table(["width"], ["cat", "dog"], np.array([[0.5]]), np.array([2.0]))
    >>> table.to_pydict()
    {'feature': ['width', '(intercept)'], 'dog': [0.5, 2.0]}
    """
    import pyarrow

    columns = [pyarrow.array([*features, INTERCEPT])]
    for row, bias in zip(weights, biases, strict=True):
        columns.append(pyarrow.array(np.append(row, row.dtype.type(bias))))
    return pyarrow.Table.from_arrays(columns, names=["feature", *classes[-len(weights) :]])


def feature_names(classifier: Any) -> list[str]:
    """The names (D,) of the features: of the fitted columns, of an image feature, or x0, x1, ..."""
    feature = getattr(classifier, "features_", None)
    if hasattr(classifier, "feature_names_in_"):
        return list(map(str, classifier.feature_names_in_))
    if feature is not None:
        return list(map(str, feature.get_feature_names_out()))
    return [f"x{column}" for column in range(classifier.n_features_in_)]

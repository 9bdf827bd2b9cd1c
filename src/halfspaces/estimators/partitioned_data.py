"""Checks of rows on an engine: the number and the names of their columns, as scikit-learn's are."""

from typing import Any

import numpy as np

from halfspaces.engines import PartitionedRows
from halfspaces.support.types import Array


def check_partitioned(estimator: Any, X: PartitionedRows, y: Array | None, *, reset: bool) -> Any:
    """The labels of rows on an engine; `reset` sets the number and names of features.

    Raises
    ------
    ValueError
        For another number of labels than rows, no rows, and other columns than the fitted ones.
    """
    if len(X) == 0:
        raise ValueError("X has no rows; give at least one.")
    if y is not None and len(y) != len(X):
        raise ValueError(f"X has {len(X)} rows and y {len(y)} labels; give one label a row.")
    if reset:
        estimator.n_features_in_ = X.n_features
        if X.columns is not None:
            estimator.feature_names_in_ = np.array(X.columns, dtype=object)
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return y
    if X.n_features != estimator.n_features_in_:
        raise ValueError(
            f"X has {X.n_features} features, but {type(estimator).__name__} is expecting"
            f" {estimator.n_features_in_} features as input; give the columns of the fit."
        )
    fitted = getattr(estimator, "feature_names_in_", None)
    if X.columns is not None and fitted is not None and list(X.columns) != fitted.tolist():
        raise ValueError(
            f"X has the columns {', '.join(X.columns[:10])}, and the classifier was fitted on"
            " others; give X[list(classifier.feature_names_in_)]."
        )
    return y

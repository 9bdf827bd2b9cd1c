"""The coefficients of a linear classifier as a table, by names of features and classes."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from halfspaces.estimators.linear import LinearModel

INTERCEPT = "(intercept)"


def coefficient_table(classifier: "LinearModel") -> Any:
    """A pyarrow.Table with a row for each feature, and the intercept in the last one.

    The column "feature" has the names; then comes a column for each class, or for two classes that
    of the second one, as `coef_` has rows.

    >>> from halfspaces import LinearClassifier
    >>> fitted = LinearClassifier().fit([[0.0, 1], [1, 0], [0, 2]], ["a", "b", "a"])
    >>> table = coefficient_table(fitted)
    >>> table.column_names, table["feature"].to_pylist()
    (['feature', 'b'], ['x0', 'x1', '(intercept)'])
    """
    import pyarrow

    weights, biases = classifier._arrays()
    classes = getattr(classifier, "notes_", {}).get("class_names") or classifier.classes_.tolist()
    names = [str(name) for name in classes][-len(weights) :]
    columns = [pyarrow.array([*feature_names(classifier), INTERCEPT])]
    for row, bias in zip(weights, biases, strict=True):
        columns.append(pyarrow.array(np.append(row, row.dtype.type(bias))))
    return pyarrow.Table.from_arrays(columns, names=["feature", *names])


def feature_names(classifier: "LinearModel") -> list[str]:
    """The names (D,) of the features: of the fitted columns, of an image feature, or x0, x1, ..."""
    feature = getattr(classifier, "features_", None)
    if hasattr(classifier, "feature_names_in_"):
        return list(map(str, classifier.feature_names_in_))
    if feature is not None:
        return list(map(str, feature.get_feature_names_out()))
    return [f"x{column}" for column in range(classifier.n_features_in_)]

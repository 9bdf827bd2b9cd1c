"""Why a class was predicted: what each column adds to its score."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from halfspaces.estimators.linear import LinearModel
from halfspaces.support.types import Array, Features
from halfspaces.system.libraries import as_numpy

VALUES = 1 << 20  # of rows that are explained together


class Reasons(NamedTuple):
    """The columns that add most to the score of each row's class, and what they add (n, K)."""

    columns: Array
    added: Array


def reference(classifier: LinearModel) -> Array:
    """The row (D,) that contributions compare with.

    The mean of the training rows; 0 where it is not known, as of classifiers without
    standardization.
    """
    if classifier._moments is not None:
        return classifier._moments.mean
    if classifier._center is not None:
        return classifier._center
    return np.zeros(classifier.n_features_in_)


def contributions(classifier: LinearModel, X: Array, classes: Array) -> Array:
    """What each column adds to the score of a class, (n, D): (x_j − mean_j) W_jc.

    Their sum is the score of the row minus that of the mean row. Standardized or not, it is the
    same number: ((x_j − mean_j)/scale_j) times the weight of the standardized column. Of two
    classes the score is the difference of the two. Where columns depend on each other this is what
    the formula adds, not what another value of the column would change in the world.

    Lundberg & Lee, A unified approach to interpreting model predictions, 2017, corollary 1,
    https://arxiv.org/abs/1705.07874

    Parameters
    ----------
    classifier : LinearClassifier
        Fitted.
    X : array, shape (n, D)
    classes : array, shape (n,)
        The position of a class in `classes_` for each row.

    Examples
    --------
    >>> from halfspaces import LinearClassifier
    >>> X = np.array([[0.0, 1.0], [2.0, 1.0]])
    >>> classifier = LinearClassifier(strength=0.1).fit(X, [0, 1])
    >>> contributions(classifier, X, np.array([0, 1])).round(3).tolist()
    [[1.614, -0.0], [1.614, 0.0]]
    """
    coef = np.asarray(as_numpy(classifier.coef_), dtype=np.float64)
    weights = np.where(classes[:, None] == 1, coef, -coef) if len(coef) == 1 else coef[classes]
    return (X - reference(classifier)) * weights


def reasons(classifier: LinearModel, X: Features, classes: Array, count: int) -> Reasons:
    """The `count` columns that add most to the score of each row's class, the largest first.

    Of equal ones the first comes first. Rows are made dense a few at a time.
    """
    count = min(count, classifier.n_features_in_)
    parts = list(_reasons(classifier, X, classes, count))
    return Reasons(
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.added for part in parts]),
    )


def _reasons(classifier: LinearModel, X: Features, classes: Array, count: int) -> Iterator[Reasons]:
    size = max(1, VALUES // classifier.n_features_in_)
    for start in range(0, len(classes), size):
        rows = X[start : start + size]
        dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
        added = contributions(classifier, dense, classes[start : start + size])
        columns = np.argsort(-added, axis=1, kind="stable")[:, :count]
        yield Reasons(columns, np.take_along_axis(added, columns, axis=1))

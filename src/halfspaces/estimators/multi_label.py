"""Several labels a row: a two-class problem for each column of an indicator matrix."""

import warnings
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from halfspaces.estimators.label_columns import given_columns
from halfspaces.estimators.label_sets import LabelSets, LabelSetsClassifier
from halfspaces.support.types import Array
from halfspaces.system.blas import OUTSIDE


class MultiLabelClassifier(ClassifierMixin, BaseEstimator):
    """A row may have several labels: one two-class fit for each column of an indicator matrix.

    The columns of Y are the sets of labels of a `LabelSetsClassifier`, or of a
    `LabelSetsClassifierCV`, which solves all at once. It is what scikit-learn's
    `OneVsRestClassifier` computes; with logistic regression of strength C over N rows λ = 1/(C N).

    Parameters
    ----------
    sets : LabelSetsClassifier, LabelSetsClassifierCV or None
        How the columns are fitted; None takes `LabelSetsClassifier()`. It is not changed: a copy is
        fitted.

    Attributes
    ----------
    sets_ : LabelSetsClassifier or LabelSetsClassifierCV
        The fitted columns that have both values.
    classes_ : array, shape (P,)
        The names of the columns of Y, or their numbers.
    constant_ : dict {number of a column: 0 or 1}
        Columns that have one value alone, which is predicted.
    n_features_in_ : int

    Raises
    ------
    ValueError
        If Y is no matrix of 0 and 1.

    Warns
    -----
    UserWarning
        If a column has one value alone.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> X, Y = make_multilabel_classification(300, n_classes=4, random_state=0)
    >>> classifier = MultiLabelClassifier().fit(X, Y)
    >>> classifier.predict(X[:3]).shape, bool(classifier.score(X, Y) > 0.5)
    ((3, 4), True)
    """

    sets_: LabelSets
    classes_: Array
    constant_: dict[int, int]

    def __init__(self, sets: LabelSets | None = None) -> None:
        self.sets = sets

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, Y: Any, sample_weight: Any = None) -> Self:
        """Fit a classifier to each column.

        Parameters
        ----------
        X, sample_weight
            As of `LinearClassifier.fit`.
        Y : array or sparse matrix (N, P), data frame or dict of columns
            1 where a row has the label, else 0.

        Returns
        -------
        self
        """
        names, indicator = _indicator(Y)
        both = (indicator != indicator[:1]).any(axis=0)
        if not both.any():
            raise ValueError(
                "Each column of Y has one value alone; give labels that some rows have and some "
                "have not."
            )
        if not both.all():
            first = names[int(np.argmin(both))]
            warnings.warn(
                f"{np.sum(~both)} of {len(names)} columns of Y have one value alone, the first is "
                f"{first!r}: it is predicted for all rows.",
                stacklevel=OUTSIDE,
            )
        sets: Any = LabelSetsClassifier() if self.sets is None else clone(self.sets)
        self.sets_ = sets.fit(X, indicator[:, both], sample_weight)
        self.constant_ = {int(c): int(indicator[0, c]) for c in np.flatnonzero(~both)}
        self.classes_ = np.array(names)
        self.n_features_in_ = sets.n_features_in_
        return self

    def decision_function(self, X: Any) -> Array:
        """The score of each label, (N, P): above 0 where it is predicted."""
        return self._filled(np.stack(self._sets.decision_function(X), axis=1), -np.inf, np.inf)

    def predict(self, X: Any) -> Array:
        """1 for each label that is predicted, else 0, (N, P)."""
        return (self.decision_function(X) > 0).astype(np.int64)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each label, (N, P), for losses that have some."""
        columns = [values[:, 1] for values in self._sets.predict_proba(X)]
        return self._filled(np.stack(columns, axis=1), 0.0, 1.0)

    @property
    def _sets(self) -> LabelSets:
        check_is_fitted(self)
        return self.sets_

    def _filled(self, values: Array, never: float, always: float) -> Array:
        """The values of the fitted columns, and of those with one value alone."""
        filled = np.empty((len(values), len(self.classes_)), values.dtype)
        constant = list(self.constant_)
        filled[:, np.setdiff1d(np.arange(len(self.classes_)), constant)] = values
        for column, value in self.constant_.items():
            filled[:, column] = always if value else never
        return filled


def _indicator(Y: Any) -> tuple[list[Any], Array]:
    """The names of the columns, and the matrix (N, P) of 0 and 1 as int8."""
    if issparse(Y):
        Y = Y.toarray()
    n_rows = len(next(iter(Y.values()))) if isinstance(Y, dict) else len(Y)
    columns = given_columns(Y, n_rows)
    for column in columns:
        known = column.labels.dtype.kind in "biuf" and not column.missing.any()
        if not known or not np.isin(column.labels, (0, 1)).all():
            raise ValueError(
                f"{column} must be 1 where a row has the label and 0 elsewhere; for labels of "
                "other kinds use LabelSetsClassifier."
            )
    matrix = np.stack([column.labels.astype(np.int8) for column in columns], axis=1)
    return [column.name for column in columns], matrix

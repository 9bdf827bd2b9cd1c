"""`LogisticProbe`: logistic regression by C, for packages that bring scikit-learn's."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from halfspaces.convert import to_penalty
from halfspaces.estimators.checked_data import check_two
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.given import features_of, labels_of
from halfspaces.estimators.probes.labels import indicators
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


class LogisticProbe(ClassifierMixin, BaseEstimator):
    """Logistic regression with the C of scikit-learn's, solved to a proven bound.

    `fit` minimizes Σ w_i L_i / Σ w_i + λ ΣW² with the softmax loss and λ = 1/(2C Σ w_i), or
    1/(C Σ w_i) for two classes, where `LogisticRegression(C)` has its minimum. It takes what
    evaluators of embeddings give: lists, columns of data sets, tensors of torch, and labels (N, L)
    of 0 and 1, one problem a label. MTEB takes it as `evaluator_model`, SetFit as `model_head`.

    Parameters
    ----------
    C : float > 0, default 1.0
        The factor of the sum of the losses.
    class_weight : dict {label: weight}, "balanced" or None
        As of `LinearClassifier`.
    tol : float ≥ 0, default 1e-3
        As of `LinearClassifier`.
    max_passes : float > 0, default 1000
        Limit on visits to all examples.
    n_jobs : int or None
        Worker threads; None for every core.
    random_state : int or None
        Taken since evaluators set it; nothing is drawn.
    verbose : int, default −1
        As of `LinearClassifier`; −1 is silent.

    Attributes
    ----------
    classes_ : array, shape (C,), or (L,) for labels of 0 and 1
        The labels, sorted; else the numbers of the columns.
    estimators_ : list
        The `LinearClassifier`, or one a label; None for a label that all rows have, or none has.
    n_features_in_ : int
        D, the number of features.

    Raises
    ------
    ValueError, TypeError
        As of `LinearClassifier`.

    References
    ----------
    https://scikit-learn.org/stable/modules/linear_model.html#logistic-regression;
    `halfspaces.convert` for the other libraries' units

    Examples
    --------
    >>> import numpy as np
    >>> probe = LogisticProbe(C=1.0).fit([[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"])
    >>> probe.predict([[0.5], [2.5]]).tolist()
    ['no', 'yes']
    >>> several = np.array([[1, 0], [1, 1], [0, 1]])
    >>> probe.set_params(C=10).fit([[-3.0], [0.0], [3.0]], several).predict([[-3.0], [3.0]])
    array([[1, 0],
           [0, 1]])
    """

    classes_: Array
    estimators_: list[LinearClassifier | None]
    n_features_in_: int
    _always: Array  # of several labels, which ones all rows have; else empty

    def __init__(
        self,
        C: float = 1.0,
        class_weight: Any = None,
        tol: float = 1e-3,
        max_passes: float = 1000,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = -1,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.tol = tol
        self.max_passes = max_passes
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Array | None = None) -> Self:
        """Fit labels (N,), or 0 and 1 for each of L labels (N, L)."""
        check_number("C", self.C, above=0)
        X = features_of("X", X)
        columns = indicators("y", y)
        self._always = np.empty(0, bool) if columns is None else np.asarray(columns.all(axis=0))
        if columns is None:
            labels = labels_of("y", y)
            self.classes_ = np.unique(labels)
            check_two(self.classes_)
            self.estimators_ = [self._fitted(X, labels, sample_weight)]
        else:
            self.classes_ = np.arange(columns.shape[1])
            self.estimators_ = [
                self._fitted(X, column, sample_weight)
                if column.any() and not column.all()
                else None
                for column in columns.T
            ]
        self.n_features_in_ = np.shape(X)[1]
        return self

    def _fitted(self, X: Any, y: Array, sample_weight: Array | None) -> LinearClassifier:
        names = ("class_weight", "tol", "max_passes", "n_jobs", "random_state", "verbose")
        options = {name: getattr(self, name) for name in names}
        classifier = LinearClassifier(standardize=False, **options)
        data = classifier._checked(X, y, sample_weight)
        total = float(data.blocks.weights().sum()) * data.unit
        penalty = to_penalty(
            "sklearn.LogisticRegression", C=self.C, n_examples=total, n_classes=len(data.classes)
        )
        return classifier.set_params(penalty=penalty).fit(X, y, sample_weight)

    @property
    def _several(self) -> bool:
        check_is_fitted(self)
        return len(self._always) > 0

    def decision_function(self, X: Any) -> Array:
        """Scores (n, C), for two classes (n,), the difference of the two; of labels (n, L)."""
        if not self._several:
            return self._only.decision_function(X)
        X = features_of("X", X)
        scores = np.tile(np.where(self._always, np.inf, -np.inf), (np.shape(X)[0], 1))
        for column, each in enumerate(self.estimators_):
            if each is not None:
                scores[:, column] = each.decision_function(X)
        return scores

    def predict(self, X: Any) -> Array:
        """The class with the largest score; of labels, 1 for each with a score above 0."""
        if self._several:
            return (self.decision_function(X) > 0).astype(int)
        return self._only.predict(X)

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes (n, C), or that each label holds (n, L)."""
        if not self._several:
            return self._only.predict_proba(X)
        from scipy.special import expit

        return expit(self.decision_function(X))

    def score(self, X: Any, y: Any, sample_weight: Array | None = None) -> float:
        """Accuracy: the part of the rows predicted right, with all of their labels."""
        if not self._several:
            return self._only.score(X, y, sample_weight)
        return float(
            accuracy_score(indicators("y", y), self.predict(X), sample_weight=sample_weight)
        )

    @property
    def _only(self) -> LinearClassifier:
        (only,) = self.estimators_
        assert only is not None
        return only

"""`AutoClassifier`: a linear classifier whose loss and penalty win a race on held-out rows."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from halfspaces.estimators import races
from halfspaces.estimators.checked_data import check_data
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.estimators.given import examples_of
from halfspaces.estimators.racing import RaceRows
from halfspaces.losses.base import Loss
from halfspaces.penalties.base import Penalty
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.tuning.race import Race


def _has_probabilities(estimator: "AutoClassifier") -> bool:
    return hasattr(estimator.search_, "predict_proba")


class AutoClassifier(ClassifierMixin, BaseEstimator):
    """Linear classifier that chooses its loss, its penalty and their strength λ on held-out rows.

    Pairs of a loss and a penalty are raced by successive halving: each is fitted to few rows, with
    λ at its best, and the better half goes on with more rows. All are scored on the same held-out
    rows. The winner is the simplest pair whose accuracy is within one standard error of the best,
    the error being that of the paired difference. It is then fitted as `LinearClassifierCV` does.

    Parameters
    ----------
    losses : sequence of str or Loss
    penalties : sequence of str or Penalty
        The simplest first. By default the pairs are softmax with each penalty, and the squared
        hinge with L2 and L1; of other losses or penalties all pairs.
    budget : float > 0, default 120
        Seconds for the race and the final fit. Which pairs it allows is computed from the number of
        rows, features and classes, for a machine of two cores; so the result does not depend on the
        clock, but where this machine is much slower.
    class_weight, standardize, n_jobs, random_state
        As of `LinearClassifierCV`.

    Attributes
    ----------
    search_ : LinearClassifierCV
        The winner, fitted to all rows.
    race_ : Race
        Its entries, why candidates were left out, and `winner`, whose score is optimistic, since it
        was selected by it.
    classes_ : array, shape (C,)
    n_features_in_ : int

    Raises
    ------
    ValueError, TypeError
        As of `LinearClassifierCV`.

    References
    ----------
    Jamieson & Talwalkar, Non-stochastic best arm identification and hyperparameter optimization,
    2016, https://proceedings.mlr.press/v51/jamieson16.html

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 50))
    >>> y = X[:, 0] + 0.3 * rng.normal(size=60) > 0
    >>> classifier = AutoClassifier().fit(X, y)
    >>> classifier.race_.winner.name
    'softmax + l1'
    """

    def __init__(
        self,
        losses: Sequence[str | Loss] = ("softmax", "squared_hinge"),
        penalties: Sequence[str | Penalty] = ("l2", "l1", "elastic_net"),
        budget: float = races.BUDGET,
        class_weight: Any = None,
        standardize: bool = True,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.losses = losses
        self.penalties = penalties
        self.budget = budget
        self.class_weight = class_weight
        self.standardize = standardize
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, groups: Any = None) -> Self:
        """Race the pairs, and fit the winner to all rows.

        Parameters
        ----------
        X, y, sample_weight, groups
            As of `LinearClassifierCV.fit`.
        """
        check_number("budget", self.budget, above=0)
        X, y = examples_of(X, y)
        search = LinearClassifierCV(random_state=self.random_state, **self._options)
        data = check_data(search, X, y, sample_weight, reset=True, every_class_counts=True)
        given: Any = data.blocks.X
        groups = None if groups is None else np.asarray(groups)
        rows = RaceRows.of(data.blocks.y, data.sample_weight, groups, search._seed() or 0)
        known = races.named_components(races.pairs_of(self.losses, self.penalties))
        costs = races.component_costs(known, rows, given.shape, len(data.classes))
        enter = races.ComponentRace(known, lambda chosen: given[chosen], rows, self._options)
        self.race_: Race = races.run(costs, enter, rows, self.budget)
        loss, penalty = known[self.race_.winner.name]
        self.search_ = search.set_params(loss=loss, penalty=penalty)
        self.search_.fit(X, y, sample_weight, groups)
        self.classes_ = self.search_.classes_
        self.n_features_in_ = self.search_.n_features_in_
        return self

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "class_weight": self.class_weight,
            "standardize": self.standardize,
            "n_jobs": self.n_jobs,
        }

    def predict(self, X: Any) -> Array:
        """The class with the largest score for each row."""
        check_is_fitted(self)
        return self.search_.predict(X)

    def decision_function(self, X: Any) -> Array:
        """Scores, shape (N, C); for two classes the difference of the two, shape (N,)."""
        check_is_fitted(self)
        return self.search_.decision_function(X)

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Class probabilities, shape (N, C)."""
        return self.search_.predict_proba(X)

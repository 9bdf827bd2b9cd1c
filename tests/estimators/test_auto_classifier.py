"""The race of losses and penalties: its pick, and that it repeats itself."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.utils.estimator_checks import parametrize_with_checks

from halfspaces import AutoClassifier, LinearClassifierCV
from halfspaces.estimators.racing import RaceRows


def few_relevant(seed=0, n_rows=60, n_columns=50):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns))
    return X, X[:, 0] + 0.3 * rng.normal(size=n_rows) > 0


def test_few_relevant_columns_get_a_sparse_penalty():
    X, y = few_relevant()
    X_test, y_test = few_relevant(seed=1, n_rows=2000)
    auto = AutoClassifier().fit(X, y)
    assert "l1" in auto.race_.winner.name
    assert auto.score(X_test, y_test) > LinearClassifierCV().fit(X, y).score(X_test, y_test) + 0.1


@pytest.mark.long
def test_a_fit_repeats_itself_and_is_the_search_of_the_winner():
    X, y = load_wine(return_X_y=True)
    X, y = X[::3, :5], y[::3]
    auto = AutoClassifier(random_state=3).fit(X, y)
    again = clone(auto).set_params(n_jobs=1).fit(X, y)
    np.testing.assert_array_equal(auto.search_.coef_, again.search_.coef_)
    loss, penalty = auto.race_.winner.name.split(" + ")
    plain = LinearClassifierCV(loss, penalty, random_state=3).fit(X, y)
    np.testing.assert_array_equal(auto.predict_proba(X), plain.predict_proba(X))
    assert auto.classes_.tolist() == [0, 1, 2]


def test_labels_may_be_texts_and_groups_stay_together():
    X, y = few_relevant(n_rows=80)
    groups = np.repeat(np.arange(20), 4)
    labels = np.where(y, "yes", "no").astype(object)
    auto = AutoClassifier().fit(X, labels, groups=groups)
    assert set(auto.predict(X)) <= {"yes", "no"}
    rows = RaceRows.of(labels, None, groups, 0)
    for fold in rows.folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])


def test_any_beginning_of_the_training_rows_has_every_class():
    y = np.r_[np.zeros(3000, int), np.ones(40, int), np.full(30, 2)]
    (fold,) = RaceRows.of(y, None, None, 0).folds
    assert set(y[fold.train[:3]]) == {0, 1, 2}
    assert not set(fold.train) & set(fold.test)


def test_a_budget_is_above_zero():
    with pytest.raises(ValueError, match="budget must be above 0"):
        AutoClassifier(budget=0).fit(*few_relevant())


@pytest.mark.long
@parametrize_with_checks([AutoClassifier(budget=1e-9)])  # one pair is raced
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)

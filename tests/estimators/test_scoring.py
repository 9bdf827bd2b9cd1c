"""Scorers: whatever a scorer does with estimator, rows and labels, GridSearchCV agrees."""

import numpy as np
import pytest
import sklearn
from scipy.sparse import coo_array
from scipy.stats import binomtest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.metrics import accuracy_score, f1_score, get_scorer, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, StratifiedKFold
from sklearn.utils.validation import check_is_fitted

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.estimators.scoring import interval
from halfspaces.loop.result import Reason

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)
STRENGTHS = [1.0, 0.01]


def both(scoring, X, y, loss="softmax", **fit):
    """The scores (S, F) of our search and of scikit-learn's."""
    ours = LinearClassifierCV(loss, strengths=STRENGTHS, cv=FOLDS, scoring=scoring, tol=1e-7)
    theirs = GridSearchCV(
        LinearClassifier(loss, tol=1e-7), {"strength": STRENGTHS}, cv=FOLDS, scoring=scoring
    )
    found = ours.fit(X, y, **fit).scores_
    results = theirs.fit(X, y, **fit).cv_results_
    expected = [results[f"split{fold}_test_score"] for fold in range(3)]
    return found, np.transpose(expected)


def reversed_rows(estimator, X, y):
    return accuracy_score(y[::-1], estimator.predict(X[::-1]))


def a_third(estimator, X, y):
    return -log_loss(y[::3], estimator.predict_proba(X[::3]), labels=estimator.classes_)


def noise(estimator, X, y):
    return estimator.score(X + np.random.default_rng(0).normal(size=X.shape) * 1e6, y)


def in_place(estimator, X, y):
    X[:] = X.mean(axis=0)
    return accuracy_score(y, estimator.predict(X))


def other_rows(estimator, X, y):
    return estimator.decision_function(np.ones((5, X.shape[1]))).max()


def size_of_weights(estimator, X, y):
    check_is_fitted(estimator)
    assert estimator.n_features_in_ == X.shape[1]
    return -estimator.strength * np.sum(estimator.coef_**2) + estimator.intercept_[0]


def too_few_columns(estimator, X, y):
    with pytest.raises(ValueError, match="2 features"):
        estimator.predict(X[:, :2])
    return 1.0


SCORERS = [reversed_rows, a_third, noise, in_place, other_rows, size_of_weights, too_few_columns]


@pytest.mark.slow
@pytest.mark.parametrize("scoring", SCORERS)
@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["three classes", "two"])
def test_a_callable_gets_what_grid_search_gives(scoring, data):
    np.testing.assert_allclose(*both(scoring, *data), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "f1", "balanced_accuracy"])
def test_a_scorer_of_scikit_learn_gives_what_grid_search_gives(name, loss):
    np.testing.assert_allclose(*both(name, *CANCER, loss), rtol=1e-5)


def test_a_callable_gets_rows_of_the_kind_that_was_given():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(IRIS[0], columns=["a", "b", "c", "d"])

    def long_ones(estimator, X, y):
        long = np.asarray(X["a"] > 5)
        return accuracy_score(y[long], estimator.predict(X[long]))

    np.testing.assert_allclose(*both(long_ones, X, IRIS[1]), rtol=1e-9)
    sparse = coo_array(IRIS[0])
    np.testing.assert_allclose(*both(lambda e, X, y: e.score(X, y), sparse, IRIS[1]), rtol=1e-9)


def test_the_estimator_of_a_fold_is_one_of_its_training_rows():
    seen = []
    scoring = lambda estimator, X, y: seen.append((estimator, X)) or 1.0  # noqa: E731
    X, y = IRIS
    LinearClassifierCV(strengths=[0.1], cv=FOLDS, scoring=scoring, tol=1e-7).fit(X, y)
    for (estimator, held_out), (train, test) in zip(seen, FOLDS.split(X, y), strict=True):
        np.testing.assert_array_equal(held_out, X[test])
        alone = LinearClassifier(strength=0.1, tol=1e-7).fit(X[train], y[train])
        np.testing.assert_allclose(estimator.coef_, alone.coef_, atol=1e-3)
        assert estimator.get_params() == alone.set_params(tol=1e-7).get_params()
        assert estimator.result_.reason is Reason.CERTIFIED
        assert estimator.result_.loss == pytest.approx(alone.result_.loss, rel=1e-6)


def test_a_callable_sees_calibrated_probabilities():
    seen = []

    def scoring(estimator, X, y):
        seen.append(estimator.calibration_)
        return get_scorer("neg_log_loss")(estimator, X, y)

    options = {"strengths": [0.1], "cv": FOLDS, "calibrate": "sigmoid", "tol": 1e-6}
    own = LinearClassifierCV("squared_hinge", scoring=scoring, **options).fit(*IRIS)
    named = LinearClassifierCV("squared_hinge", scoring="neg_log_loss", **options).fit(*IRIS)
    np.testing.assert_allclose(own.scores_, named.scores_, rtol=1e-5)
    assert seen[0].slopes == pytest.approx(own.calibration_.slopes)


# --- metadata routing -----------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [True, False, "sample_weight", "another"])
def test_a_scorers_own_request_for_weights_is_obeyed(request_):
    X, y = CANCER
    weight = np.where(np.arange(len(y)) % 2, 10.0, 0.1)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer(f1_score).set_score_request(sample_weight=request_)
        classifier = LinearClassifierCV(strengths=STRENGTHS, cv=FOLDS, scoring=scorer, tol=1e-6)
        found = classifier.fit(X, y, sample_weight=weight).scores_
    counted = request_ in (True, "sample_weight")
    for fold, (train, test) in enumerate(FOLDS.split(X, y)):
        alone = LinearClassifier(strength=0.01, tol=1e-6)
        alone.fit(X[train], y[train], sample_weight=weight[train])
        given = weight[test] if counted else None
        expected = f1_score(y[test], alone.predict(X[test]), sample_weight=given)
        assert found[1, fold] == pytest.approx(expected, abs=1e-9)


def test_weights_count_in_a_scorer_without_a_request():
    X, y = CANCER
    weight = np.where(np.arange(len(y)) % 2, 10.0, 0.1)
    named, made = (
        LinearClassifierCV(strengths=[0.01], cv=FOLDS, scoring=scoring)
        .fit(X, y, sample_weight=weight)
        .scores_
        for scoring in ("accuracy", make_scorer(accuracy_score))
    )
    np.testing.assert_allclose(made, named, rtol=1e-12)


def test_the_interval_of_an_accuracy_is_wilsons_also_where_all_are_right_or_wrong():
    for right, n in [(20, 20), (0, 20), (13, 20), (1, 1), (996, 1000)]:
        low, high = interval("accuracy", np.array([right / n]), np.array([0.0]), n)
        expected = binomtest(right, n).proportion_ci(0.95, "wilson")
        assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-9)
        assert high[0] - low[0] > 0.005
    low, high = interval("loss", np.array([-1.0, -2.0]), np.array([0.5, 0.0]), 9)
    assert (low[0], high[0]) == pytest.approx((-1.979982, -0.020018))
    assert np.isnan([low[1], high[1]]).all(), "no spread tells of no error"


def test_an_interval_counts_each_row_once_however_often_it_is_held_out():
    X, y = CANCER
    rows = np.arange(0, 569, 6)
    for repeats in (1, 3):
        folds = RepeatedStratifiedKFold(n_splits=3, n_repeats=repeats, random_state=0)
        searched = LinearClassifierCV(strengths=[0.1], cv=folds).fit(X[rows], y[rows])
        results = searched.cv_results_
        found = results["interval_low"][0], results["interval_high"][0]
        mean = results["mean_test_score"]
        assert found == pytest.approx(np.ravel(interval("accuracy", mean, mean, len(rows))))


@pytest.mark.parametrize("loss", ["softmax", "hinge", "squared_hinge"])
def test_equal_accuracies_are_told_apart_by_the_held_out_loss(loss):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(-3, 1, (30, 5)), rng.normal(3, 1, (30, 5))]
    y = np.repeat([0, 1], 30)
    strengths = [80.8, 1.0, 0.05, 1e-3]
    searched = LinearClassifierCV(loss, strengths=strengths, cv=3).fit(X, y)
    assert np.all(searched.scores_ == 1)
    scoring = "log_loss" if loss == "softmax" else "loss"
    by_loss = LinearClassifierCV(loss, strengths=strengths, cv=3, scoring=scoring).fit(X, y)
    np.testing.assert_allclose(
        searched.cv_results_["tie_breaker"], by_loss.cv_results_["mean_test_score"], atol=1e-3
    )
    assert searched.strength_ <= 0.05
    if loss == "softmax":
        whole = LinearClassifierCV().fit(X, y)
        assert whole.predict_proba(X)[0, 0] > 0.95

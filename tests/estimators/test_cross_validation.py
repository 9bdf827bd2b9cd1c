"""The classifier that chooses its λ:
what separate fits would give, the choice, its probabilities and its errors.
"""

import re

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score, log_loss, make_scorer
from sklearn.model_selection import KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.estimators.calibration import CALIBRATIONS, Temperature
from halfspaces.estimators.checked_data import hold_out
from halfspaces.loop.result import Reason
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.tuning.folds import make_folds
from halfspaces.tuning.largest_strength import largest_strength, largest_strengths
from tests.helpers import NAMES, skip_if_minimized_to_the_tolerance

DIGITS = load_digits(return_X_y=True)

X, Y = DIGITS[0][:300], DIGITS[1][:300]

TEST = DIGITS[0][300:], DIGITS[1][300:]

STRENGTHS = [1.0, 0.1, 0.01]

TWO = Y < 2


@parametrize_with_checks(
    [
        LinearClassifierCV(strengths=[1.0, 0.1], cv=2, tol=1e-8),
        LinearClassifierCV(
            "hinge", strengths=[0.5], cv=2, tol=0.1, calibrate="temperature", scoring="log_loss"
        ),
    ]
)
def test_scikit_learn_checks(estimator, check):
    skip_if_minimized_to_the_tolerance(estimator, check)
    check(estimator)


# --- the same as separate fits --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"penalty": ElasticNet(7.0, 0.5)}], ids=str)
def test_scores_and_the_last_fit_are_those_of_separate_fits(options):
    folds = list(KFold(3).split(X))
    weight = 1.0 + np.arange(len(Y)) % 3
    searched = LinearClassifierCV(
        strengths=STRENGTHS[::-1], cv=folds, scoring="loss", tol=1e-6, **options
    )
    searched.fit(X, Y, sample_weight=weight)
    assert searched.strengths_.tolist() == STRENGTHS
    for row, strength in enumerate(STRENGTHS):
        penalty = ElasticNet(strength, 0.5) if "penalty" in options else L2(strength)
        alone = LinearClassifier(**(options | {"penalty": penalty}), tol=1e-6)
        for fold, (train, test) in enumerate(folds):
            fitted = alone.fit(X[train], Y[train], sample_weight=weight[train])
            objective = alone.objective(X[train], Y[train])
            scores = fitted.decision_function(X[test])
            losses = objective.loss.value_and_grad(scores, Y[test])[0]
            expected = -np.average(losses, weights=weight[test])
            assert searched.scores_[row, fold] == pytest.approx(expected, rel=2e-4)
            assert (
                searched.cv_results_[f"split{fold}_test_score"][row] == searched.scores_[row, fold]
            )
        if strength == searched.strength_:
            whole = alone.fit(X, Y, sample_weight=weight)
            assert searched.result_.loss == pytest.approx(whole.result_.loss, rel=2e-6)
            assert searched.result_.data_loss == pytest.approx(whole.result_.data_loss, rel=1e-2)
            np.testing.assert_allclose(
                searched.decision_function(X), whole.decision_function(X), atol=0.05
            )
    results = searched.cv_results_
    assert (
        searched.best_index_
        == searched.scores_.mean(axis=1).argmax()
        == results["rank_test_score"].argmin()
    )
    np.testing.assert_allclose(
        results["standard_error"], searched.scores_.std(axis=1, ddof=1) / np.sqrt(3)
    )
    assert (np.diff(results["mean_train_loss"]) < 0).all()
    assert searched.result_.reason is Reason.CERTIFIED


def test_accuracy_is_that_of_weighted_rows_and_class_weights_are_not_among_them():
    weight = 1.0 + np.arange(len(Y)) % 4
    train, test = np.arange(200), np.arange(200, 300)
    options = {"class_weight": {"three": 5.0}, "tol": 1e-6}
    searched = LinearClassifierCV(strengths=[0.1], cv=[(train, test)], **options).fit(
        X, NAMES[Y], sample_weight=weight
    )
    alone = LinearClassifier(strength=0.1, **options).fit(
        X[train], NAMES[Y[train]], sample_weight=weight[train]
    )
    assert searched.scores_[0, 0] == pytest.approx(
        alone.score(X[test], NAMES[Y[test]], sample_weight=weight[test])
    )


@pytest.mark.parametrize("rows", [Y < 10, TWO], ids=["ten classes", "two"])
def test_scorers_of_scikit_learn_see_what_a_fitted_classifier_would_show_them(rows):
    data, y, seen = X[rows], NAMES[Y[rows]], []
    train, test = np.arange(len(y) * 2 // 3), np.arange(len(y) * 2 // 3, len(y))

    def own(estimator, X, y):
        seen.append((X, y))
        return -log_loss(y, estimator.predict_proba(X), labels=estimator.classes_)

    scorers = [
        "balanced_accuracy",
        "neg_log_loss",
        make_scorer(balanced_accuracy_score),
        own,
        "log_loss",
    ]
    alone = LinearClassifier(strength=0.1, tol=1e-6).fit(data[train], y[train])
    balanced = balanced_accuracy_score(y[test], alone.predict(data[test]))
    loss = -log_loss(y[test], alone.predict_proba(data[test]), labels=alone.classes_)
    for scoring, expected in zip(scorers, [balanced, loss, balanced, loss, loss], strict=True):
        searched = LinearClassifierCV(
            strengths=[0.1], cv=[(train, test)], scoring=scoring, tol=1e-6
        ).fit(data, y)
        assert searched.scores_[0, 0] == pytest.approx(expected, rel=1e-4)
    np.testing.assert_array_equal(seen[0][0], data[test])
    np.testing.assert_array_equal(seen[0][1], y[test])


# --- rows to choose on ----------------------------------------------------------------------------


def test_validation_rows_of_their_own_are_scored_and_the_rest_is_fitted_once():
    searched = LinearClassifierCV(strengths=STRENGTHS, tol=1e-8).fit(X, Y, validation=TEST)
    expected = [
        LinearClassifier(strength=strength, tol=1e-8).fit(X, Y).score(*TEST)
        for strength in STRENGTHS
    ]
    np.testing.assert_allclose(searched.scores_[:, 0], expected, atol=1e-12)
    error = np.sqrt(np.array(expected) * (1 - np.array(expected)) / len(TEST[1]))
    np.testing.assert_allclose(searched.cv_results_["standard_error"], error)
    assert searched.score(*TEST) == max(expected)


def test_a_part_held_out_chooses_and_all_rows_are_fitted():
    searched = LinearClassifierCV(strengths=STRENGTHS, tol=1e-8).fit(X, Y, validation=0.3)
    assert searched.scores_.shape == (3, 1)
    assert searched.scores_ * 90 == pytest.approx(np.round(searched.scores_ * 90))  # 90 rows of 300
    whole = LinearClassifier(strength=searched.strength_, tol=1e-8).fit(X, Y)
    np.testing.assert_allclose(searched.coef_, whole.coef_, atol=1e-3)


def test_a_class_of_one_example_is_fitted_and_the_rest_is_held_out_in_proportion():
    labels = np.concatenate([[0], np.repeat([1, 2], 50)])
    for seed in range(20):
        train, held_out = hold_out(labels, 3, 0.1, seed)
        assert 0 in train
        assert np.bincount(labels[held_out]).tolist() == [0, 5, 5]
        assert sorted([*train, *held_out]) == list(range(101))


def test_groups_reach_the_folds_and_the_seed_the_shuffling():
    two, y = X[TWO], Y[TWO]
    leaked = np.repeat(two[::2], 2, axis=0)[: len(y)]  # of each row a twin, of one group
    groups, labels = np.arange(len(y)) // 2, np.repeat(y[::2], 2)[: len(y)]
    labels = np.where(groups % 3 == 0, 1 - labels, labels)
    options = {"strengths": [1e-4], "cv": 4, "tol": 1e-2}
    together = LinearClassifierCV(**options).fit(leaked, labels, groups=groups).scores_.mean()
    apart = LinearClassifierCV(**options).fit(leaked, labels).scores_.mean()
    assert together < apart - 0.1
    seeds = [
        LinearClassifierCV(**options, random_state=seed).fit(leaked, labels).scores_.tolist()
        for seed in (1, 1, 2)
    ]
    assert seeds[0] == seeds[1] != seeds[2]


# --- the choice -----------------------------------------------------------------------------------


def test_one_standard_error_takes_a_stronger_penalty():
    options = {
        "strengths": [0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4],
        "cv": 3,
        "scoring": "loss",
        "tol": 1e-2,
    }
    best, sparing = (
        LinearClassifierCV(rule=rule, **options).fit(X, Y)
        for rule in ("best", "one_standard_error")
    )
    mean, error = (best.cv_results_[name] for name in ("mean_test_score", "standard_error"))
    assert best.best_index_ == mean.argmax()
    within = mean >= mean.max() - error[mean.argmax()]
    assert sparing.best_index_ == np.flatnonzero(within)[0] < best.best_index_
    assert sparing.strength_ == options["strengths"][sparing.best_index_]


@pytest.mark.parametrize("loss", ["softmax", "hinge", "squared_hinge"])
def test_the_largest_strength_leaves_next_to_nothing_to_gain(loss):
    classifier = LinearClassifier(loss, tol=1e-6, max_passes=1000)
    objective = classifier.objective(X, Y)
    classifier.set_params(strength=largest_strength(objective)).fit(X, Y)
    # Where the loss is as good as linear, what is gained equals the penalty.
    assert classifier.result_.penalty / objective.loss.chance_value(10) == pytest.approx(
        0.01, rel=0.05
    )
    l1 = LinearClassifier(loss, penalty="l1").objective(X, Y)
    assert largest_strength(l1) == largest_strengths(l1)[0]


def test_a_grid_grows_while_its_best_is_at_the_edge():
    y = np.arange(100) % 2
    misleading = (
        np.where(np.arange(100) < 50, y, 1 - y)[:, None] + 0.1 * np.arange(100)[:, None] % 1
    )
    upwards = LinearClassifierCV(
        strengths=3, cv=[(np.arange(50), np.arange(50, 100))], scoring="loss", tol=1e-6
    )
    upwards.fit(misleading, y)
    np.testing.assert_allclose(upwards.strengths_[1:] / upwards.strengths_[:-1], 1e-3)
    assert len(upwards.strengths_) == 6  # as far as it may
    assert upwards.best_index_ == 0
    assert (np.diff(upwards.scores_[:, 0]) < 0).all()
    given = LinearClassifierCV(strengths=[100.0, 10.0], cv=2, scoring="loss", tol=1e-4).fit(X, Y)
    assert given.strengths_.tolist() == [100.0, 10.0]
    assert given.best_index_ == 1


def left_after(searched):
    """How many strengths were solved; the others are named, and said to be left out."""
    dropped = searched.cv_results_["dropped"]
    solved = int((~dropped).sum())
    assert dropped.tolist() == [False] * solved + [True] * (len(dropped) - solved)
    assert (searched.cv_results_["rank_test_score"][dropped] > solved).all()
    return solved


def test_a_path_is_left_where_a_decade_brought_nothing_better():
    rng = np.random.default_rng(0)
    data, y = rng.standard_normal((200, 60)), np.arange(200) % 2
    data[:, 0] += y  # one feature says something; the rest is there to overfit
    options = {"cv": 3, "scoring": "loss", "tol": 0.02}
    searched = LinearClassifierCV(strengths=15, **options).fit(data, y)
    solved, best = left_after(searched), searched.best_index_
    assert solved < 15
    covered = searched.strengths_[best] / searched.strengths_[[solved - 2, solved - 1]]
    assert covered[0] < 10 < covered[1]
    assert (
        left_after(LinearClassifierCV(strengths=searched.strengths_, **options).fit(data, y)) == 15
    )


def test_a_path_is_not_left_while_the_penalty_rises():
    searched = LinearClassifierCV(
        strengths=15, cv=2, scoring=lambda estimator, X, y: 1.0, tol=0.01
    ).fit(X, Y)
    solved = left_after(searched)
    alone = LinearClassifier(tol=0.01)
    penalties = [
        alone.set_params(strength=s).fit(X, Y).result_.penalty for s in searched.strengths_[:solved]
    ]
    peak = int(np.argmax(penalties))
    assert 3 < peak < solved < 15
    assert searched.strengths_[peak] / searched.strengths_[solved - 1] > 10


def test_the_result_is_that_of_the_path():
    searched = LinearClassifierCV(strengths=[0.1, 0.01], cv=2).fit(X, Y)
    history = searched.result_.history
    assert len(history) > 1
    assert history["loss"].shape == (len(history),)
    assert searched.result_.loss == searched.result_.data_loss + searched.result_.penalty
    assert history["passes"][-1] <= searched.result_.passes
    assert history["loss"][-1] == pytest.approx(searched.result_.loss)


def test_what_did_not_converge_says_so():
    with pytest.warns(ConvergenceWarning, match=r"limit on passes .* at most .* above the minimum"):
        searched = LinearClassifierCV(strengths=[0.01], cv=2, max_passes=3).fit(X, Y)
    assert searched.result_.reason is Reason.MAX_PASSES
    assert searched.result_.gap == searched.cv_results_["gap"][0] > 0


def test_a_fit_of_the_search_that_stopped_at_the_limit_says_so():
    options = {"strengths": [1.0, 1e-9], "cv": 2, "scoring": lambda e, X, y: e.strength}
    said = r"At 1 of 2 strengths, from 1e-09 to 1e-09, a fit reached the limit of 15 passes"
    with pytest.warns(ConvergenceWarning, match=said):
        searched = LinearClassifierCV(max_passes=15, **options).fit(X, Y)
    assert searched.strength_ == 1.0
    assert searched.result_.converged


# --- probabilities --------------------------------------------------------------------------------


def test_a_loss_with_kinks_is_chosen_roughly_and_fitted_to_the_tolerance():
    rough = LinearClassifierCV("hinge", strengths=[1.0, 0.3], cv=3, tol=1e-2).fit(X, Y)
    fine = LinearClassifierCV("hinge", strengths=[1.0, 0.3], cv=3, tol=1e-6).fit(X, Y)
    assert np.array_equal(fine.scores_, rough.scores_)
    assert fine.result_.reason is Reason.CERTIFIED
    assert fine.result_.gap <= 1e-6 * fine.result_.loss < rough.result_.gap
    assert fine.result_.loss < rough.result_.loss


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_ctrl_c_in_the_last_fit_of_a_search_keeps_the_best_so_far():
    def interrupt(run):
        if run.W.shape[1] == 1:  # the fit to all rows alone, after the search
            raise KeyboardInterrupt

    options = {"strengths": [1.0, 0.3], "cv": 3}
    rough = LinearClassifierCV("hinge", tol=1e-2, **options).fit(X, Y)
    stopped = LinearClassifierCV("hinge", tol=1e-6, callbacks=[interrupt], **options).fit(X, Y)
    assert stopped.result_.reason is Reason.INTERRUPTED
    assert stopped.result_.loss <= rough.result_.loss * (1 + 1e-12)
    assert np.array_equal(stopped.scores_, rough.scores_)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [Y < 10, TWO], ids=["ten classes", "two"])
@pytest.mark.parametrize("calibrate", ["temperature", "sigmoid"])
def test_a_calibrated_hinge_has_probabilities(rows, calibrate, tmp_path):
    data, y = X[rows], NAMES[Y[rows]]
    options = {
        "strengths": [0.3],
        "cv": [(np.arange(0, len(y), 2), np.arange(1, len(y), 2))],
        "tol": 0.001,
    }
    searched = LinearClassifierCV("hinge", calibrate=calibrate, **options).fit(data, y)
    probabilities = searched.predict_proba(data)
    assert probabilities.shape == (len(y), len(searched.classes_))
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    known = [np.searchsorted(searched.classes_, y)]
    alone = LinearClassifier("hinge", strength=0.3, tol=0.001).fit(data[::2], y[::2])
    assert not hasattr(alone, "predict_proba")
    held = alone.decision_function(data[1::2])
    columns = np.stack([0 * held, held], axis=1) if held.ndim == 1 else held
    expected = type(searched.calibration_).fit(columns, known[0][1::2])
    np.testing.assert_allclose(
        searched.calibration_.probabilities(columns), expected.probabilities(columns), atol=0.02
    )
    np.testing.assert_array_equal(
        searched.classes_[probabilities.argmax(axis=1)], searched.predict(data)
    )
    halfspaces.save(searched, tmp_path / "model")
    loaded = halfspaces.load(tmp_path / "model")
    assert loaded.calibration_ == searched.calibration_
    assert loaded.strength == searched.strength_ == 0.3
    np.testing.assert_array_equal(loaded.predict_proba(data), probabilities)
    np.testing.assert_array_equal(loaded.predict(data), searched.predict(data))
    np.testing.assert_array_equal(loaded.decision_function(data), searched.decision_function(data))
    assert not hasattr(loaded.fit(data, y), "predict_proba")  # a new fit has no calibration


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("calibrate", CALIBRATIONS)
@pytest.mark.parametrize("loss", ["softmax", "hinge", "ova_logistic"])
def test_the_predicted_class_is_the_most_probable(loss, calibrate, n_classes):
    data, y = X[n_classes > Y, 10:20], Y[n_classes > Y]  # a few columns: many errors
    y = np.where(np.arange(len(y)) % 5 == 0, 0, y)
    searched = LinearClassifierCV(loss, strengths=[1.0], cv=3, calibrate=calibrate, tol=0.05)
    predicted = searched.fit(data, y).predict(data)
    probable = searched.classes_[searched.predict_proba(data).argmax(axis=1)]
    np.testing.assert_array_equal(predicted, probable)
    scores = searched.decision_function(data)
    largest = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
    reordered = (searched.classes_[largest] != predicted).any()
    assert reordered == (calibrate == "sigmoid")


def test_log_loss_chooses_by_calibrated_probabilities():
    searched = LinearClassifierCV(
        "squared_hinge", strengths=[0.1], cv=3, scoring="log_loss", calibrate="temperature"
    )
    searched.fit(X, Y)
    probabilities = []
    for train, test in make_folds(3, X, Y):
        scores = (
            LinearClassifier("squared_hinge", strength=0.1)
            .fit(X[train], Y[train])
            .decision_function(X[test])
        )
        probabilities.append((scores, Y[test]))
    scores, labels = (np.concatenate(parts) for parts in zip(*probabilities, strict=True))
    pooled = Temperature.fit(scores, labels)
    assert searched.calibration_.inverse_temperature == pytest.approx(
        pooled.inverse_temperature, rel=0.05
    )
    expected = [
        -log_loss(y, pooled.probabilities(part), labels=range(10)) for part, y in probabilities
    ]
    np.testing.assert_allclose(searched.scores_[0], expected, atol=0.01)


# --- errors ---------------------------------------------------------------------------------------


SORTED = np.argsort(Y, kind="stable")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"strengths": 1},
            ValueError,
            "strengths, as a number of them, must be at least 2, got 1.",
        ),
        ({"strengths": []}, ValueError, "strengths is empty; give at least one number above 0"),
        ({"strengths": [1, 0]}, ValueError, "Each of strengths must be above 0, got 0."),
        ({"strengths": [1, np.nan]}, ValueError, "Each of strengths must be above 0, got nan."),
        (
            {"strengths": [np.inf]},
            ValueError,
            "Each of strengths must be finite and above 0, got inf.",
        ),
        (
            {"strengths": 0.5},
            TypeError,
            "strengths must be an integer or a sequence of numbers above 0, got 0.5.",
        ),
        (
            {"strengths": {1.0, 0.1}},
            TypeError,
            "strengths must be an integer or a sequence of numbers above 0, got {",
        ),
        (
            {"strengths": iter([1.0])},
            TypeError,
            "strengths must be an integer or a sequence of numbers above 0, got <",
        ),
        (
            {"strengths": True},
            TypeError,
            "strengths must be an integer or a sequence of numbers above 0, got True.",
        ),
        ({"cv": 1}, ValueError, "cv must be at least 2, got 1."),
        (
            {"cv": 400},
            ValueError,
            "400 folds need at least as many rows of classes that have two or more, got 300;",
        ),
        (
            {"cv": "five"},
            TypeError,
            "cv must be an integer, a scikit-learn splitter or an iterable of (train, test)",
        ),
        (
            {"cv": KFold},
            TypeError,
            "cv must be an integer, a scikit-learn splitter or an iterable of (train, test)",
        ),
        ({"cv": []}, ValueError, "cv=[] gives no folds"),
        ({"cv": [1, 2]}, TypeError, "cv must be an iterable of pairs (train, test)"),
        ({"cv": [([0, 999], [1])]}, ValueError, "cv gives row 999, but X has 300 rows"),
        (
            {"cv": [([0.5], [1])]},
            TypeError,
            "cv must give row numbers or masks, got an array of float64",
        ),
        (
            {"cv": [(SORTED[:200], SORTED[200:])]},
            ValueError,
            "training rows of fold 0 hold no example of class 7;",
        ),
        ({"cv": [(range(300), [])]}, ValueError, "Fold 0 holds out no example of a weight above 0"),
        (
            {"scoring": "acuracy"},
            ValueError,
            "scoring='acuracy' is not known: did you mean 'accuracy'",
        ),
        (
            {"scoring": 3},
            TypeError,
            "scoring must be a name or a callable (estimator, X, y), got 3.",
        ),
        (
            {"scoring": "log_loss", "loss": "hinge"},
            ValueError,
            "set calibrate='temperature' or 'sigmoid'",
        ),
        (
            {"scoring": "neg_log_loss", "loss": "hinge"},
            ValueError,
            "set calibrate='temperature' or 'sigmoid'",
        ),
        (
            {"scoring": lambda estimator, X, y: np.nan},
            ValueError,
            "gives no finite number at any strength; choose another.",
        ),
        (
            {"scoring": lambda estimator, X, y: np.inf},
            ValueError,
            "gives no finite number at any strength",
        ),
        ({"scoring": lambda estimator, X, y: "good"}, TypeError, "must give a number, got 'good'."),
        ({"verbose": "yes"}, TypeError, "verbose must be an integer, got 'yes'."),
        ({"rule": "most"}, ValueError, "rule='most' is not known: did you mean"),
        ({"rule": None}, TypeError, "rule must be one of 'best', 'one_standard_error', got None."),
        (
            {"calibrate": "platt"},
            ValueError,
            "calibrate='platt' is not known: choose one of 'temperature', 'sigmoid'.",
        ),
        (
            {"penalty": "max_norm"},
            ValueError,
            "penalty='max_norm' has no strength to choose; use LinearClassifier.",
        ),
        ({"penalty": MaxNorm(1.0)}, ValueError, "has no strength to choose; use LinearClassifier."),
        ({"loss": "sofmax"}, ValueError, "loss='sofmax' is not known: did you mean 'softmax'?"),
        ({"tol": -1}, ValueError, "tol must be at least 0, got -1."),
    ],
    ids=lambda given: str(given).split(" at 0x")[0],
)
def test_options_that_cannot_be(options, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        LinearClassifierCV(**{"strengths": [0.5], "tol": 0.1, **options}).fit(X, Y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"groups": np.arange(300) % 2},
            "5 folds need at least as many groups, got 2; take fewer folds.",
        ),
        ({"groups": [1, 2]}, "groups has shape (2,), but X has 300 rows; give one group a row."),
        ({"groups": [None, *range(299)]}, "groups is None at row 0; give one group a row."),
        (
            {"groups": Y, "validation": 0.1},
            "groups is for the folds of cv, which validation replaces; give one of them.",
        ),
        ({"validation": (X, None)}, "y should be a 1d array"),
        ({"validation": 1.5}, "validation must be above 0 and below 1, got 1.5."),
        ({"validation": (X[:2], [0, 77])}, "y[1] = 77 is not among the classes"),
        ({"sample_weight": 1.0 * (Y > 0)}, "Every example of class 0 has weight zero"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else None,
)
def test_data_that_cannot_be(given, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        LinearClassifierCV(strengths=[0.5]).fit(X, Y, **given)


def test_one_standard_error_needs_one():
    searched = LinearClassifierCV(
        strengths=[0.5], rule="one_standard_error", scoring="balanced_accuracy", tol=0.1
    )
    with pytest.raises(
        ValueError,
        match="rule='one_standard_error' has no standard error: one set of held-out rows",
    ):
        searched.fit(X, Y, validation=0.2)

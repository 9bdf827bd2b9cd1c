"""The estimator: scikit-learn's own checks, every option of `fit`, and its error messages."""

import re

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from halfspaces import LinearClassifier
from halfspaces.loop.result import Reason
from halfspaces.losses.softmax import Softmax
from halfspaces.optimizers import OPTIMIZERS, SGD
from halfspaces.penalties.l2 import L2
from halfspaces.tuning.early_stopping import EarlyStopping
from tests.helpers import NAMES, skip_if_minimized_to_the_tolerance

X, Y = load_digits(return_X_y=True)

TRAIN, TEST = slice(0, 1200), slice(1200, None)


@parametrize_with_checks(
    [
        LinearClassifier(tol=1e-12),
        LinearClassifier(loss="hinge", strength=0.1, tol=0.05),
    ],
)
def test_scikit_learn_checks(estimator, check):
    skip_if_minimized_to_the_tolerance(estimator, check)
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        LinearClassifier(penalty="l1"),
        LinearClassifier(optimizer="sgd"),
        LinearClassifier(penalty="max_norm"),
        LinearClassifier(standardize=False),
    ]
)
def test_scikit_learn_checks_with_options(estimator, check):
    check(estimator)


# --- among scikit-learn's tools -------------------------------------------------------------------


@pytest.mark.slow
def test_grid_search_fits_a_different_model_at_each_point():
    grid = {"strength": [1e-3, 3.0], "loss": ["softmax", "squared_hinge", "ova_logistic"]}
    search = GridSearchCV(LinearClassifier(tol=0.01), grid, cv=2, scoring="accuracy").fit(X, Y)
    scores = search.cv_results_["mean_test_score"].reshape(3, 2)
    assert (scores[:, 0] > scores[:, 1] + 0.01).all()
    assert len(np.unique(scores[:, 1])) == 3
    assert search.best_params_["strength"] == 1e-3
    assert search.best_score_ == scores.max() > 0.92


def test_pipeline_and_cross_validation():
    pipeline = make_pipeline(MinMaxScaler(), LinearClassifier(loss="squared_hinge"))
    pipeline.set_params(linearclassifier__standardize=False, linearclassifier__strength=1e-4)
    assert cross_val_score(pipeline, X, NAMES[Y], cv=3).mean() > 0.92


# --- types and orders of X ------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 1e5])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_scores_are_those_of_coef_and_intercept(offset, n_classes):
    data, y = X[n_classes > Y] + offset, Y[n_classes > Y]
    classifier = LinearClassifier().fit(data, y)
    expected = (data @ classifier.coef_.T + classifier.intercept_).squeeze()
    np.testing.assert_allclose(classifier.decision_function(data), expected, atol=1e-8)


@pytest.mark.parametrize("options", [{}, {"penalty": "l1"}, {"optimizer": "sgd"}], ids=str)
def test_the_same_bits_for_any_number_of_workers(options):
    data, y = np.tile(X.astype(np.uint8), (6, 1)), np.tile(Y, 6)  # several blocks
    fitted = [LinearClassifier(n_jobs=jobs, tol=0.05, **options).fit(data, y) for jobs in (1, 2, 4)]
    for classifier in fitted[1:]:
        np.testing.assert_array_equal(classifier.coef_, fitted[0].coef_)
        np.testing.assert_array_equal(
            classifier.decision_function(data), fitted[0].decision_function(data)
        )


# --- labels and probabilities ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels", [NAMES, NAMES.astype(object), np.arange(10) * 7 - 20, np.arange(10) / 2]
)
def test_labels_come_back_as_they_were(labels):
    y = labels[Y] if labels.dtype.kind != "f" else labels[Y] * 2
    classifier = LinearClassifier().fit(X, y)
    np.testing.assert_array_equal(classifier.classes_, np.unique(y))
    assert classifier.predict(X).dtype == y.dtype
    assert classifier.score(X, y) > 0.95


@pytest.mark.parametrize("labels", [np.array(["no", "yes"]), np.array([False, True])])
def test_two_classes_have_scikit_learn_shapes(labels):
    y = labels[(Y >= 5).astype(int)]
    classifier = LinearClassifier().fit(X, y)
    scores, probabilities = classifier.decision_function(X), classifier.predict_proba(X)
    assert (classifier.coef_.shape, classifier.intercept_.shape) == ((1, 64), (1,))
    assert (scores.shape, probabilities.shape) == ((len(X),), (len(X), 2))
    np.testing.assert_array_equal(classifier.predict(X), labels[(scores > 0).astype(int)])
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-scores)))


@pytest.mark.parametrize("loss", ["softmax", Softmax(0.01), "ova_logistic"], ids=str)
@pytest.mark.parametrize("n_classes", [2, 10])
def test_probabilities(loss, n_classes):
    rows = n_classes > Y
    classifier = LinearClassifier(loss).fit(X[rows], Y[rows])
    probabilities = classifier.predict_proba(X)
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(
        classifier.classes_[probabilities.argmax(axis=1)], classifier.predict(X)
    )
    np.testing.assert_allclose(np.exp(classifier.predict_log_proba(X)), probabilities, rtol=1e-9)


@pytest.mark.parametrize(
    ("loss", "y"), [("softmax", Y), ("softmax", Y // 8), ("ova_logistic", Y // 8)]
)
def test_with_a_free_bias_the_predicted_masses_are_the_class_counts(loss, y):
    mass = LinearClassifier(loss, strength=0.1, tol=1e-10).fit(X, y).predict_proba(X).sum(axis=0)
    np.testing.assert_allclose(mass, np.bincount(y), rtol=1e-4)


def test_a_hinge_has_no_probabilities_and_says_which_losses_have():
    classifier = LinearClassifier("hinge", strength=0.1, tol=0.05).fit(X, Y)
    assert not hasattr(classifier, "predict_proba")
    for method in ("predict_proba", "predict_log_proba"):
        with pytest.raises(AttributeError) as caught:
            getattr(classifier, method)
        sentence = str(caught.value.__cause__)
        assert "loss='hinge' gives no probabilities; use loss='softmax'" in sentence
        assert "LinearClassifierCV(calibrate='temperature')" in sentence


# --- options of fit -------------------------------------------------------------------------------


def test_class_weight_is_a_factor_on_sample_weight():
    unbalanced = np.flatnonzero((Y < 3) & (np.arange(len(Y)) % (Y + 1) == 0))
    data, y = X[unbalanced], Y[unbalanced]
    factors = len(y) / (3 * np.bincount(y))
    assert factors.max() > 1.5
    balanced = LinearClassifier(class_weight="balanced").fit(data, y).coef_
    explicit = LinearClassifier(class_weight=dict(enumerate(factors))).fit(data, y).coef_
    weighted = LinearClassifier().fit(data, y, sample_weight=factors[y]).coef_
    np.testing.assert_array_equal(explicit, balanced)
    np.testing.assert_array_equal(weighted, balanced)
    halves = LinearClassifier(class_weight=dict(enumerate(np.sqrt(factors))))
    np.testing.assert_allclose(
        halves.fit(data, y, sample_weight=np.sqrt(factors)[y]).coef_, balanced, rtol=1e-6
    )
    assert abs(balanced - LinearClassifier().fit(data, y).coef_).max() > 1e-3


def test_a_weight_of_two_is_the_row_twice_and_a_scale_of_all_weights_is_nothing():
    weight = np.arange(len(Y)) % 3
    repeated = LinearClassifier(tol=1e-9).fit(np.repeat(X, weight, axis=0), np.repeat(Y, weight))
    for scale in (1, 1e-3):
        weighted = LinearClassifier(tol=1e-9).fit(X, Y, sample_weight=scale * weight)
        np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-5)
        np.testing.assert_allclose(weighted.result_.loss, repeated.result_.loss, rtol=1e-9)


@pytest.mark.parametrize("optimizer", ["lbfgs", SGD(batch_size=64)], ids=["lbfgs", "sgd"])
@pytest.mark.parametrize("validation", [(X[TEST], Y[TEST]), 0.2], ids=["rows", "part"])
def test_validation_fills_the_history(validation, optimizer):
    classifier = LinearClassifier(optimizer=optimizer, strength=1e-3).fit(
        X[TRAIN], Y[TRAIN], validation=validation
    )
    history = classifier.result_.history
    assessed = np.isfinite(history["validation_loss"])
    assert assessed.sum() >= 10
    assert history["validation_accuracy"][assessed].max() > 0.9
    assert (np.diff(history["passes"]) > 0).all()
    assert history["validation_loss"][assessed][-1] < history["validation_loss"][assessed][0]


def test_held_out_rows_are_not_trained_on():
    alone = LinearClassifier().fit(X, Y).coef_
    assert abs(LinearClassifier().fit(X, Y, validation=0.3).coef_ - alone).max() > 1e-3
    np.testing.assert_array_equal(LinearClassifier().fit(X, Y, validation=(X, Y)).coef_, alone)


@pytest.mark.filterwarnings("ignore:The classes are linearly separable")
def test_early_stopping_ends_with_the_best_parameters():
    noisy = np.where(np.arange(len(Y)) % 4 == 0, (Y * 7 + np.arange(len(Y))) % 10, Y)
    stopping = LinearClassifier(
        penalty="none", callbacks=[EarlyStopping(patience=4, monitor="accuracy")]
    )
    stopping.fit(X[:300], noisy[:300], validation=(X[TEST], Y[TEST]))
    accuracy = stopping.result_.history["validation_accuracy"]
    assert stopping.result_.reason is Reason.EARLY_STOPPED
    assert accuracy.argmax() == len(accuracy) - 5
    assert stopping.score(X[TEST], Y[TEST]) == accuracy.max() > accuracy[-1]


def test_callbacks_see_every_evaluation_and_may_stop():
    passes = []

    def third(run):
        passes.append(run.passes)
        return Reason.STOPPED_BY_CALLBACK if len(passes) == 3 else None

    with pytest.warns(ConvergenceWarning, match="A callback asked to stop"):
        classifier = LinearClassifier(callbacks=[third]).fit(X, Y)
    assert passes == sorted(passes)
    assert len(passes) == 3
    assert len(classifier.result_.history) == 3


def test_what_did_not_converge_says_so_and_how_far_it_is():
    with pytest.warns(ConvergenceWarning, match=r"limit on passes .* at most .* above the minimum"):
        classifier = LinearClassifier(max_passes=5).fit(X, Y)
    best = LinearClassifier(tol=1e-9).fit(X, Y).result_
    assert 0 < classifier.result_.loss - best.loss <= classifier.result_.gap


def test_warm_start_takes_fewer_passes():
    classifier = LinearClassifier(tol=1e-6, warm_start=True)
    cold = classifier.fit(X, Y).n_iter_
    assert classifier.fit(X, Y).n_iter_ <= 2
    assert classifier.set_params(strength=0.012).fit(X, Y).n_iter_ < cold
    fresh = LinearClassifier(tol=1e-6, strength=0.012).fit(X, Y)
    np.testing.assert_allclose(classifier.result_.loss, fresh.result_.loss, rtol=2e-6)
    with pytest.raises(
        ValueError, match=r"10 classes and 64 features, but .* 10 classes and 8 features; set warm"
    ):
        classifier.fit(X[:, :8], Y)


def test_without_an_intercept():
    classifier = LinearClassifier(fit_intercept=False).fit(X, Y)
    assert not classifier.intercept_.any()
    assert not classifier.decision_function(np.zeros((1, 64))).any()
    assert classifier.score(X, Y) > 0.95


def test_random_state_seeds_the_optimizers_that_draw():
    def coef(**options):
        return LinearClassifier(optimizer="sgd", **options).fit(X, Y).coef_

    np.testing.assert_array_equal(coef(), coef())
    np.testing.assert_array_equal(coef(random_state=3), coef(random_state=np.random.RandomState(3)))
    assert (coef(random_state=3) != coef(random_state=4)).any()


def test_verbose_says_what_is_done_and_silence_is_silence(capfd):
    LinearClassifier().fit(X, Y)
    assert capfd.readouterr() == ("", "")
    LinearClassifier(verbose=1).fit(X, Y)
    chosen, ended = capfd.readouterr().out.splitlines()
    assert chosen == (
        "LinearClassifier: L-BFGS preconditioned by the Gram matrix: "
        "loss and penalty have gradients."
    )
    assert ended.startswith(
        "LinearClassifier: The objective is within the tolerance of its minimum"
    )


# --- partial_fit ----------------------------------------------------------------------------------


def batches(epochs=1):
    return [slice(start, start + 200) for _ in range(epochs) for start in range(0, 1200, 200)]


def test_partial_fit_repeats_itself_and_approaches_fit():
    first, second = (
        LinearClassifier(strength=1e-3, optimizer=SGD(batch_size=25)) for _ in range(2)
    )
    for rows in batches(epochs=10):
        for classifier in (first, second):
            classifier.partial_fit(X[rows], NAMES[Y[rows]], classes=NAMES)
    np.testing.assert_array_equal(first.coef_, second.coef_)
    whole = LinearClassifier(strength=1e-3).fit(X[TRAIN], NAMES[Y[TRAIN]])
    truth = NAMES[Y[TEST]]
    assert first.score(X[TEST], truth) > whole.score(X[TEST], truth) - 0.02


def test_partial_fit_standardizes_by_all_rows_seen():
    shifted = X + np.linspace(0, 50, len(X))[:, None]  # each batch has another mean
    classifier = LinearClassifier()
    for rows in batches():
        classifier.partial_fit(shifted[rows], Y[rows], classes=range(10))
    standardization = classifier._moments.standardization()
    np.testing.assert_allclose(standardization.mean, shifted[TRAIN].mean(axis=0))
    np.testing.assert_allclose(standardization.scale, shifted[TRAIN].std(axis=0))


def test_an_objective_of_other_rows_changes_nothing_for_partial_fit():
    first, second = (LinearClassifier().fit(X[TRAIN], Y[TRAIN]) for _ in range(2))
    second.objective(100 * X[:50], Y[:50])
    for classifier in (first, second):
        classifier.partial_fit(X[TEST], Y[TEST])
    np.testing.assert_array_equal(first.coef_, second.coef_)


def test_partial_fit_counts_weights():
    weight = 1.0 * (np.arange(200) < 100)
    weighted = LinearClassifier(optimizer=SGD(batch_size=200))
    weighted.partial_fit(X[:200], Y[:200], classes=range(10), sample_weight=weight)
    fewer = LinearClassifier(optimizer=SGD(batch_size=100)).partial_fit(
        X[:100], Y[:100], classes=range(10)
    )
    np.testing.assert_allclose(weighted.coef_, fewer.coef_, atol=1e-10)


def test_partial_fit_needs_the_classes_first():
    with pytest.raises(ValueError, match="classes must be given on the first call"):
        LinearClassifier().partial_fit(X, Y)
    classifier = LinearClassifier().partial_fit(X[:20], Y[:20], classes=range(10))
    with pytest.raises(ValueError, match=r"classes=\[0, 1\] differ from those of the first call"):
        classifier.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(
        ValueError, match=r"y\[1\] = 11 is not among the classes 0, 1, 2, .*9; give"
    ):
        classifier.partial_fit(X[:2], [0, 11])


@pytest.mark.parametrize("optimizer", ["auto", SGD(), *OPTIMIZERS], ids=str)
def test_partial_fit_is_there_where_it_works(optimizer):
    classifier = LinearClassifier(optimizer=optimizer)
    if hasattr(classifier, "partial_fit"):
        assert optimizer in ("auto", "sgd") or isinstance(optimizer, SGD)
        assert classifier.partial_fit(X[:99], Y[:99], classes=range(10)).coef_.any()
        return
    with pytest.raises(AttributeError) as caught:
        classifier.partial_fit(X, Y, classes=range(10))
    needed = "partial_fit needs optimizer='auto', 'sgd' or an SGD(...), got "
    assert str(caught.value.__cause__) == f"{needed}{optimizer!r}."


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"loss": "sofmax"}, ValueError, "loss='sofmax' is not known: did you mean 'softmax'?"),
        ({"loss": Softmax}, TypeError, "loss must be a Loss or one of 'softmax', "),
        ({"penalty": "l3"}, ValueError, "penalty='l3' is not known: did you mean 'l2' or 'l1'?"),
        ({"penalty": L2}, TypeError, "penalty must be a Penalty or one of 'l2', "),
        (
            {"optimizer": "simplex"},
            ValueError,
            "optimizer='simplex' is not known: choose one of 'auto', 'lbfgs', ",
        ),
        ({"optimizer": SGD}, TypeError, "optimizer must be an Optimizer or one of 'auto', "),
        (
            {"optimizer": "lbfgs", "penalty": "l1"},
            TypeError,
            "use optimizer='proximal' or penalty='l2'",
        ),
        (
            {"penalty": L2(0.1), "strength": 0.1},
            ValueError,
            "L2(strength=0.1), which carries its own; give one.",
        ),
        (
            {"penalty": "max_norm", "strength": 1},
            ValueError,
            "takes no strength, got strength=1; use penalty=MaxNorm(",
        ),
        ({"strength": -1}, ValueError, "strength must be at least 0, got -1."),
        ({"strength": [0.1, 1]}, TypeError, "strength must be a number, got [0.1, 1]."),
        ({"tol": -1}, ValueError, "tol must be at least 0, got -1."),
        ({"tol": None}, TypeError, "tol must be a number, got None."),
        ({"max_passes": 0}, ValueError, "max_passes must be above 0, got 0."),
        ({"max_passes": np.inf}, ValueError, "max_passes must be finite and above 0, got inf."),
        ({"n_jobs": 0}, ValueError, "n_jobs (None takes every core) must be at least 1, got 0."),
        ({"n_jobs": 1.5}, TypeError, "n_jobs (None takes every core) must be an integer, got 1.5."),
        (
            {"class_weight": "even"},
            ValueError,
            "class_weight must be 'balanced', a dict or None, got 'even'.",
        ),
        (
            {"class_weight": {3: -1}},
            ValueError,
            "sample_weight and class_weight must be finite and at least 0",
        ),
        (
            {"callbacks": [EarlyStopping()]},
            ValueError,
            "EarlyStopping needs validation data: fit(X, y, validation=",
        ),
    ],
    ids=str,
)
def test_options_that_cannot_be(options, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        LinearClassifier(**options).fit(X, Y)
    assert "\n" not in str(caught.value)

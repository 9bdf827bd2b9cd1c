"""Held-out scores of a search, sets of labels and accepted labels: what is promised is kept."""

import json

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_predict

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV, datasets, features
from halfspaces.estimators.reliability import Acceptance, OrderStatistics, PredictionSets
from halfspaces.files import safetensors_file
from halfspaces.files.safetensors_file import ModelFileError
from tests.helpers import real

IRIS = load_iris(return_X_y=True)


def search(X=IRIS[0], y=IRIS[1], **options):
    options = {"strengths": [0.1, 0.01], "random_state": 0, "tol": 1e-6} | options
    return LinearClassifierCV(**options).fit(X, y)


# --- held-out scores ------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3])
def test_held_out_scores_are_those_of_separate_fits(classes):
    X, y = IRIS[0][: 50 * classes], IRIS[1][: 50 * classes]
    tests = np.arange(len(y)).reshape(-1, 5).T
    folds = [(np.setdiff1d(np.arange(len(y)), test), test) for test in tests]
    found = search(X, y, cv=folds)
    alone = LinearClassifier(strength=found.strength_, tol=1e-6)
    expected = cross_val_predict(alone, X, y, cv=folds, method="decision_function")
    given = found.held_out_decision_function_
    assert given.shape == ((len(y), 3) if classes == 3 else (len(y),))
    np.testing.assert_allclose(given, expected, atol=0.02)
    p = found.held_out_probabilities_
    np.testing.assert_allclose(p.sum(axis=1), 1)
    winners = given > 0 if classes == 2 else given.argmax(axis=1)
    np.testing.assert_array_equal(p.argmax(axis=1), winners)


def test_rows_that_no_fold_holds_out_are_nan_and_several_folds_are_averaged():
    X, y = IRIS
    folds = list(RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0).split(X, y))
    once, again = (search(cv=part, strengths=[0.1]) for part in (folds[:5], folds[5:]))
    mean = (once.held_out_decision_function_ + again.held_out_decision_function_) / 2
    np.testing.assert_allclose(
        search(cv=folds, strengths=[0.1]).held_out_decision_function_, mean, atol=1e-3
    )
    part = LinearClassifierCV(strengths=[0.1]).fit(X, y, validation=0.2)
    assert np.isnan(part.held_out_decision_function_).all(axis=1).sum() == 120
    own = LinearClassifierCV(strengths=[0.1]).fit(X[20:], y[20:], validation=(X[:20], y[:20]))
    assert own.held_out_decision_function_.shape == (20, 3)
    assert not hasattr(search(loss="hinge"), "held_out_probabilities_")
    assert search(loss="hinge", calibrate="sigmoid").held_out_probabilities_.shape == (150, 3)


# --- sets -----------------------------------------------------------------------------------------


def simulated(n, seed):
    """Probabilities that are wrong by a temperature, and labels of the true ones."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, 4)) * 1.5 + [0.5, 0, 0, -1.5]
    y = (softmax(scores, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return softmax(2 * scores, axis=1), y


def held(sets, y):
    return sets[np.arange(len(y)), y]


@pytest.mark.parametrize("coverage", [0.8, 0.95, 0.99])
def test_sets_hold_the_right_label_as_often_as_promised(coverage):
    """Mean over draws of the held-out rows; overconfident probabilities do not matter."""
    p, y = simulated(20_000, 0)
    rates = []
    for seed in range(1, 101):
        q, z = simulated(300, seed)
        sets = PredictionSets.fit(q[np.arange(300), z], z, 4)
        rates.append(held(sets.of(p, coverage), y).mean())
    error = np.std(rates) / 10 + 2e-3
    assert coverage - 2 * error <= np.mean(rates) <= coverage + 1 / 301 + 2 * error


def test_by_class_the_promise_holds_for_each_class():
    (q, z), (p, y) = simulated(20_000, 1), simulated(20_000, 2)
    sets = PredictionSets.fit(q[np.arange(len(z)), z], z, 4)
    every, each = (held(sets.of(p, 0.9, by_class=way), y) for way in (False, True))
    counts = np.bincount(y)
    error = np.sqrt(0.9 * 0.1 * (1 / counts + 1 / np.bincount(z)))
    assert np.all(abs(np.bincount(y, each) / counts - 0.9) < 3 * error + 0.005)
    assert (np.bincount(y, every) / counts).min() < 0.8, "else the test shows nothing"


def test_few_ranks_are_stored_and_never_promise_more():
    values = np.sort(np.random.default_rng(0).random(50_000))
    few = OrderStatistics.of(values, 1000)
    assert len(few.values) < 1000
    for rank in (1, 7, 500, 2500, 49_999):
        assert 0.985 * values[rank - 1] < few.at(rank) < values[rank - 1]
    assert PredictionSets.fit(np.array([0.5]), np.array([1]), 2).thresholds(0.9).tolist() == [0, 0]


def cifar():
    data = datasets.open(real("cifar-10-batches-bin"))
    images = data.images(data.X[:6_000])
    return features.parse("hog").fit(images).transform(images), data.y[:6_000]


def fashion():
    """Training images alone: the test images are harder, by one point of accuracy."""
    data = datasets.open(real("fashion-mnist"))
    return data.X[:6_000], data.y[:6_000]


def digits():
    return load_digits(return_X_y=True)


REAL = [digits, *(pytest.param(read, marks=pytest.mark.long) for read in (cifar, fashion))]


@pytest.mark.parametrize("read", REAL)
def test_sets_and_accepted_labels_of_real_data(read):
    X, y = read()
    order = np.random.default_rng(0).permutation(len(y))
    fitted, new = np.array_split(order, 2)
    classifier = LinearClassifierCV(strengths=[0.01], tol=1e-2, random_state=0).fit(
        X[fitted], y[fitted]
    )
    predicted = classifier.predict(X[new])
    for coverage in (0.9, 0.95, 0.99):
        found = held(classifier.predict_set(X[new], coverage), y[new])
        error = np.sqrt(2 * coverage * (1 - coverage) / len(new))
        assert found.mean() >= coverage - 2 * error
        if coverage > classifier.scores_.mean():
            # The final classifier saw a quarter more rows than those of the folds.
            assert found.mean() <= coverage + 2 * error + 0.01
    wrong = predicted != y[new]
    accepted = classifier.accepts(X[new], max_error=wrong.mean() * 0.7)
    assert 0.1 < accepted.mean() < 1
    assert wrong[accepted].mean() <= wrong.mean() * 0.7


# --- accepted labels ------------------------------------------------------------------------------


def test_the_error_of_accepted_labels_is_kept_in_nearly_all_draws():
    p, y = simulated(50_000, 0)
    confidence, is_right = p.max(axis=1), p.argmax(axis=1) == y
    broken = 0
    shares = []
    for seed in range(1, 201):
        q, z = simulated(2000, seed)
        found = Acceptance.fit(q.max(axis=1), q.argmax(axis=1) == z).below(0.2)
        accepted = confidence >= found.threshold
        shares.append(accepted.mean())
        broken += 1 - is_right[accepted].mean() > 0.2
    assert broken <= 200 * 0.05
    assert np.mean(shares) > 0.3, "a bound that accepts nothing keeps every promise"


def test_what_cannot_be_promised_is_said():
    classifier = search()
    with pytest.raises(ValueError, match=r"150 held-out rows prove 0\.\d+;"):
        classifier.accepts(IRIS[0], 1e-4)
    with pytest.raises(ValueError, match=r"coverage must be above 0 and below 1, got 1\.5"):
        classifier.predict_set(IRIS[0], 1.5)
    with pytest.raises(ValueError, match="no scores of held-out rows; fit a LinearClassifierCV"):
        LinearClassifier().fit(*IRIS).predict_set(IRIS[0])


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"loss": "hinge"}, {"calibrate": "sigmoid"}])
def test_a_model_file_has_what_the_promises_need(options, tmp_path):
    X, y = IRIS
    fitted = search(**options)
    halfspaces.save(fitted, tmp_path / "m")
    loaded = halfspaces.load(tmp_path / "m")
    assert loaded.reliability_ == fitted.reliability_ == fitted.classifier_.reliability_
    np.testing.assert_array_equal(loaded.predict_set(X, 0.97), fitted.predict_set(X, 0.97))
    np.testing.assert_array_equal(loaded.accepts(X, 0.2), fitted.accepts(X, 0.2))
    assert loaded.fit(X, y).reliability_ is None


def test_a_damaged_promise_is_refused(tmp_path):
    halfspaces.save(search(), tmp_path / "m.safetensors")
    tensors, metadata = safetensors_file.read(tmp_path / "m.safetensors")
    stored = metadata["reliability"]

    def damaged(*way, value):
        copy = json.loads(json.dumps(stored))
        at = copy
        for name in way[:-1]:
            at = at[name]
        at[way[-1]] = value
        return copy

    for wrong in (
        {"component": "Temperature", "inverse_temperature": 1.0},
        damaged("sets", value=None),
        damaged("sets", "by_class", value=stored["sets"]["by_class"][:2]),
        damaged("sets", "every", "count", value=10**12),
        damaged("sets", "every", "most", value=10**12),
        damaged("sets", "every", "values", value=["a"]),
        damaged("acceptance", "accepted", value=[1]),
        damaged("acceptance", "thresholds", value="high"),
        damaged("calibration", value=stored["sets"]),
    ):
        changed = {**metadata, "reliability": wrong}
        safetensors_file.write(tmp_path / "d.safetensors", tensors, changed)
        with pytest.raises(ModelFileError, match="is not one of a LinearClassifier"):
            halfspaces.load(tmp_path / "d.safetensors")


@pytest.mark.parametrize("calibrate", [None, "sigmoid"])
def test_accepted_labels_are_those_that_a_threshold_predicts(calibrate):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=4000)
    X = y[:, None] + rng.standard_normal((4000, 1))
    options = {"threshold": "recall=0.98", "calibrate": calibrate}
    search = LinearClassifierCV(strengths=[0.01], cv=3, **options).fit(X[:2000], y[:2000])
    right = search.predict(X[2000:]) == y[2000:]
    accepted = search.accepts(X[2000:], max_error=0.2)
    assert accepted.sum() > 100
    assert np.mean(~right[accepted]) < 0.2
    p = search.predict_proba(X[2000:])
    unlikely = p[np.arange(2000), search.predict(X[2000:])] < 0.3
    assert unlikely.any()
    assert not accepted[unlikely].any()

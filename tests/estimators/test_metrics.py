"""Figures with intervals: scikit-learn's values, and intervals that hold the truth."""

import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.estimators.metrics.answers import Answers, answers_of, subset
from halfspaces.estimators.metrics.confusion import Confusion
from halfspaces.estimators.metrics.evaluate import figures_of
from halfspaces.estimators.metrics.intervals import of_mean, of_share
from halfspaces.estimators.metrics.paired import holm, paired_accuracy, paired_mean
from halfspaces.estimators.metrics.ranking import average_precision, roc_auc

DATA = {
    "digits": load_digits(return_X_y=True),
    "iris": load_iris(return_X_y=True),
    "wine": load_wine(return_X_y=True),
    "cancer": load_breast_cancer(return_X_y=True),
    "tied": tuple(
        part.round(0) if part.ndim == 2 else part
        for part in make_blobs(300, 2, centers=2, cluster_std=4.0, random_state=0)[:2]
    ),
}


def close(value, expected):
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)


def expected_figures(classifier, X, y, weight):
    """The figures of scikit-learn."""
    predicted = classifier.predict(X)
    p = classifier.predict_proba(X)
    scores = classifier.decision_function(X)
    labels = classifier.classes_
    given = {"sample_weight": weight}
    found = {
        "accuracy": metrics.accuracy_score(y, predicted, **given),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted, **given),
        "macro_f1": metrics.f1_score(y, predicted, average="macro", **given),
        "log_loss": metrics.log_loss(y, p, labels=labels, **given),
    }
    if len(labels) > 5:
        top = metrics.top_k_accuracy_score(y, scores, k=5, labels=labels, **given)
        found["top_5_accuracy"] = top
    if len(labels) == 2:
        positive = y == labels[1]
        found["roc_auc"] = metrics.roc_auc_score(positive, scores, **given)
        found["average_precision"] = metrics.average_precision_score(positive, scores, **given)
    return found


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", DATA)
def test_values_are_those_of_scikit_learn(name, weighted):
    X, y = DATA[name]
    X = X.astype(np.float64)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    train, test = np.split(order, [len(y) // 3])
    if name == "digits":
        test = test[y[test] != 3]  # a class that is absent, but predicted
    weight = rng.integers(0, 4, len(test)) / 2 if weighted else None
    classifier = LinearClassifier(strength=0.1).fit(X[train], y[train])
    figures = halfspaces.evaluate(classifier, X[test], y[test], weight)
    counted = np.arange(len(test)) if weight is None else np.flatnonzero(weight)
    rows = test[counted]
    weight = None if weight is None else weight[counted]
    for metric, value in expected_figures(classifier, X[rows], y[rows], weight).items():
        close(figures[metric].value, value)
        assert figures[metric].low < figures[metric].value <= figures[metric].high
    predicted = classifier.predict(X[rows])
    labels = np.union1d(y[rows], predicted)
    assert [each.label for each in figures.classes] == labels.tolist()
    table = metrics.precision_recall_fscore_support(
        y[rows], predicted, labels=labels, sample_weight=weight, zero_division=np.nan
    )
    for metric, column in zip(("precision", "recall", "f1"), table, strict=False):
        held = [getattr(each, metric) for each in figures.classes]
        close([np.nan if each is None else each.value for each in held], column)
    matrix = metrics.confusion_matrix(
        y[rows], predicted, labels=classifier.classes_, sample_weight=weight
    )
    unit = 1.0 if weight is None else weight.max()
    close(figures.confusion.matrix * unit, matrix)


def test_unknown_labels_are_wrong_and_have_no_probability():
    X, y = DATA["iris"]
    classifier = LinearClassifier(strength=0.1).fit(X[y < 2], y[y < 2])
    figures = halfspaces.evaluate(classifier, X, y)
    known = halfspaces.evaluate(classifier, X[y < 2], y[y < 2])
    assert (figures.rows, figures.rows_unknown) == (150, 50)
    close(figures["accuracy"].value, known["accuracy"].value * 2 / 3)
    for name in ("log_loss", "roc_auc", "average_precision", "calibration_error"):
        assert figures[name] == known[name]
    assert figures.classes[2].recall.value == 0
    assert figures.classes[2].precision is None
    assert figures.most_confused(1)[0].true == 2


def test_losses_without_probabilities_and_calibrated_ones():
    X, y = DATA["cancer"]
    hinge = halfspaces.evaluate(LinearClassifier("hinge", strength=0.1, tol=0.1).fit(X, y), X, y)
    assert set(hinge.left_out) == {"log_loss", "calibration_error"}
    assert "roc_auc" in hinge.figures
    given = {"strengths": [0.1, 0.01], "calibrate": "sigmoid", "cv": 3}
    search = LinearClassifierCV("hinge", tol=0.1, **given).fit(X, y)
    calibrated = halfspaces.evaluate(search, X, y)
    p = search.predict_proba(X)
    close(calibrated["log_loss"].value, metrics.log_loss(y, p))
    close(calibrated["accuracy"].value, search.score(X, y))
    one_kind = halfspaces.evaluate(search, X[y == 1], y[y == 1])
    assert set(one_kind.left_out) == {"roc_auc", "average_precision"}


def test_no_array_of_rows_times_classes():
    """Blocks, subsets and zero weights: the same figures; 100,000 rows take under a second."""
    X, y = DATA["digits"]
    classifier = LinearClassifier(strength=0.1, tol=0.1).fit(X, y)
    blocks = [range(0, 1000), range(1000, 1797)]
    in_blocks = figures_of(answers_of(classifier, X, y, blocks=blocks))
    whole = halfspaces.evaluate(classifier, X, y)
    assert in_blocks.to_dict() == whole.to_dict()
    some = np.arange(len(y)) % 3 == 0
    part = figures_of(subset(answers_of(classifier, X, y), some))
    assert part.to_dict() == halfspaces.evaluate(classifier, X, y, some * 1.0).to_dict()
    answers = answers_of(classifier, np.tile(X, (60, 1)), np.tile(y, 60))
    started = time.perf_counter()
    figures_of(answers)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("name", ["balanced_accuracy", "macro_f1", "roc_auc", "average_precision"])
def test_influences_are_derivatives(name, monkeypatch):
    """The variance of each figure is that of its derivatives in the weights of the rows."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 40)
    score = (y + rng.normal(size=40)).round(1)
    predicted = (score > 0.5).astype(int)
    weight = rng.uniform(0.5, 2, 40)

    def value(weight):
        if name in ("roc_auc", "average_precision"):
            function = roc_auc if name == "roc_auc" else average_precision
            return function(score, y == 1, weight).value
        return getattr(Confusion(y, predicted, weight, 2), name).value

    slopes = np.array([(value(weight + h) - value(weight - h)) / 2e-6 for h in 1e-6 * np.eye(40)])
    seen = []
    module = "halfspaces.estimators.metrics"
    if name == "roc_auc":
        monkeypatch.setattr(
            f"{module}.ranking._with_one_fewer", lambda part, rows: seen.append(part) or 0.1
        )
    elif name == "average_precision":
        monkeypatch.setattr(f"{module}.ranking.of_logit", lambda *given: seen.append(given[1]))
    else:
        monkeypatch.setattr(
            f"{module}.confusion.of_mean_of_shares",
            lambda shares, touched: seen.append(sum(part.influence for part in touched) / 2),
        )
    with suppress(AttributeError):  # the figure that the replaced function does not make
        value(weight)
    found = seen[0]
    expected = weight * slopes
    if name == "roc_auc":
        found = np.concatenate(seen)
        expected = np.concatenate([expected[y == 1], expected[y == 0]])
    np.testing.assert_allclose(found, expected, atol=1e-7)


# --- coverage -------------------------------------------------------------------------------------


def coverages(truth, draws, seed=0):
    """The part of the intervals that hold the truth, of figures by name."""
    rng = np.random.default_rng(seed)
    held = dict.fromkeys(truth, 0)
    count = 0
    for figures in draws(rng):
        count += 1
        for name, figure in figures.items():
            held[name] += figure.low <= truth[name] <= figure.high
    return {name: each / count for name, each in held.items()}


def assert_covers(found, count, least):
    """95 %, within 3.5 standard errors of the simulation; intervals may be a little wider."""
    error = 3.5 * np.sqrt(0.95 * 0.05 / count)
    assert all(least - error <= part <= 0.975 + error for part in found.values()), found


def joint_of(n_classes, accuracy):
    """Probabilities (K, K) of true and predicted classes; the first is often the second."""
    prior = np.linspace(1, 3, n_classes)
    cells = np.full((n_classes, n_classes), (1 - accuracy) / (n_classes - 1))
    np.fill_diagonal(cells, accuracy)
    cells[0, :2] += [-0.1, 0.1]
    return (prior / prior.sum())[:, None] * cells


def class_figures(rng, joint, rows, count):
    n_classes = len(joint)
    for _ in range(count):
        y, predicted = divmod(rng.choice(n_classes**2, rows, p=joint.ravel()), n_classes)
        confusion = Confusion(y, predicted, np.ones(rows), n_classes)
        yield {
            "accuracy": of_share(confusion.right, confusion.weight),
            "balanced_accuracy": confusion.balanced_accuracy,
            "macro_f1": confusion.macro_f1,
        }


def class_coverages(n_classes, accuracy, rows, count):
    joint = joint_of(n_classes, accuracy)
    right = joint.diagonal()
    both = joint.sum(axis=0) + joint.sum(axis=1)
    truth = {
        "accuracy": right.sum(),
        "balanced_accuracy": (right / joint.sum(axis=1)).mean(),
        "macro_f1": (2 * right / both).mean(),
    }
    return coverages(truth, lambda rng: class_figures(rng, joint, rows, count))


def drawn(rng, rows, prevalence, distance):
    """Normal scores of two classes, and the log-loss of probabilities that are too sure."""
    y = rng.random(rows) < prevalence
    score = rng.normal(size=rows) + distance * y
    odds = 1.5 * (score - distance / 2) + np.log(prevalence / (1 - prevalence))
    return y, score, np.logaddexp(0, np.where(y, -odds, odds))


def ranking_coverages(prevalence, distance, rows, count):
    y, score, losses = drawn(np.random.default_rng(1), 1_000_000, prevalence, distance)
    truth = {
        "roc_auc": norm.cdf(distance / np.sqrt(2)),
        "average_precision": metrics.average_precision_score(y, score),
        "log_loss": losses.mean(),
    }

    def draws(rng):
        for _ in range(count):
            y, score, losses = drawn(rng, rows, prevalence, distance)
            weight = np.ones(rows)
            yield {
                "roc_auc": roc_auc(score, y, weight),
                "average_precision": average_precision(score, y, weight),
                "log_loss": of_mean(losses, weight),
            }

    return coverages(truth, draws)


def test_intervals_hold_the_truth_about_95_times_of_100():
    assert_covers(class_coverages(5, 0.9, 300, 400), 400, 0.95)
    assert_covers(ranking_coverages(0.3, 1.5, 400, 300), 300, 0.95)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_classes", "accuracy", "rows"),
    [(3, 0.8, 100), (3, 0.95, 300), (10, 0.9, 300), (10, 0.97, 1000), (10, 0.995, 200)],
)
def test_intervals_of_classes_hold_the_truth(n_classes, accuracy, rows):
    assert_covers(class_coverages(n_classes, accuracy, rows, 2000), 2000, 0.945)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prevalence", "distance", "rows"),
    [(0.5, 1.0, 100), (0.2, 1.5, 300), (0.1, 2.5, 300), (0.5, 3.0, 1000), (0.5, 0.5, 2000)],
)
def test_intervals_of_rankings_hold_the_truth(prevalence, distance, rows):
    """Means of few rows and skewed losses are a little below 95 %."""
    assert_covers(ranking_coverages(prevalence, distance, rows, 2000), 2000, 0.94)


def test_perfect_rankings_have_a_width():
    y = np.arange(60) % 2 == 1
    area = roc_auc(y * 1.0, y, np.ones(60))
    assert (area.value, area.high) == (1.0, 1.0)
    assert 0.9 < area.low < 0.97
    reversed_ranks = roc_auc(-1.0 * y, y, np.ones(60))
    assert (reversed_ranks.low, reversed_ranks.high) == pytest.approx((0.0, 1 - area.low))
    precision = average_precision(y * 1.0, y, np.ones(60))
    assert 0.8 < precision.low < precision.value == 1.0


def test_the_normal_variance_is_that_of_the_area():
    """The probability that two positive rows are above one negative, by a bivariate normal."""
    from halfspaces.estimators.metrics.ranking import _normal_variance

    area = 0.87
    height = norm.ppf(area)
    q = multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]]).cdf([height, height])
    expected = (area * (1 - area) + 28 * (q - area**2)) / 200
    assert _normal_variance(area, 10, 20) == pytest.approx(expected, rel=1e-6)


# --- two classifiers ------------------------------------------------------------------------------


def test_equal_models_are_seldom_told_apart():
    """McNemar's exact test keeps its level, and the interval holds the difference."""
    rng = np.random.default_rng(0)
    count = 300
    for shares in ([0.1, 0.1, 0.8], [0.02, 0.06, 0.92]):
        difference = shares[1] - shares[0]
        rejected = 0
        held = 0
        for _ in range(count):
            kind = rng.choice(3, 300, p=shares)
            paired = paired_accuracy(kind != 1, kind != 0)
            rejected += paired.p_value < 0.05
            held += paired.difference.low <= difference <= paired.difference.high
        assert held / count > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / count)
        if difference == 0:
            assert rejected / count < 0.05 + 3.5 * np.sqrt(0.95 * 0.05 / count)


def test_the_same_answers_differ_by_nothing():
    right = np.arange(100) < 80
    paired = paired_accuracy(right, right)
    assert (paired.p_value, paired.first_only, paired.second_only) == (1.0, 0, 0)
    assert paired.difference.value == 0
    assert paired.difference.high == pytest.approx(-paired.difference.low)
    assert 0 < paired.difference.high < 0.05
    everything = paired_accuracy(np.zeros(5, bool), np.ones(5, bool)).difference
    assert everything.high == 1
    assert 0 < everything.low < 1
    assert paired_mean(right * 1.0, right * 1.0).high == 0
    assert holm([0.5]) == [0.5]


def test_wrong_arguments_are_one_sentence():
    X, y = DATA["iris"]
    classifier = LinearClassifier(strength=0.1).fit(X, y)
    with pytest.raises(ValueError, match="one label for each of 150 rows, at least one, got 3"):
        halfspaces.evaluate(classifier, X, y[:3])
    with pytest.raises(ValueError, match="one number for each of 150 rows"):
        halfspaces.evaluate(classifier, X, y, [1.0])
    with pytest.raises(TypeError, match="takes a classifier of halfspaces, got object"):
        halfspaces.evaluate(object(), X, y)
    assert isinstance(replace(answers_of(classifier, X, y), score=None), Answers)

"""The threshold between two classes: chosen on held-out scores, saved, and used by predict."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.datasets import load_breast_cancer

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.estimators.threshold import Threshold
from halfspaces.export import to_sklearn

X, Y = load_breast_cancer(return_X_y=True)
X = X[:, :3]


def tied_scores():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    return (y + rng.normal(size=60)).round(1), y, rng.integers(1, 3, 60).astype(float)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rule", ["accuracy", "balanced_accuracy", "f1"])
def test_no_threshold_has_a_better_metric(rule, weighted):
    score, y, weight = tied_scores()
    given = {"sample_weight": weight if weighted else None}
    metric = getattr(metrics, f"{rule}_score" if rule != "accuracy" else "accuracy_score")
    found = Threshold.fit(score, y, given["sample_weight"], rule)
    values = [metric(y, score > t, **given) for t in [-9.0, *np.unique(score)]]
    assert found.value == pytest.approx(max(values))
    assert metric(y, score > found.score, **given) == pytest.approx(found.value)
    swapped = Threshold.fit(-score, 1 - y, given["sample_weight"], "balanced_accuracy")
    assert swapped.value >= found.value or rule != "balanced_accuracy"


@pytest.mark.parametrize("rule", ["precision=0.9", "recall=0.9"])
def test_bounds_are_kept(rule):
    score, y, _ = tied_scores()
    found = Threshold.fit(score, y, None, rule)
    both = {"precision": metrics.precision_score, "recall": metrics.recall_score}
    kept = both.pop(rule.partition("=")[0])
    (other,) = both.values()
    given = {"zero_division": 0}
    assert kept(y, score > found.score, **given) >= 0.9
    values = [
        other(y, score > t, **given)
        for t in [-9.0, *np.unique(score)]
        if kept(y, score > t, **given) >= 0.9
    ]
    assert found.value == pytest.approx(max(values))


def test_a_search_chooses_saves_and_predicts_by_its_threshold(tmp_path):
    options = {"strengths": [0.1, 0.01], "cv": 5}
    plain = LinearClassifierCV(**options).fit(X, Y)
    search = LinearClassifierCV(**options, threshold="recall=0.99").fit(X, Y)
    assert plain.threshold_ is None
    chosen = search.threshold_
    assert chosen.value < 1
    scores = search.decision_function(X)
    np.testing.assert_array_equal(scores, plain.decision_function(X))
    np.testing.assert_array_equal(search.predict(X), (scores > chosen.score) * 1)
    halfspaces.save(search, tmp_path / "m")
    loaded = halfspaces.load(tmp_path / "m")
    assert loaded.threshold_ == chosen
    np.testing.assert_array_equal(loaded.predict(X), search.predict(X))
    recall = halfspaces.evaluate(loaded, X, Y).classes[1].recall.value
    assert recall == pytest.approx(np.mean(search.predict(X)[Y == 1] == 1))
    with pytest.raises(ValueError, match="has a threshold"):
        to_sklearn(loaded)
    refitted = search.classifier_.fit(X, Y)
    assert refitted.threshold_ is None
    assert isinstance(refitted, LinearClassifier)


def test_the_threshold_is_not_chosen_on_rows_that_were_fitted():
    """Of noise alone, the rows that a fold fitted would look easy."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 200))
    y = rng.integers(0, 2, 60)
    search = LinearClassifierCV(strengths=[1e-3], cv=5, threshold="accuracy").fit(noise, y)
    assert np.mean(search.predict(noise) == y) > 0.8
    assert search.threshold_.value < 0.75


def test_wrong_rules_are_one_sentence():
    score, y, _ = tied_scores()
    for rule, words in {
        "f2": "threshold='f2' is not known",
        "f1=0.5": "has a value, which f1 does not take",
        "recall": "needs the least value: recall=0.9",
        "recall=high": "needs a number",
        "recall=1.5": "must be",
    }.items():
        with pytest.raises(ValueError, match=words):
            Threshold.fit(score, y, None, rule)
    with pytest.raises(ValueError, match=r"is not reached on the held-out rows, where the highest"):
        Threshold.fit(-score, y, None, "precision=0.99")
    with pytest.raises(ValueError, match="rows of both classes"):
        Threshold.fit(score, np.ones(60), None, "f1")
    with pytest.raises(ValueError, match="is for two classes, got 3"):
        LinearClassifierCV(threshold="f1").fit(X, np.arange(len(Y)) % 3)

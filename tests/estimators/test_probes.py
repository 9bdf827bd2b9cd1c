"""Probes: the published settings, draws and rows, the same answers as the libraries they name."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score
from sklearn.multiclass import OneVsRestClassifier

from halfspaces.estimators.presets import clip_probe
from halfspaces.estimators.probes import PROTOCOLS, LogisticProbe, probe
from halfspaces.estimators.probes.draws import Part, Samples, Shots, Sizes
from halfspaces.estimators.probes.scores import SCORES

pytestmark = pytest.mark.usefixtures("one_blas_thread")

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
TRAIN, VAL, TEST = np.split(np.arange(900), [400, 500])
FEW_C = (1e-2, 1e-1, 1.0, 10.0)


def with_few_strengths(name, values=FEW_C):
    protocol = PROTOCOLS[name]
    return replace(protocol, grid=replace(protocol.grid, values=values))


def run(protocol, **options):
    options = {"n_jobs": 1, "verbose": -1} | options
    return probe(X[TRAIN], Y[TRAIN], (X[TEST], Y[TEST]), protocol=protocol, **options)


# --- protocols ------------------------------------------------------------------------------------


def test_the_published_numbers():
    size = {name: len(protocol.grid.values) for name, protocol in PROTOCOLS.items()}
    assert size == {"clip": 97, "dinov2": 45, "dinov3": 45, "vtab": 3, "mteb": 1, "fewshot": 97}
    assert PROTOCOLS["vtab"].rows == Sizes(800, 200)
    assert (PROTOCOLS["mteb"].rows, PROTOCOLS["mteb"].repeats) == (Samples((8,)), 10)
    assert PROTOCOLS["fewshot"].rows == Shots((1, 2, 4, 8, 16), held_out=4)
    assert not any(protocol.normalize for protocol in PROTOCOLS.values())
    assert all(protocol.sources for protocol in PROTOCOLS.values())
    assert all(set(protocol.scores) <= set(SCORES) for protocol in PROTOCOLS.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "clpi"}, "protocol='clpi' is not known: did you mean 'clip'?"),
        ({"protocol": "clip", "shots": [0]}, "Each of shots must be at least 1, got 0."),
        ({"protocol": "clip", "repeats": 0}, "repeats must be at least 1, got 0."),
        ({"protocol": "clip", "shots": []}, "shots is empty"),
        ({"protocol": "vtab"}, "takes 1,000 training rows, and there are 400"),
        ({"protocol": "fewshot", "shots": [50]}, "and 50 shots need 50; give fewer shots"),
        ({"protocol": "clip", "validation": (X[VAL], Y[VAL]), "repeats": 2}, "repeat one result"),
        ({"protocol": "clip", "validation": (X[VAL, :9], Y[VAL])}, "has 9 features a row"),
        ({"protocol": "clip", "validation": (X[VAL], Y[VAL] + 5)}, "has the label 1"),
        ({"protocol": "clip", "validation": (X[VAL], Y[VAL].astype(str))}, "labels of one kind"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        run(**options)


# --- draws ----------------------------------------------------------------------------------------


def test_few_shots_are_those_of_the_published_code():
    y, y_val = Y[TRAIN], Y[VAL]
    (draw,) = Shots((8,), held_out=4).draws(np.concatenate([y, y_val]), len(y), [3])
    np.random.seed(3)
    train = [np.random.choice(np.flatnonzero(y == c), 8, replace=False) for c in range(10)]
    val = [np.random.choice(np.flatnonzero(y_val == c), 4, replace=False) for c in range(10)]
    np.testing.assert_array_equal(draw.fitted, np.concatenate(train))
    np.testing.assert_array_equal(draw.held_out, len(y) + np.concatenate(val))
    assert not draw.refit


def test_rows_that_choose_are_never_among_the_fitted_ones():
    rules = (Part(0.1), Part(0.1, by_class=True), Sizes(300, 50))
    rules += (Shots((1, 4), 4), Shots((2,), 0.05))
    for rule in rules:
        for draw in rule.draws(Y[TRAIN], 400, [0, 1]):
            assert np.intersect1d(draw.fitted, draw.held_out).size == 0
            assert len(draw.fitted)
            assert len(draw.held_out)
            assert max(draw.fitted.max(), draw.held_out.max()) < 400


def test_a_tenth_of_each_class_and_of_each_label():
    (draw,) = Part(0.1, by_class=True).draws(np.array([0] * 30 + [1] * 5 + [2]), 36, [0])
    np.testing.assert_array_equal(np.bincount(np.r_[[0] * 30, [1] * 5, 2][draw.held_out]), [3, 1])
    several = np.zeros((40, 2), np.int8)
    several[:20, 0] = several[10:, 1] = 1
    (draw,) = Part(0.1, by_class=True).draws(several, 40, [0])
    assert (several[draw.held_out].sum(axis=0) >= 2).all()


# --- results --------------------------------------------------------------------------------------


def test_clip_is_its_preset():
    values = PROTOCOLS["clip"].grid.values[32:72:4]
    result = run(with_few_strengths("clip", values))
    preset = clip_probe(400, 10)
    preset.set_params(strengths=preset.strengths[32:72:4], n_jobs=1, max_passes=1000)
    preset.fit(X[TRAIN], Y[TRAIN])
    assert result.runs[0].strength == pytest.approx(preset.strength_)
    assert result.mean() == pytest.approx(preset.score(X[TEST], Y[TEST]), abs=1 / 400)
    assert (result.runs[0].fitted, result.runs[0].held_out) == (400, 40)


@pytest.mark.parametrize("shots", [None, [5]])
def test_a_run_is_the_published_sweep(shots):
    """By scikit-learn: C by the accuracy on the validation split, then the final fit."""
    protocol = with_few_strengths("dinov2")
    result = run(protocol, validation=(X[VAL], Y[VAL]), shots=shots)
    y = Y[:500]
    fitted, chosen_on, final = TRAIN, VAL, np.arange(500)
    scale = 500 / 400  # λ is that of the final fit
    if shots is not None:
        (draw,) = Shots((5,), 4).draws(y, 400, [0])
        fitted, chosen_on, final = draw.fitted, draw.held_out, draw.fitted
        scale = 1.0
    fits = [LogisticRegression(C=C * scale, tol=1e-8, max_iter=9999) for C in FEW_C]
    fits = [fit.fit(X[fitted], y[fitted]) for fit in fits]
    accuracies = [fit.score(X[chosen_on], y[chosen_on]) for fit in fits]
    assert accuracies[FEW_C.index(result.runs[0].value)] >= max(accuracies) - 1 / len(chosen_on)
    theirs = LogisticRegression(C=result.runs[0].value, tol=1e-8, max_iter=9999)
    scores = theirs.fit(X[final], y[final]).decision_function(X[TEST])
    assert result.mean() == pytest.approx((scores.argmax(axis=1) == Y[TEST]).mean(), abs=2 / 400)
    by_name = {row.score: row.mean for row in result.rows}
    top_5 = top_k_accuracy_score(Y[TEST], scores, k=5)
    assert by_name["top_5"] == pytest.approx(top_5, abs=2 / 400)
    per_class = balanced_accuracy_score(Y[TEST], scores.argmax(axis=1))
    assert by_name["mean_per_class"] == pytest.approx(per_class, abs=0.006)
    assert result.runs[0].converged


def test_fewer_rows_than_features_give_the_same():
    wide = np.concatenate([X, X**2, np.sqrt(X)], axis=1)
    exact = replace(with_few_strengths("fewshot", (1.0,)), max_passes=5000)
    test = (wide[TEST], Y[TEST])
    result = probe(wide[TRAIN], Y[TRAIN], test, protocol=exact, shots=[4], repeats=2)
    for seed, accuracy in zip((1, 2), result.rows[0].values, strict=True):
        (draw,) = Shots((4,), 4).draws(Y[TRAIN], 400, [seed])
        theirs = LogisticRegression(tol=1e-8, max_iter=9999).fit(wide[draw.fitted], Y[draw.fitted])
        assert accuracy == pytest.approx(theirs.score(wide[TEST], Y[TEST]), abs=3 / 400)


def test_several_labels_are_one_problem_each():
    several = np.stack([Y % 2, Y > 4, Y == 3, np.zeros_like(Y)], axis=1)
    result = probe(
        X[TRAIN],
        several[TRAIN],
        (X[TEST], several[TEST]),
        protocol=with_few_strengths("dinov3"),
        n_jobs=1,
    )
    theirs = OneVsRestClassifier(LogisticRegression(C=result.runs[0].value, max_iter=9999))
    theirs.fit(X[TRAIN], several[TRAIN, :3])
    predicted = theirs.predict(X[TEST])
    right = (predicted & several[TEST, :3]).sum() * 2 / (predicted.sum() + several[TEST].sum())
    by_name = {row.score: row.mean for row in result.rows}
    assert list(by_name) == ["map", "label_f1", "label_macro_f1"]
    assert by_name["label_f1"] == pytest.approx(right, abs=0.01)
    assert result.mean() > 0.8


def test_classes_without_a_fitted_row_are_never_predicted():
    y = np.where(Y[TRAIN] == 9, 8, Y[TRAIN])
    y[-1] = 9  # in one of eight draws it is left out
    rule = Sizes(300, 50)

    def is_left_out(seed):
        rows = np.random.default_rng(seed).permutation(400)[:350]
        return 399 not in rows

    seed = next(filter(is_left_out, range(50)))
    protocol = replace(with_few_strengths("vtab", (0.01, 0.1)), rows=rule)
    result = probe(X[TRAIN], y, (X[TEST], Y[TEST]), protocol=protocol, seed=seed, n_jobs=1)
    assert 0.5 < result.mean() < 0.92  # without a nine


def test_test_sets_sparse_rows_and_normalization():
    tests = {"all": (X[TEST], Y[TEST]), "half": (X[TEST[:200]], Y[TEST[:200]])}
    protocol = replace(PROTOCOLS["mteb"], repeats=2)
    dense = probe(X[TRAIN], Y[TRAIN], tests, protocol=protocol, normalize=True)
    sparse = {name: (csr_array(rows), y) for name, (rows, y) in tests.items()}
    again = probe(csr_array(X[TRAIN]), Y[TRAIN], sparse, protocol=protocol, normalize=True)
    assert [row.test for row in dense.rows] == ["all", "all", "half", "half"]
    np.testing.assert_allclose(
        [row.mean for row in dense.rows], [row.mean for row in again.rows], atol=0.006
    )
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    own = probe(
        X[TRAIN] / lengths[TRAIN],
        Y[TRAIN],
        (X[TEST] / lengths[TEST], Y[TEST]),
        protocol=protocol,
    )
    assert dense.mean("all") == pytest.approx(own.mean(), abs=0.003)


def test_a_result_is_plain_json_and_two_classes_have_average_precision():
    two = Y < 2
    result = probe(X[two][:200], Y[two][:200], (X[two][200:], Y[two][200:]), protocol="mteb")
    content = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    names = [row["score"] for row in content["scores"]]
    assert names == ["accuracy", "macro_f1", "average_precision"]
    assert len(content["runs"]) == 10
    assert content["settings"]["unit"] == "C of sklearn.LogisticRegression"
    assert "mteb: 10 runs" in str(result)


# --- LogisticProbe --------------------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_probe_is_the_logistic_regression(classes, class_weight):
    rows = np.flatnonzero(classes > Y)[:150]
    names = np.array(["a", "b", "c"])[Y[rows]]
    # With both, scikit-learn balances the weighted classes, and we their rows.
    weight = np.linspace(1, 3, len(rows)) if class_weight is None else None
    options = {"C": 0.3, "class_weight": class_weight}
    exact = X.astype(np.float64)
    ours = LogisticProbe(tol=1e-10, **options).fit(exact[rows], list(names), weight)
    theirs = LogisticRegression(tol=1e-10, max_iter=9999, **options)
    theirs.fit(exact[rows], names, weight)
    p = ours.predict_proba(exact)
    np.testing.assert_allclose(p, theirs.predict_proba(exact), atol=2e-4)
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    assert ours.score(exact[rows], names) == theirs.score(exact[rows], names)


def test_logistic_probe_takes_columns_of_labels():
    several = np.stack([Y % 2, np.ones_like(Y), np.zeros_like(Y)], axis=1)
    ours = LogisticProbe().fit(X[TRAIN], several[TRAIN])
    assert ours.predict(X[TEST])[:, 1:].tolist() == [[1, 0]] * len(TEST)
    assert ours.score(X[TEST], several[TEST]) > 0.8
    assert ours.fit(X[TRAIN], Y[TRAIN]).predict(X[TEST]).ndim == 1

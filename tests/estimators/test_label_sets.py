"""Many sets of labels over one X: each is fitted as it is alone."""

from threading import Event

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from halfspaces import (
    LabelSetsClassifier,
    LabelSetsClassifierCV,
    LinearClassifier,
    MultiLabelClassifier,
)
from halfspaces.estimators.label_columns import label_columns
from halfspaces.estimators.label_stacks import SharedSketch, solved_apart
from halfspaces.loop.result import Reason
from halfspaces.optimizers import LBFGS, Gram
from halfspaces.penalties import L2
from halfspaces.preconditioners.gram_matrix import centred_gram
from halfspaces.rows.blocks import Blocks

X, DIGIT = load_digits(return_X_y=True)
X, DIGIT = X[:600], DIGIT[:600]
BLOCKS = Blocks(X, np.zeros(len(X), np.int64))
SETS = {
    "digit": DIGIT,
    "even": DIGIT % 2 == 0,
    "rest": np.array(["a", "b", "c"])[DIGIT % 3],
    "third": DIGIT // 4,
}


@pytest.mark.parametrize("loss", ["softmax", "crammer_singer", "ova_squared_hinge"])
@pytest.mark.parametrize("rows", [X, csr_array(X)], ids=["dense", "sparse"])
def test_each_set_is_fitted_as_it_is_alone(loss, rows):
    probes = LabelSetsClassifier(loss, strength=[0.1, 0.03, 0.01, 0.2]).fit(rows, SETS)
    predicted = probes.predict(rows)
    for number, (y, strength) in enumerate(zip(SETS.values(), [0.1, 0.03, 0.01, 0.2], strict=True)):
        alone = LinearClassifier(loss, strength=strength, tol=1e-5).fit(rows, y)
        least = alone.result_.loss[0]
        assert least - alone.result_.gap[0] <= probes.loss_[number] <= least * (1 + 1e-3)
        assert probes.loss_[number] - probes.gap_[number] <= least
        own = probes.classifiers_[number]
        assert np.array_equal(own.predict(rows), predicted[:, number].astype(y.dtype))
        assert np.mean(alone.predict(rows) == own.predict(rows)) > 0.97


def test_rows_without_a_label_do_not_count_for_their_set():
    some = np.where(np.arange(len(X)) % 3 > 0, DIGIT // 2.0, np.nan)
    sets = {"even": DIGIT % 2 == 0, "some": some, "none": np.where(some > 1, "x", None)}
    sets["none"][:100] = "y"
    sets["nullable"] = pd.array(DIGIT % 3, dtype="Int64")
    sets["nullable"][:50] = pd.NA
    probes = LabelSetsClassifier(standardize=False, tol=1e-6).fit(X, sets)
    known = ~np.isnan(some)
    alone = LinearClassifier(standardize=False, tol=1e-6).fit(X[known], some[known])
    np.testing.assert_allclose(probes.loss_[1], alone.result_.loss[0], rtol=2e-6)
    assert probes.classes_[2].tolist() == ["x", "y"]
    assert probes.classes_[3].tolist() == [0, 1, 2]
    expected = np.mean(probes.predict(X)[known, 1] == some[known])
    assert probes.scores(X, sets)[1] == expected


def test_balanced_weights_and_sample_weights_are_those_of_one_set():
    weight = np.linspace(0.1, 3, len(X))
    options = {"class_weight": "balanced", "standardize": False, "tol": 1e-8}
    probes = LabelSetsClassifier(**options).fit(X, np.stack([DIGIT // 3, DIGIT // 8], 1), weight)
    alone = LinearClassifier(**options).fit(X, DIGIT // 8, weight)
    close = np.abs(probes.classifiers_[1].decision_function(X) - alone.decision_function(X)).max()
    assert close < 0.05 * np.abs(alone.decision_function(X)).max()


def test_each_set_keeps_its_own_best_strength():
    strengths = [1.0, 0.1, 0.01, 1e-3]
    folds = [(np.arange(0, 400), np.arange(400, 600)), (np.arange(200, 600), np.arange(0, 200))]
    search = LabelSetsClassifierCV(strengths=strengths, cv=folds, tol=1e-6).fit(X, SETS)
    y = SETS["rest"]
    for row, strength in enumerate(strengths):
        right = [
            LinearClassifier(strength=strength, tol=1e-6)
            .fit(X[train], y[train])
            .score(X[test], y[test])
            for train, test in folds
        ]
        assert abs(search.scores_[row, 2] - np.mean(right)) < 0.01
    chosen = search.strength_[2]
    assert chosen == strengths[int(np.argmax(search.scores_[:, 2]))]
    alone = LinearClassifier(strength=chosen, tol=1e-6).fit(X, y)
    np.testing.assert_allclose(search.loss_[2], alone.result_.loss[0], rtol=1e-5)


def test_multi_label_is_one_vs_rest():
    rows, Y = make_multilabel_classification(300, n_features=8, n_classes=5, random_state=0)
    C = 0.5
    sets = LabelSetsClassifier(strength=1 / (C * len(rows)), standardize=False, tol=1e-9)
    ours = MultiLabelClassifier(sets).fit(rows, Y)
    peer = OneVsRestClassifier(LogisticRegression(C=C, tol=1e-9, max_iter=5000)).fit(rows, Y)
    expected = peer.decision_function(rows)
    np.testing.assert_allclose(ours.decision_function(rows), expected, atol=1e-3)
    np.testing.assert_allclose(ours.predict_proba(rows), peer.predict_proba(rows), atol=1e-4)
    assert ours.score(rows, Y) == peer.score(rows, Y)


def test_a_column_of_one_value_is_predicted_with_a_warning():
    Y = np.stack([DIGIT % 2, np.ones_like(DIGIT), np.zeros_like(DIGIT)], axis=1)
    with pytest.warns(UserWarning, match="2 of 3 columns of Y have one value alone"):
        classifier = MultiLabelClassifier().fit(X, Y)
    assert np.array_equal(classifier.predict(X)[:, 1:], Y[:, 1:])
    assert classifier.predict_proba(X)[:, 1:].tolist() == [[1.0, 0.0]] * len(X)


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        (DIGIT, "use LinearClassifier"),
        (np.stack([DIGIT, 0 * DIGIT], 1), r"Y\[:, 1\]: y holds one class, 0"),
        ({"a": DIGIT[:5]}, r"Y\['a'\] has the shape \(5,\), and X has 600 rows"),
        ({}, "Y has no columns"),
        ({"a": [None] * 600}, r"Y\['a'\] has no label"),
    ],
)
def test_bad_labels_are_named(Y, message):
    with pytest.raises(ValueError, match=message):
        LabelSetsClassifier().fit(X, Y)


def test_bad_options_are_named():
    Y = np.stack([DIGIT, DIGIT % 2], 1)
    with pytest.raises(ValueError, match="strength has 3 numbers for 2 sets"):
        LabelSetsClassifier(strength=[1, 2, 3]).fit(X, Y)
    with pytest.raises(ValueError, match="sets of labels have different classes"):
        LabelSetsClassifier(class_weight={1: 2}).fit(X, Y)
    with pytest.raises(AttributeError, match="loss='hinge' gives no probabilities"):
        LabelSetsClassifier("hinge").fit(X, Y).predict_proba(X)
    with pytest.raises(ValueError, match="must be 1 where a row has the label"):
        MultiLabelClassifier().fit(X, Y)


@pytest.mark.parametrize("optimizer", ["auto", "lbfgs"])
def test_the_number_of_workers_changes_no_bit(optimizer):
    options = {"optimizer": optimizer, "class_weight": "balanced"}
    one, two = (LabelSetsClassifier(n_jobs=jobs, **options).fit(X, SETS) for jobs in (1, 2))
    for first, second in zip(one.classifiers_, two.classifiers_, strict=True):
        assert np.array_equal(first.coef_, second.coef_)


def test_the_shared_matrix_is_that_of_the_first_stack_and_replaces_no_matrix_that_was_asked_for():
    columns = label_columns({"digit": DIGIT, "even": DIGIT % 2}, len(X))
    first, _ = LabelSetsClassifier(class_weight="balanced")._stacks(BLOCKS, columns, [L2(0.01)] * 2)
    shared = SharedSketch(first.objective, 2)
    taken = shared.taken_by(LBFGS(preconditioner=Gram()))
    expected, _ = centred_gram(first.objective, np.arange(len(X)))
    assert np.array_equal(taken.preconditioner.matrix, expected)
    own = LBFGS(preconditioner=Gram(rows=100))
    assert shared.taken_by(own) is own


def test_ctrl_c_in_one_stack_stops_the_others():
    first, second = label_columns({"digit": DIGIT, "even": DIGIT % 2}, len(X))
    stacks = list(LabelSetsClassifier()._stacks(BLOCKS, [first, second], [L2(0.01)] * 2))
    asked = []
    started = Event()

    def solve(stack, halt):
        if stack.numbers == [0]:
            started.set()
            assert halt.asked.wait(60)
            asked.append(halt(None))
            return {}
        assert started.wait(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(solved_apart(solve, stacks, 2))
    assert asked == [Reason.INTERRUPTED]

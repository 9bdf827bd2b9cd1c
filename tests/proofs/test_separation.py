"""What is claimed is proved: a witness separates, a strength too small has a tiny minimum,
an ample one is quiet.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_digits

from halfspaces import LinearClassifier, datasets
from halfspaces.loop.run import LEAST_LOSS
from halfspaces.losses import LOSSES
from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs import least_strength
from halfspaces.proofs.least_strength import bound_at_zero, falls_forever
from halfspaces.proofs.separation import (
    SeparationWarning,
    find_separation,
    warn_if_separable,
    worth_checking,
)
from halfspaces.rows.blocks import Blocks

DATA = Path(__file__).parents[2] / "shared" / "data"
DIGITS, LABELS = load_digits(return_X_y=True)
RNG = np.random.default_rng(0)
WIDE, WIDE_LABELS = RNG.normal(size=(40, 60)), np.arange(40) % 4
NARROW = RNG.normal(size=(200, 20))
SIDES = (NARROW[:, 0] > 0).astype(int)


def objective(X, y, penalty=None, *, weight=None, loss="softmax", **options) -> Objective:
    classifier = LinearClassifier(loss, penalty or NoPenalty(), n_jobs=1, **options)
    return classifier.objective(X, y, sample_weight=weight)


def margins(X, y, separation, *, weight=None, one_vs_all=False):
    """Of standardized rows, in plain NumPy."""
    mean, variance = np.average(X, axis=0, weights=weight), 0
    variance = np.average((X - mean) ** 2, axis=0, weights=weight)
    W = separation.W[:, 0]
    scores = (X - mean) / np.where(variance > 0, np.sqrt(variance), 1) @ W[:-1] + W[-1]
    right = np.arange(W.shape[1]) == y[:, None]
    if one_vs_all:
        return np.min(np.where(right, scores, -scores), axis=1)
    return scores[right] - np.max(np.where(right, -np.inf, scores), axis=1)


# --- a claim is a proof ---------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(4, 60), st.integers(1, 30), st.integers(2, 4)),
    kind=st.sampled_from([np.float64, np.float32, np.float16, np.uint8]),
    loss=st.sampled_from(["softmax", "ova_logistic", "hinge"]),
    weighted=st.booleans(),
)
def test_a_witness_separates(seed, shape, kind, loss, weighted):
    rng, (N, D, C) = np.random.default_rng(seed), shape
    X, y = (40 * rng.normal(size=(N, D)) + 128).clip(0, 255).astype(kind), np.arange(N) % C
    weight = rng.integers(0, 3, N) + (np.arange(N) < C) if weighted else None
    separation = find_separation(objective(X, y, weight=weight, loss=loss))
    if separation.separable:
        X = X.astype(np.float64)
        found = margins(X, y, separation, weight=weight, one_vs_all=loss == "ova_logistic")
        found = found if weight is None else found[weight > 0]
        assert found.min() > 0
        assert found.min() == pytest.approx(separation.margin, rel=1e-3, abs=1e-6)
        assert np.linalg.norm(separation.W[:-1]) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    copies=st.integers(1, 3),
    kind=st.sampled_from([np.float64, np.float32]),
)
def test_equal_rows_with_different_labels_are_never_claimed(seed, copies, kind):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 50)).astype(kind)
    X[:copies] = X[-copies:]
    y = np.arange(30) % 2
    y[:copies] = 1 - y[-copies:]
    separation = find_separation(objective(X, y), max_passes=30)
    assert not separation.separable
    assert "no proof that there is none" in str(separation)


@pytest.mark.parametrize("seed", range(5))
def test_random_labels_of_many_examples_are_never_claimed(seed):
    rng = np.random.default_rng(seed)
    separation = find_separation(objective(rng.normal(size=(500, 10)), rng.integers(0, 3, 500)))
    assert not separation.separable
    assert separation.passes <= 6


def test_exclusive_or_is_never_claimed():
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    assert not find_separation(objective(X, y)).separable
    assert find_separation(objective(np.c_[X, X[:, 0] * X[:, 1]], y)).separable


# --- what is there is found -----------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["softmax", "ova_logistic", "squared_hinge"])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8])
@pytest.mark.parametrize("N", [10, 60])
def test_no_more_examples_than_features_at_once(N, kind, loss):
    X = RNG.integers(0, 256, (N, 60)).astype(kind)
    separation = find_separation(objective(X, np.arange(N) % 5, loss=loss))
    assert separation.separable
    assert separation.passes <= 5


@pytest.mark.parametrize("width", [1e-2, 0.1, 1.0])
def test_the_margin_of_made_data(width):
    """Points at ±(width + exponential) along w and anything beside it;
    the nearest four fix the best margin.
    """
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    y = np.arange(400) % 2
    along = width + rng.exponential(size=400)
    along[:4] = width
    beside = rng.normal(size=(400, 5))
    beside[:4] = [[3.0, 0, 0, 0, 0], [3.0, 0, 0, 0, 0], [-3.0, 0, 0, 0, 0], [-3.0, 0, 0, 0, 0]]
    X = np.c_[np.where(y == 1, along, -along), beside] @ Q
    best = np.sqrt(2) * width  # of W = (−w, w)/√2
    problem = objective(X, y, standardize=False)
    for penalty in (NoPenalty(), L2(1e-8), L2(1e-7)):
        assert (
            0
            < find_separation(replace(problem, penalty=penalty), max_passes=100).margin
            <= best * (1 + 1e-9)
        )


def test_a_narrow_separation_takes_more_passes():
    problem = objective(*load_breast_cancer(return_X_y=True))
    assert not find_separation(problem).separable
    assert find_separation(problem, max_passes=100).separable


def test_rows_of_weight_zero_do_not_count():
    X, y = np.concatenate([WIDE, WIDE[:2]]), np.concatenate([WIDE_LABELS, WIDE_LABELS[1::-1]])
    weight = np.ones(42)
    weight[40:] = 0
    assert find_separation(objective(X, y, weight=weight)).separable
    weight[40:] = 1e-9
    assert not find_separation(objective(X, y, weight=weight)).separable


@pytest.mark.parametrize("weight", [1e-6, 1e6])
def test_weights_above_zero_all_count_alike(weight):
    weights = np.ones(len(NARROW))
    plain = find_separation(objective(NARROW, SIDES, standardize=False))
    weights[:3] = weight
    weighted = find_separation(objective(NARROW, SIDES, weight=weights, standardize=False))
    assert weighted.separable
    assert weighted.margin == pytest.approx(plain.margin, rel=1e-6)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_scale_and_shift_of_the_features_change_nothing(kind):
    scale, shift = 10.0 ** RNG.integers(-3, 4, 60), RNG.normal(size=60) * 1e3
    plain = find_separation(objective(WIDE, WIDE_LABELS))
    moved = find_separation(objective((WIDE * scale + shift * scale).astype(kind), WIDE_LABELS))
    assert (plain.separable, plain.passes) == (moved.separable, moved.passes)
    assert moved.margin == pytest.approx(plain.margin, rel=1e-4 if kind is np.float64 else 1e-2)


def test_without_a_bias_the_classes_must_lie_on_two_sides():
    X, y = np.array([[1.0], [1.1], [3.0], [3.2]]), np.array([0, 0, 1, 1])
    assert find_separation(objective(X, y, standardize=False)).separable
    assert not find_separation(objective(X, y, standardize=False, fit_intercept=False)).separable


def test_one_vs_all_wants_every_class_apart_from_the_rest():
    X, y = np.array([[-2.0], [-1.9], [0.0], [0.1], [2.0], [2.1]]), np.repeat([0, 1, 2], 2)
    assert find_separation(objective(X, y)).separable
    assert not find_separation(objective(X, y, loss="ova_logistic")).separable


# --- strengths ------------------------------------------------------------------------------------


PENALTIES = [L2(0.0), L1(0.0), ElasticNet(0.0)]
PROBLEMS = {"wide": (WIDE, WIDE_LABELS), "digits": (DIGITS[:400], LABELS[:400])}


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda penalty: type(penalty).__name__)
@pytest.mark.parametrize("loss", ["softmax", "ova_logistic"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_below_the_least_strength_the_minimum_is_tiny_and_the_advised_one_is_quiet(
    name, loss, penalty
):
    X, y = PROBLEMS[name]
    problem = objective(X, y, penalty, loss=loss)
    separation = find_separation(problem, max_passes=40)
    assert separation.separable
    assert separation.too_small
    assert 0 < separation.least_strength < separation.advised_strength
    with pytest.warns(
        SeparationWarning, match=f"of at least {separation.advised_strength:g}, or choose it"
    ):
        warn_if_separable(problem, max_passes=40)
    below = replace(problem, penalty=replace(penalty, strength=0.99 * separation.least_strength))
    floor = LEAST_LOSS * problem.loss.chance_value(problem.n_classes)
    t = np.geomspace(1, 1e4, 200)
    W = t[:, None] * separation.W  # a stack of members: the witness at 200 lengths
    data = problem.assess(W)[0]
    assert (
        np.min(
            data + [below.penalty.value(each[:-1])[0] for each in W.transpose(1, 0, 2)[:, :, None]]
        )
        <= floor
    )
    for factor in (1, 3, 100):
        ample = replace(penalty, strength=factor * separation.advised_strength)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warn_if_separable(replace(problem, penalty=ample), max_passes=40)


@pytest.mark.parametrize("loss", ["softmax", "ova_logistic"])
@pytest.mark.parametrize("strength", [1e-1, 1e-2, 1e-3, 1e-4, 3e-5, 1e-6])
def test_what_is_not_worth_checking_has_a_minimum_of_weight(strength, loss):
    problem = objective(DIGITS, LABELS, L2(strength), loss=loss)
    assert worth_checking(problem) or strength >= 3e-5
    assert not worth_checking(problem) or strength <= 3e-5
    if not worth_checking(problem):
        result = LinearClassifier(loss, strength=strength, n_jobs=1).fit(DIGITS, LABELS).result_
        assert result.loss[0] > LEAST_LOSS * problem.loss.chance_value(10)


def test_a_fit_that_proves_a_loss_of_weight_makes_no_search():
    problem = objective(DIGITS, LABELS, L2(3e-6))
    assert worth_checking(problem)  # as far as the class means tell
    model = LinearClassifier(strength=3e-6, n_jobs=1).fit(DIGITS, LABELS)
    lower = float(model.result_.loss[0] - model.result_.gap[0])
    assert lower > LEAST_LOSS * problem.loss.chance_value(10)
    assert model.separation_ is None
    assert not worth_checking(problem, lower)
    assert worth_checking(problem, 0.9 * LEAST_LOSS * problem.loss.chance_value(10))
    assert worth_checking(replace(problem, penalty=L2(0.0)), lower)


def test_one_class_far_away_does_not_hide_that_two_are_close():
    y = np.arange(300) % 3
    X = RNG.normal(size=(300, 50)) + np.where(y == 2, 10.0, 0.1 * y)[:, None]
    for strength, worth in ((1e-8, True), (3e-5, False)):
        problem = objective(X, y, L2(strength), standardize=False)
        floor = LEAST_LOSS * problem.loss.chance_value(3)
        assert bound_at_zero(problem, problem.anchor) <= floor
        assert worth_checking(problem) == worth


@pytest.mark.parametrize("loss", LOSSES)
def test_a_bound_is_the_same_for_some_classes_at_a_time(loss, monkeypatch):
    problem = objective(DIGITS, LABELS, L2(1e-3), loss=loss)
    whole = bound_at_zero(problem, problem.anchor)
    monkeypatch.setattr(least_strength, "POINT_VALUES", 7 * 10 * 3)  # 3 of 10 classes
    np.testing.assert_allclose(bound_at_zero(problem, problem.anchor), whole, rtol=1e-12)


@pytest.mark.parametrize("X", [DIGITS, WIDE], ids=["digits", "wide"])
@pytest.mark.parametrize("loss", LOSSES)
def test_ordinary_strengths_are_quiet_and_free(X, loss):
    y = LABELS if X is DIGITS else WIDE_LABELS
    for penalty in (L2(0.01), L2(1e-3), L1(0.01), ElasticNet(0.01), MaxNorm(1.0)):
        problem = objective(X, y, penalty, loss=loss)
        blocks = Counting(X, problem.blocks.y, n_jobs=1)
        assert warn_if_separable(replace(problem, blocks=blocks)) is None
        assert len(blocks.visits) <= 1  # the class sums, which a fit keeps


def test_losses_with_a_finite_answer_are_quiet():
    endless = {name for name, loss in LOSSES.items() if falls_forever(loss, 3)}
    assert endless == {"softmax", "ova_logistic"}
    for loss in [
        Softmax(label_smoothing=0.1),
        *(loss for name, loss in LOSSES.items() if name not in endless),
    ]:
        problem = objective(WIDE, WIDE_LABELS, L2(1e-12), loss=loss)
        assert warn_if_separable(problem) is None
        separation = find_separation(problem)
        assert separation.separable
        assert not separation.too_small
        assert "finite answer at any strength" in str(separation)


# --- words and cost -------------------------------------------------------------------------------


class Counting(Blocks):
    """Counts the visits to all rows."""

    visits = property(lambda self: self.__dict__.setdefault("_visits", []))

    def map(self, visit, rows=None, *more, **options):
        if rows is None or isinstance(rows, slice):
            self.visits.append(rows)
        return super().map(visit, rows, *more, **options)


@pytest.mark.parametrize("max_passes", [1, 4, 20])
def test_the_cost_is_counted_and_bounded(max_passes):
    X, y = RNG.normal(size=(300, 100)), np.arange(300) % 3
    blocks = Counting(X, y, n_jobs=1)
    separation = find_separation(
        Objective(Softmax(), NoPenalty(), blocks, 3), max_passes=max_passes
    )
    assert separation.passes <= max_passes + 0.5
    assert len(blocks.visits) <= 2 * separation.passes


def test_what_it_says():
    assert str(find_separation(objective(WIDE, WIDE_LABELS, L2(1e-9)))).startswith(
        "The classes are linearly separable: "
        "every training example can be classified correctly (margin 0."
    )
    said = {
        L2(1e-9): (
            "and strength=1e-09 is too small to give finite weights worth having; "
            "take a strength of at least "
        ),
        NoPenalty(): (
            "and without a penalty no finite weights are the best; take a penalty such as 'l2' with"
        ),
        L2(10.0): "; the penalty is strong enough for an answer worth having.",
        MaxNorm(1.0): "; the penalty is strong enough for an answer worth having.",
    }
    for penalty, words in said.items():
        assert words in str(find_separation(objective(WIDE, WIDE_LABELS, penalty)))
    with pytest.raises(
        ValueError, match=r"find_separation\(max_passes=\.\.\.\) must be above 0, got 0\."
    ):
        find_separation(objective(WIDE, WIDE_LABELS), max_passes=0)


# --- real data ------------------------------------------------------------------------------------


def test_digits_are_separable():
    digits = datasets.open("digits")
    separation = find_separation(objective(digits.X, digits.y))
    assert separation.separable
    assert (
        1e-8 < separation.least_strength < 2e-6
    )  # the minimum is a thousandth of L(0) at λ = 2.1e-6


def test_cifar_is_claimed_where_there_are_fewer_examples_than_features_only():
    if not (DATA / "cifar-10-exact-subset").is_dir():
        pytest.skip(f"the real data are not at {DATA}")
    cifar = datasets.open(DATA / "cifar-10-exact-subset")
    X, y = np.ascontiguousarray(cifar.X[:, ::16]), cifar.y
    assert find_separation(objective(X[:150], y[:150])).separable
    assert not find_separation(objective(X, y)).separable

"""Dual coordinate ascent: its minima beside those of others, its proofs, and rows of all kinds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.losses.surrogates import Plus, SquaredPlus
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers import LBFGS, DualAscent, ProximalNewton
from halfspaces.optimizers.dual_rows import AtDualPoint
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.standardization import Standardization
from halfspaces.testing.runs import Watch, recorded, some_turns
from halfspaces.tuning.grid import fold_objectives, solve_grid

pytestmark = pytest.mark.usefixtures("one_blas_thread")

N, D, C = 60, 5, 3
LOSSES = [OneVsAll(), OneVsAll(SquaredPlus()), Hinge(), SquaredHinge(), CrammerSinger()]
OTHERS = [
    OneVsAll(Plus(0.1), margin=0.5),
    Hinge(margin=2.5, smoothing=0.3),
    SquaredHinge(margin=0.4),
    CrammerSinger(margin=0.7, smoothing=0.2),
    CrammerSinger(smoothing=2.0),
]
PENALTIES = [L2(0.05), ElasticNet(0.05), L1(0.1)]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=str)


def data(seed=0, n=N, d=D, c=C):
    """Rows of numbers that every stored type holds, of which some are 0, and labels."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(c), rng.integers(c, size=n - c)])
    X = np.clip(np.round(rng.normal(1, 1, (n, d)) + 2 * np.eye(c, d)[y]), 0, 6)
    return X, y


def problem(loss, penalty=L2(0.05), X=None, y=None, weight=None, **settings):  # noqa: B008
    rows, labels = data()
    blocks = Blocks(rows if X is None else X, labels if y is None else y, weight, n_jobs=1)
    return Objective(loss, penalty, blocks, **{"n_classes": C} | settings)


def solved(objective, tol=1e-6, members=1, max_passes=4000, optimizer=DualAscent()):  # noqa: B008
    W = objective.zeros(members)
    result = minimize(objective, optimizer, W, tol=tol, max_passes=max_passes)
    assert result.converged, result
    return result


def same_minimum(found, expected, tol=1e-6):
    assert found.loss == pytest.approx(expected.loss, rel=2 * tol)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("loss", LOSSES + OTHERS, ids=str)
def test_the_minimum_is_that_of_other_methods_and_every_gap_is_true(loss, penalty):
    weight = np.random.default_rng(1).uniform(0.5, 2, N)
    objective = problem(loss, penalty, weight=weight)
    other = LBFGS() if penalty.smooth else ProximalNewton()
    reference = minimize(objective, other, tol=1e-4 if loss.smooth else 1e-3, max_passes=3000)
    assert reference.converged
    evaluations = []
    seen = replace(objective, observe=evaluations.append)
    start = np.random.default_rng(2).normal(size=(D + 1, 1, C))
    found = minimize(seen, DualAscent(), start, tol=1e-5, max_passes=4000)
    assert found.converged
    assert reference.loss - reference.gap <= found.loss <= reference.loss + 1e-5 * abs(found.loss)
    assert found.loss - found.gap <= reference.loss
    for evaluation in evaluations:
        assert evaluation.lower <= found.loss + 1e-12


def in_domain(loss, y, rng):
    """Dual points of rows with these labels, (N, C), anywhere in the domain of the conjugate."""
    right = np.eye(C)[y]
    beta = rng.uniform(0, 1, (len(y), C)) * rng.integers(0, 2, (len(y), C))
    if isinstance(loss, CrammerSinger):
        return rng.dirichlet(np.full(C, 0.3), len(y)) - right
    squared = isinstance(loss, SquaredHinge) or isinstance(
        getattr(loss, "surrogate", None), SquaredPlus
    )
    beta = beta * (5 if squared else 1)
    if isinstance(loss, OneVsAll):
        return np.where(right, -beta, beta)
    wrong = np.where(right, 0, beta)
    return wrong - right * wrong.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("loss", LOSSES + OTHERS, ids=str)
def test_any_dual_point_of_the_domain_proves_what_is_true_and_others_prove_nothing(loss):
    rng = np.random.default_rng(0)
    for penalty in PENALTIES:
        for fit_intercept in (True, False):
            objective = problem(loss, penalty, fit_intercept=fit_intercept)
            least = solved(objective, tol=1e-5).loss
            for _ in range(10):
                dual = in_domain(loss, objective.blocks.y, rng)
                W = rng.normal(size=(D + 1, 1, C))
                request = Request(W, smoothing=AtDualPoint(dual=dual[None]))
                evaluation = objective.evaluate(request)
                assert np.isfinite(evaluation.lower)
                assert evaluation.lower <= least
                assert evaluation.exact_total == objective.evaluate(Request(W)).exact_total
                outside = replace(request, smoothing=AtDualPoint(dual=3 + dual[None]))
                assert objective.evaluate(outside).lower <= 1e-12


@each_loss
def test_rows_of_every_kind_give_the_same_minimum(loss, tmp_path):
    X, y = data()
    X[:, 2] = 3  # constant
    standardization = Standardization(X.mean(axis=0), np.where(X.std(axis=0) > 0, X.std(axis=0), 1))
    expected = solved(problem(loss, X=X, standardization=standardization), 1e-5)
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    kinds = [
        *(X.astype(dtype) for dtype in ("uint8", "float16", "float32", ">f4")),
        np.asfortranarray(X),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        *(csr_array(X).astype(dtype) for dtype in ("float64", "float32", "int64")),
    ]
    for rows in kinds:
        found = solved(problem(loss, X=rows, y=y, standardization=standardization), 1e-5)
        same_minimum(found, expected, 1e-5)
        assert np.allclose(found.W[2], 0, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES[::2], ids=str)
@pytest.mark.parametrize("penalty", PENALTIES[1:], ids=str)
def test_sparse_rows_with_scales_and_thresholds(loss, penalty):
    X, _ = data()
    scale = Standardization(np.zeros(D), np.linspace(0.5, 2, D))
    found, expected = (
        solved(problem(loss, penalty, rows, standardization=scale), 1e-5)
        for rows in (csr_array(X), X)
    )
    same_minimum(found, expected, 1e-5)


@each_loss
@pytest.mark.parametrize("rows", [np.asarray, csr_array])
def test_weights_are_repeated_rows_and_folds_are_rows(loss, rows):
    X, y = data()
    counts = np.random.default_rng(3).integers(0, 4, N)
    repeated = np.repeat(np.arange(N), counts)
    expected = solved(problem(loss, X=rows(X[repeated]), y=y[repeated]))
    weighted = problem(loss, X=rows(X), weight=counts.astype(float))
    same_minimum(solved(weighted), expected)
    whole = problem(loss, X=rows(X))
    by_number = replace(
        whole, blocks=whole.blocks.subset(np.random.default_rng(4).permuted(repeated))
    )
    same_minimum(solved(by_number), expected)
    left = np.flatnonzero(counts)
    removed = problem(loss, X=rows(X[left]), y=y[left], weight=counts[left].astype(float))
    same_minimum(solved(removed), expected)


@each_loss
@pytest.mark.parametrize("rows", [np.asarray, csr_array])
def test_members_are_as_each_alone(loss, rows):
    X, _ = data()
    rng = np.random.default_rng(5)
    weight = rng.uniform(0.5, 2, (N, 3)) * rng.integers(0, 2, (N, 3))
    weight[:C] = 1
    mean, scale = rng.normal(size=(D, 3)), rng.uniform(0.5, 2, (D, 3))
    strengths = (0.02, 0.1, 0.5)
    standardization = Standardization(mean, scale)
    stack = problem(loss, L2(strengths), rows(X), weight=weight, standardization=standardization)
    together = some_turns(DualAscent(), stack, stack.zeros(3), turns=4)
    for m, strength in enumerate(strengths):
        units = Standardization(mean[:, m], scale[:, m])
        alone = problem(loss, L2(strength), rows(X), weight=weight[:, m], standardization=units)
        one = some_turns(DualAscent(), alone, alone.zeros(), turns=4)
        assert np.allclose(together.W[:, m], one.W[:, 0], rtol=0, atol=1e-9)
        assert together.gap[m] == pytest.approx(one.gap[0], abs=1e-9)


@each_loss
@pytest.mark.parametrize("rows", [np.asarray, csr_array])
def test_the_same_bits_for_any_number_of_workers(loss, rows, monkeypatch):
    monkeypatch.setattr("halfspaces.optimizers.dual_ascent.ALONE", 0)
    X, y = data(n=200)
    found = []
    for n_jobs in (1, 2, 3):
        blocks = Blocks(rows(X), y, n_jobs=n_jobs)
        objective = Objective(loss, L2((0.05, 0.01)), blocks, n_classes=C)
        one = objective.with_penalty(L2(0.05))
        ends = [
            some_turns(DualAscent(), each, each.zeros(m)) for each, m in ((objective, 2), (one, 1))
        ]
        found.append(np.concatenate([end.W for end in ends], axis=1))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.slow
@each_loss
@pytest.mark.parametrize("penalty", [L2, L1])
def test_strengths_of_any_size(loss, penalty):
    for strength in (1e-8, 1e-3, 1.0, 1e3, 1e8):
        objective = problem(loss, penalty(strength))
        result = minimize(objective, DualAscent(), tol=1e-4, max_passes=250)
        assert np.all(np.isfinite(result.W))
        assert result.converged or strength < 1
        assert result.loss <= loss.chance_value(C) * (1 + 1e-4)
        other = LBFGS() if penalty is L2 else ProximalNewton()
        if strength >= (1e-3 if penalty is L2 else 1):
            least = minimize(objective, other, tol=1e-3, max_passes=500)
            assert result.loss - result.gap <= least.loss


@pytest.mark.parametrize("loss", LOSSES + OTHERS, ids=str)
@pytest.mark.parametrize("rows", [np.asarray, csr_array])
def test_rows_of_length_0(loss, rows):
    """A row without a feature in a model without a bias: no step on it moves its scores."""
    X, y = data()
    X[::3] = 0
    settings = {"fit_intercept": False}
    found = solved(problem(loss, X=rows(X), **settings))
    others = problem(
        loss, X=np.delete(X, slice(None, None, 3), 0), y=np.delete(y, slice(None, None, 3))
    )
    part = solved(replace(others, penalty=L2(0.05 * N / others.n_examples), **settings))
    chance = loss.chance_value(C) * (N - others.n_examples)
    assert found.loss == pytest.approx((chance + part.loss * others.n_examples) / N, rel=4e-6)
    for penalty in (L2(0.05), L1(0.05)):
        bias_alone = problem(loss, penalty, rows(0 * X))
        expected = minimize(problem(loss, L2(1e6)), LBFGS(), tol=1e-3)
        assert solved(bias_alone, 1e-4).loss == pytest.approx(expected.loss, rel=2e-3, abs=2e-3)


@each_loss
def test_few_rows_features_and_classes(loss):
    X, y = data()
    for objective in (
        problem(loss, X=X[:2], y=y[:2], n_classes=2),
        problem(loss, X=X[:, :1].copy()),
        problem(loss, y=np.minimum(y, 1), n_classes=2),
        problem(loss, y=0 * y),
    ):
        least = minimize(objective, LBFGS(), tol=1e-3, max_passes=1000).loss
        result = solved(objective, 1e-5)
        assert result.loss <= least + 1e-5
        assert result.loss - result.gap <= least


@pytest.mark.parametrize("loss", LOSSES + OTHERS, ids=str)
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_classes_without_examples(loss, penalty):
    """Their biases may fall forever; a bound is proved once their dual points are 0."""
    _, y = data()
    known = solved(problem(loss, penalty, y=np.minimum(y, 1), n_classes=2), 1e-5)
    weight = np.ones((N, 2))
    weight[y == 1, 0] = 0
    start = np.random.default_rng(0).normal(size=(D + 1, 2, 5))
    both = problem(loss, penalty, y=4 * (y % 2), weight=weight, n_classes=5)
    for W in (0 * start, start):
        result = minimize(both, DualAscent(), W, tol=1e-5, max_passes=4000)
        assert result.converged
        assert np.all(np.isfinite(result.W))
    assert np.allclose(result.W[:-1, :, [1, 2, 3]], 0, atol=1e-9)
    alone = problem(loss, penalty, y=np.minimum(y, 1), n_classes=4)
    same_minimum(solved(alone, 1e-5), known, 1e-5)


@each_loss
def test_without_a_bias_a_given_one_is_ignored(loss):
    objective = problem(loss, fit_intercept=False)
    start = np.zeros((D + 1, 1, C))
    start[-1] = [[5.0, -3.0, 2.0]]
    ends = [some_turns(DualAscent(), objective, each, turns=2).W for each in (start, 7 * start)]
    assert np.array_equal(ends[0], ends[1])
    assert not minimize(objective, DualAscent()).W[-1].any()


@each_loss
def test_a_given_start_near_the_minimum_saves_passes(loss):
    objective = problem(loss)
    cold = solved(objective, 1e-4)
    warm = minimize(objective, DualAscent(), cold.W, tol=1e-4)
    assert warm.converged
    same_minimum(warm, cold, 1e-4)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_path_goes_on_from_the_dual_points(loss):
    objective = problem(loss)
    strengths = np.geomspace(0.5, 0.05, 6)
    optimizer = DualAscent()
    warm = cold = 0.0
    result = last = state = None
    for strength in strengths:
        evaluations = []
        member = objective.with_penalty(L2(strength), observe=evaluations.append)
        if last is not None:
            state = optimizer.continued(member, result.state, last)
        result = minimize(member, optimizer, tol=1e-5, state=state)
        last = evaluations[-1]
        alone = minimize(objective.with_penalty(L2(strength)), optimizer, tol=1e-5)
        same_minimum(result, alone, 1e-5)
        warm += result.passes
        cold += alone.passes
    assert warm < cold


def test_folds_and_strengths_of_a_grid():
    rows = np.arange(N)
    members = fold_objectives(
        problem(CrammerSinger()), [rows[rows % 3 != part] for part in range(3)]
    )
    found = solve_grid(members, [0.5, 0.1], DualAscent(), tol=1e-5)
    expected = solve_grid(members, [0.5, 0.1], LBFGS(), tol=1e-3)
    assert np.all(found.gap <= 1e-5 * found.loss)
    assert np.allclose(found.loss, expected.loss, rtol=1e-3)


def test_passes_are_counted_and_limited():
    objective, asked = recorded(problem(Hinge()))
    result = minimize(objective, DualAscent(), tol=0, max_passes=40)
    assert result.passes == pytest.approx(sum(1 + request.spent for request in asked))
    assert asked[0].spent == 0
    assert max(request.spent for request in asked) <= 100
    assert result.passes <= 40 + 101 + 1  # a turn, and the evaluation of the end


def test_a_point_that_is_worse_is_not_the_end():
    objective = problem(CrammerSinger(), L1(1e-3))
    watch = Watch(8)
    result = minimize(objective, DualAscent(), tol=0, callbacks=[watch])
    losses = [float(objective.evaluate(Request(W)).total[0]) for W in watch.iterates]
    assert losses == sorted(losses, reverse=True)
    assert result.loss[0] == losses[-1]


def test_refusals_are_one_sentence(monkeypatch):
    small = problem(Hinge())
    for objective, sentence in (
        (replace(small, loss=Softmax()), r"needs a hinge, .* got Softmax.*; use optimizer='lbfgs'"),
        (small.with_penalty(MaxNorm(1.0)), r"needs a penalty such as L2, .*, got MaxNorm"),
        (small.with_penalty(NoPenalty()), r"needs a penalty such as L2, .*, got NoPenalty"),
        (small.with_penalty(L2(0.0)), r"needs a penalty such as L2, .*, got L2"),
        (
            problem(
                Hinge(),
                L1(0.1),
                csr_array(data()[0]),
                standardization=Standardization(np.ones(D), np.ones(D)),
            ),
            r"takes L1 and elastic net on sparse rows without means; use optimizer='auto'",
        ),
    ):
        with pytest.raises(TypeError, match=f"^DualAscent {sentence}"):
            minimize(objective, DualAscent())
    monkeypatch.setattr("halfspaces.optimizers.dual_rows.COPIED", 10)
    for rows in (np.asfortranarray(data()[0]), data()[0].astype(np.float16)):
        with pytest.raises(
            TypeError, match=r"reads rows of .* in C order, got .*; use optimizer='auto'"
        ):
            minimize(problem(Hinge(), X=rows), DualAscent())

"""Coordinate descent on columns: its loops beside NumPy, and its minima beside those of others."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from halfspaces import LinearClassifier
from halfspaces.kernels.column_loops import (
    add_products,
    column_sums,
    descend,
    descend_gram,
    write_gram,
)
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.losses.surrogates import Softplus, SquaredPlus
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers import CoordinateDescent, ProximalGradient
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.testing.runs import small_objective
from halfspaces.tuning.largest_strength import largest_strength
from halfspaces.tuning.path import solve_path

pytestmark = pytest.mark.usefixtures("one_blas_thread")


def columns(seed=0, n=40, k=7, density=0.4):
    X = scipy.sparse.random_array((n, k), density=density, rng=seed, format="csc")
    return X.toarray(), (X.indptr.astype(np.int64), X.indices.astype(np.int32), X.data)


def test_products_sums_and_gram_are_those_of_numpy():
    X, stored = columns()
    rng = np.random.default_rng(1)
    work = np.array([5, 0, 3, 6, 1])
    moves, slopes, bend = rng.normal(size=5), rng.normal(size=40), rng.random(40)
    scores, sums = np.ones(40), np.empty(5)
    add_products(*stored, work, moves, scores)
    column_sums(*stored, work, slopes, sums)
    assert np.allclose(scores, 1 + X[:, work] @ moves)
    assert np.allclose(sums, X[:, work].T @ slopes)
    longest_first = work[np.argsort(-np.diff(stored[0])[work], kind="stable")]
    Q, buffer = np.empty((5, 5)), np.zeros((40, 4))
    write_gram(*stored, longest_first, bend, buffer, Q)
    expected = X[:, longest_first].T @ (bend[:, None] * X[:, longest_first])
    assert np.allclose(Q, expected)
    assert not buffer.any()


@pytest.mark.parametrize("t", [0.0, 0.3])
def test_both_descents_reach_the_minimum_of_the_model(t):
    X, stored = columns(density=0.7)
    rng = np.random.default_rng(2)
    work, bend = np.arange(7), rng.random(40)
    gradient, start = rng.normal(size=7), rng.normal(size=7)
    threshold, ridge = np.full(7, t), np.full(7, 0.2)
    Q = X.T @ (bend[:, None] * X) + np.diag(ridge)
    found, sums, violation = start.copy(), gradient.copy(), np.zeros(1)
    descend_gram(Q, threshold, 2000, 1e-10, found, sums, violation)
    slope = gradient + Q @ (found - start)
    assert np.allclose(sums, slope)
    assert np.all(np.where(found == 0, np.abs(slope) <= t, np.isclose(slope, -t * np.sign(found))))
    again, slopes = start.copy(), np.zeros(40)
    descend(
        *stored, work, bend, gradient, start, threshold, ridge, 2000, 1e-10, again, slopes,
        violation,
    )  # fmt: skip
    assert np.allclose(again, found)
    assert np.allclose(slopes, bend * (X @ (again - start)))


def documents(n=150, d=400, seed=0, weight=None, n_jobs=1):
    """Sparse rows that depend on the class, unlike the rest of the tests' dense ones."""
    rng = np.random.default_rng(seed)
    y = rng.integers(4, size=n)
    X = scipy.sparse.random_array((n, d), density=0.05, rng=rng, format="csr").tolil()
    for row in range(n):
        X[row, 10 * y[row] : 10 * y[row] + 3] = rng.random(3)
    X[:, 399] = 1 + rng.random((n, 1))  # in every row
    return Blocks(X.tocsr(), y, weight=weight, n_jobs=n_jobs)


LOSSES = [Softmax(), OneVsAll(Softplus(), margin=0), OneVsAll(SquaredPlus())]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_minimum_is_that_of_the_proximal_gradient(loss, standardize, intercept):
    blocks = documents()
    settings = {"standardize": standardize, "fit_intercept": intercept}
    model = LinearClassifier(loss, "l1", strength=1.0, **settings)
    objective = model.objective(blocks.X, blocks.y)
    objective = objective.with_penalty(L1(0.1 * largest_strength(objective)))
    ours = minimize(objective, CoordinateDescent(), tol=1e-7)
    other = minimize(objective, ProximalGradient(), tol=1e-4)
    assert ours.converged
    assert other.converged
    assert ours.passes < min(20, other.passes)
    assert ours.loss == pytest.approx(other.loss, rel=2e-4)
    assert ours.loss <= other.loss * (1 + 1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_columns_too_many_for_a_gram_matrix_give_the_same_minimum(loss, monkeypatch):
    objective = replace(small_objective(), loss=loss, penalty=L1(0.01))
    expected = minimize(objective, CoordinateDescent(), tol=1e-6)
    monkeypatch.setattr("halfspaces.optimizers.column_descent.MOST_IN_GRAM", 3)
    found = minimize(objective, CoordinateDescent(), tol=1e-6)
    assert found.converged
    assert found.loss == pytest.approx(expected.loss, rel=2e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_members_have_weights_of_their_own(loss):
    rng = np.random.default_rng(0)
    weight = (rng.random((150, 2)) < 0.7).astype(float)
    both = Objective(loss, L1((0.02, 0.01)), documents(weight=weight), n_classes=4)
    result = minimize(both, CoordinateDescent(), both.zeros(2), tol=1e-6)
    assert result.converged
    for m, strength in enumerate((0.02, 0.01)):
        alone = replace(both, penalty=L1(strength), blocks=documents(weight=weight[:, m]))
        one = minimize(alone, CoordinateDescent(), tol=1e-6)
        assert result.loss[m] == pytest.approx(one.loss[0], rel=2e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_same_bits_for_any_number_of_workers(loss):
    found = []
    for n_jobs in (1, 2, 3):
        objective = Objective(loss, L1(0.01), documents(n_jobs=n_jobs), n_classes=4)
        found.append(minimize(objective, CoordinateDescent()).W)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.parametrize("loss", LOSSES[1:], ids=str)
def test_the_objective_is_that_of_liblinear(loss):
    """L1-regularized, one against the rest, without a bias: C = 1/(λN)."""
    blocks = documents()
    X, y = blocks.X.toarray(), blocks.y
    strength = 0.02
    objective = LinearClassifier(
        loss, "l1", strength=strength, standardize=False, fit_intercept=False
    ).objective(blocks.X, y)
    ours = minimize(objective, CoordinateDescent(), tol=1e-7)
    shared = {"C": 1 / (strength * len(y)), "fit_intercept": False, "tol": 1e-8}
    W = objective.zeros()
    for c in range(4):
        if loss.surrogate == Softplus():
            model = LogisticRegression(l1_ratio=1, solver="liblinear", **shared, max_iter=10_000)
        else:
            model = LinearSVC(penalty="l1", dual=False, **shared, max_iter=100_000)
        W[:-1, 0, c] = model.fit(X, y == c).coef_[0]
    assert ours.loss == pytest.approx(objective.evaluate(Request(W)).total, rel=1e-6)
    assert np.allclose(ours.W[:-1], W[:-1], atol=1e-2)


def test_a_path_goes_on_from_the_gradient_that_is_known():
    blocks = documents()
    model = LinearClassifier("ova_logistic", "l1", strength=1.0)
    objective = model.objective(blocks.X, blocks.y)
    strengths = largest_strength(objective) * np.geomspace(1, 1 / 30, 6)
    path = solve_path(objective, strengths, CoordinateDescent(), tol=1e-6)
    assert path.converged
    alone = minimize(objective.with_penalty(L1(strengths[-1])), CoordinateDescent(), tol=1e-6)
    assert path.loss[-1] == pytest.approx(alone.loss[0], rel=2e-6)
    assert path.passes[1:].max() <= alone.passes


def test_it_is_chosen_for_many_sparse_features():
    X = scipy.sparse.random_array((20, 5000), density=0.01, rng=0, format="csr")
    objective = LinearClassifier("ova_logistic", "l1").objective(X, np.arange(20) % 2)
    assert choose_for(objective).optimizer == CoordinateDescent()


def test_it_refuses_kinks_and_other_penalties():
    small = replace(small_objective(), penalty=L1(0.1))
    with pytest.raises(TypeError, match=r"without kinks, got Hinge.*; use optimizer='proximal_new"):
        minimize(replace(small, loss=Hinge()), CoordinateDescent())
    with pytest.raises(TypeError, match=r"got MaxNorm.*; use optimizer='proximal'"):
        minimize(replace(small, penalty=MaxNorm(1.0)), CoordinateDescent())


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_above_the_largest_strength_every_weight_is_0(loss):
    blocks = documents()
    model = LinearClassifier(loss, "l1", strength=1.0, standardize=False, fit_intercept=False)
    objective = model.objective(blocks.X, blocks.y)
    objective = objective.with_penalty(L1(1.01 * largest_strength(objective)))
    result = minimize(objective, CoordinateDescent(), tol=1e-6)
    assert result.converged
    assert not result.W.any()
    start = 0.1 * np.random.default_rng(0).normal(size=result.W.shape)
    again = minimize(objective, CoordinateDescent(), start, tol=1e-6)
    assert again.converged
    assert not again.W[:-1].any()

"""Strengths × folds in one solve: equal to separate fits, certified, in fewer passes;
nothing of a fold leaks.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier
from halfspaces.losses import LOSSES
from halfspaces.optimizers import LBFGS, Gram, ProximalNewton
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.moments import Moments
from halfspaces.tuning.grid import fold_objectives, solve_grid

pytestmark = pytest.mark.usefixtures("one_blas_thread")

X, Y = (part[:300] for part in load_digits(return_X_y=True))
ROWS = np.arange(len(Y))
FOLDS = [ROWS[part != ROWS % 3] for part in range(2)]  # the rows of the third part are in both
STRENGTHS = [1.0, 0.1, 0.01]


def objective(loss="softmax", rows=X, **options):
    return LinearClassifier(loss, **options).objective(rows, Y)


def separate(grid, tol):
    """Each member alone, from W = 0: losses (S, F+1) and W."""
    results = [
        [minimize(alone, choose_for(alone).optimizer, tol=tol) for alone in strengths]
        for strengths in (
            [
                replace(each, penalty=replace(each.penalty, strength=strength))
                for each in grid.objectives
            ]
            for strength in grid.strengths
        )
    ]
    return np.array([[result.loss[0] for result in row] for row in results]), results


@pytest.mark.parametrize(
    "loss",
    [
        "softmax",
        *(pytest.param(name, marks=pytest.mark.long) for name in LOSSES if name != "softmax"),
    ],
)
def test_a_grid_equals_separate_fits(loss):
    tol = 1e-6 if LOSSES[loss].smooth else 1e-2
    given = objective(loss)
    grid = solve_grid(
        fold_objectives(given, FOLDS), STRENGTHS, choose_for(given).optimizer, tol=tol
    )
    losses, _ = separate(grid, tol)
    assert grid.W.shape == (65, 3, 3, 10)
    assert np.all(grid.gap <= tol * grid.loss)
    np.testing.assert_allclose(grid.loss, losses, rtol=2 * tol)


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [L1(1.0), ElasticNet(1.0)], ids=str)
@pytest.mark.parametrize("optimizer", [ProximalNewton(), None], ids=str)
def test_a_grid_of_sparse_weights_equals_separate_fits(penalty, optimizer):
    given = replace(objective(), penalty=penalty)
    grid = solve_grid(
        fold_objectives(given, FOLDS), [0.05, 0.01], optimizer or choose_for(given).optimizer
    )
    losses, _ = separate(grid, 1e-4)
    np.testing.assert_allclose(grid.loss, losses, rtol=2e-4)


@pytest.mark.parametrize(
    "kind",
    [
        "dense",
        "sparse",
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in ("offset", "raw", "weighted", "no intercept")
        ),
    ],
)
def test_scores_of_rows_held_out_are_those_of_separate_fits(kind):
    rows = csr_array(X) if kind == "sparse" else X + 1e4 * (kind == "offset")
    given = objective(rows=rows, standardize=kind != "raw", fit_intercept=kind != "no intercept")
    if kind == "weighted":
        weight = np.random.default_rng(0).uniform(0.5, 2, len(Y))
        given = LinearClassifier().objective(rows, Y, sample_weight=weight)
    grid = solve_grid(
        fold_objectives(given, FOLDS), [0.1, 0.01], LBFGS(preconditioner=Gram()), tol=1e-7
    )
    losses, results = separate(grid, 1e-7)
    np.testing.assert_allclose(grid.loss, losses, rtol=2e-7)
    for fold, train in enumerate(FOLDS):
        held_out = given.blocks.subset(np.setdiff1d(ROWS, train))
        for s in range(2):
            W, alone = grid.W[:, s, fold][:, None], results[s][fold].W
            mine, theirs = (grid.objectives[fold].on(held_out).scores(each) for each in (W, alone))
            np.testing.assert_allclose(mine, theirs, atol=1e-3 * np.abs(theirs).max())


def test_a_fold_is_standardized_by_its_own_rows():
    rows = X.copy()
    rows[:, 3] = np.where(ROWS % 3 == 0, ROWS, 7.0)  # constant where the first fold trains
    grid = solve_grid(
        fold_objectives(objective(rows=rows), FOLDS), [1.0], LBFGS(preconditioner=Gram())
    )
    for fold, train in enumerate(FOLDS):
        expected = Moments.of(grid.objectives[-1].blocks.subset(train)).standardization()
        found = grid.objectives[fold].standardization
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.scale, expected.scale, rtol=1e-9)
    assert grid.objectives[0].standardization.scale[3] == 1.0


def test_a_grid_takes_fewer_passes_than_its_fits_and_can_be_stopped():
    given, told = objective(), []
    strengths = np.geomspace(3, 1e-3, 8)

    def each(strength, W):
        told.append(strength)
        return strength < 0.1

    optimizer = LBFGS(preconditioner=Gram())
    members = fold_objectives(given, FOLDS)
    grid = solve_grid(members, strengths, optimizer)
    cold = [
        minimize(replace(given, penalty=L2(float(s))), optimizer, tol=1e-4).passes
        for s in strengths
    ]
    assert np.sum(grid.passes[1:, 0]) < 0.75 * np.sum(cold[1:])
    stopped = solve_grid(members, strengths, optimizer, each=each)
    assert np.array_equal(stopped.strengths, told)
    assert len(told) < len(strengths)
    assert np.array_equal(stopped.W, grid.W[:, : len(told)])


SPLITS = {
    "each row once": [ROWS[part != ROWS % 3] for part in range(3)],
    "one part": [ROWS[:-40]],
    "some rows": [ROWS[5:], ROWS[(ROWS % 7) > 0]],
    "all but a few": [ROWS[20:40], ROWS[15:]],
}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kind", ["dense", "float32", "sparse", "weighted", "offset"])
@pytest.mark.parametrize("large", [1.0, 1e7, 1e14])
def test_moments_of_training_rows_keep_their_digits(large, kind, split):
    rows = 0.01 * np.random.default_rng(0).standard_normal((len(Y), 4))
    rows[7] = -large  # held out by some fold of each split
    rows[7, 0], rows[8:, 0] = 1.0, 0.0  # a column that varies among the first rows only
    rows[:, 1] += 1e3 * (kind == "offset")
    weight = np.random.default_rng(1).uniform(0.5, 2, len(Y)) if kind == "weighted" else None
    rows = rows.astype(np.float32) if kind == "float32" else rows
    given = LinearClassifier().objective(
        csr_array(rows) if kind == "sparse" else rows, Y, sample_weight=weight
    )
    for train, member in zip(SPLITS[split], fold_objectives(given, SPLITS[split]), strict=False):
        counts = np.ones(len(train)) if weight is None else weight[train]
        mean = np.average(rows[train].astype(float), axis=0, weights=counts)
        centred = rows[train].astype(float) - mean
        variance = np.average(centred**2, axis=0, weights=counts)
        scale = np.where(variance > 0, np.sqrt(variance), 1.0)
        found = member.standardization
        np.testing.assert_allclose(found.scale, scale, rtol=1e-6)
        np.testing.assert_allclose(found.mean, mean, atol=1e-6 * scale.max(), rtol=1e-6)

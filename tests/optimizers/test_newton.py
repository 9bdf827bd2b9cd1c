"""Newton's method: its Hessian, and where it serves."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris, load_wine

from halfspaces import LinearClassifier
from halfspaces.losses import LOSSES, Loss, Softmax
from halfspaces.losses.hinge import Hinge
from halfspaces.objective.request import Request
from halfspaces.optimizers import LBFGS, Newton
from halfspaces.optimizers.newton import Hessian
from halfspaces.penalties import L1, L2, NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.tuning.grid import fold_objectives, solve_grid, stack_of

pytestmark = pytest.mark.usefixtures("one_blas_thread")

SMOOTH = [name for name, loss in LOSSES.items() if loss.smooth]


class Differences(Loss):
    """Softmax, its Hessians by the differences of its gradients."""

    shift_invariant = True

    def value_and_grad(self, scores, y):
        return Softmax().formula(scores, y)

    def curvature(self, n_classes):
        return 0.5

    def conjugate(self, dual, y):
        return Softmax().conjugate(dual, y)


def folds(loss="softmax", *, sparse=False, **options):
    """A stack of three members with weights and units of their own, on a third of wine."""
    X, y = load_wine(return_X_y=True)
    X, y = X[::3, :6], y[::3]
    weight = 0.5 + np.random.default_rng(0).uniform(size=len(y))
    classifier = LinearClassifier(loss, **options)
    objective = classifier.objective(csr_array(X) if sparse else X, y, weight)
    rows = np.arange(len(y))
    return stack_of(fold_objectives(objective, [rows[rows % 2 == part] for part in range(2)]))


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        *[(name, {}) for name in SMOOTH],
        pytest.param(Differences(), {}, id="differences"),
        ("softmax", {"sparse": True}),
        ("softmax", {"fit_intercept": False}),
        ("ova_squared_hinge", {"fit_intercept": False, "standardize": False}),
    ],
    ids=str,
)
def test_a_step_makes_the_linearized_gradient_0(loss, options):
    objective = replace(folds(loss, **options), penalty=L2((0.01, 0.02, 0.03)))
    W = 0.3 * np.random.default_rng(1).standard_normal((7, 3, 3))
    W[-1] *= objective.fit_intercept
    gradient = objective.evaluate(Request(W)).gradient
    hessian = Hessian(objective.blocks, objective.linear, objective.loss)
    step = hessian.step(W, gradient, np.array([0.02, 0.04, 0.06]))
    up, down = (objective.evaluate(Request(W + t * step)).gradient for t in (1e-5, -1e-5))
    np.testing.assert_allclose((up - down) / 2e-5, -gradient, rtol=1e-4, atol=1e-6)


def test_rows_in_blocks_of_any_size_and_any_number_of_workers_give_the_same_bits():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((9000, 5)).astype(np.float32), rng.integers(3, size=9000)
    found = []
    for n_jobs in (1, 3):
        objective = LinearClassifier("softmax", n_jobs=n_jobs).objective(X, y)
        found.append(minimize(objective, Newton(), tol=1e-6).W)
    assert np.array_equal(*found)


@pytest.mark.parametrize("penalty", [L2(1e-8), NoPenalty()], ids=repr)
@pytest.mark.parametrize("name", SMOOTH)
def test_flat_directions_are_left_alone(name, penalty):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 4)) @ rng.standard_normal((4, 7))  # three features too many
    y = (X[:, 0] + 2 * rng.standard_normal(80) > 0) + (X[:, 1] + 2 * rng.standard_normal(80) > 0)
    for dtype in (np.float64, np.float32):
        objective = LinearClassifier(name).objective(X.astype(dtype), y)
        objective = replace(objective, penalty=penalty)
        newton = minimize(objective, Newton(), tol=1e-3)
        assert newton.converged
        best = minimize(objective, LBFGS(), tol=1e-4)
        assert newton.loss == pytest.approx(best.loss, rel=2e-3)
        if objective.loss.shift_invariant:
            assert np.abs(newton.W[-1].sum(axis=1)).max() < 1e-4


def test_a_path_takes_about_two_evaluations_a_strength():
    objective = LinearClassifier().objective(*load_iris(return_X_y=True))
    rows = np.arange(150)
    members = fold_objectives(objective, [rows[rows % 5 != part] for part in range(5)])
    strengths = np.geomspace(1, 1e-6, 13)
    grid = solve_grid(members, strengths, Newton(), tol=1e-3)
    assert np.all(grid.gap <= 1e-3 * np.maximum(grid.loss, 1e-3 * np.log(3)))
    assert grid.passes[1:].mean() < 4
    again = solve_grid(members, strengths, LBFGS(), tol=1e-3)
    assert grid.loss == pytest.approx(again.loss, rel=2e-3)


def test_what_it_does_not_serve():
    objective = LinearClassifier().objective(*load_iris(return_X_y=True))
    with pytest.raises(TypeError, match="Newton needs penalty='l2' or 'none', got L1"):
        minimize(replace(objective, penalty=L1(0.1)), Newton())
    with pytest.raises(TypeError, match="Newton needs a loss without kinks, got Hinge"):
        minimize(replace(objective, loss=Hinge()), Newton())
    wide = LinearClassifier().objective(np.eye(40, 6000), np.arange(40) % 4)
    with pytest.raises(ValueError, match="a Hessian of 576,192,016 numbers; use optimizer='lbfgs'"):
        minimize(wide, Newton())


@pytest.mark.parametrize("name", SMOOTH)
def test_rows_without_weight_and_a_class_of_them(name):
    X = np.random.default_rng(0).standard_normal((30, 3))
    y = np.r_[np.arange(20) % 2, np.full(10, 2)]
    objective = replace(LinearClassifier(name).objective(X, y), penalty=L2(0.1))
    last = np.r_[np.ones(20), np.zeros(10)]
    for weight, converges in ((last, objective.loss.separable), (1 - 0.9 * last, True)):
        member = replace(objective, blocks=Blocks(X, y, weight))
        result = minimize(member, Newton(), tol=1e-6)
        assert result.passes < 40
        assert result.converged or not converges  # a bias of softmax falls forever


def test_a_start_far_away_costs_one_step():
    objective = LinearClassifier().objective(*load_iris(return_X_y=True))
    best = minimize(objective, Newton(), tol=1e-3)
    far = minimize(objective, Newton(), 1e6 * best.W, tol=1e-3)
    assert far.converged
    assert far.passes <= best.passes + 2

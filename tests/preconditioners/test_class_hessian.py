"""The Hessian by classes: the numerical one where its assumption holds,
and few passes where classes are far apart.
"""

from dataclasses import replace

import numpy as np
import pytest

from halfspaces import LinearClassifier
from halfspaces.files.checkpoint import Checkpoint
from halfspaces.gradcheck import numerical_gradient
from halfspaces.losses import LOSSES
from halfspaces.objective.request import Request
from halfspaces.optimizers import LBFGS, ByClass, Gram
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.tuning.path import along

D, C, RIDGE = 5, 3, 0.3


def clusters(n, d, classes, spread, seed=0):
    """Examples about means far apart."""
    rng = np.random.default_rng(seed)
    means, y = rng.standard_normal((classes, d)), np.arange(n) % classes
    return means[y] + spread * rng.standard_normal((n, d)) / np.sqrt(d), y


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if loss.smooth])
def test_it_is_the_hessian_where_examples_lie_on_the_means_of_their_classes(loss, fit_intercept):
    X, y = clusters(60, D, C, spread=0)
    weight = np.random.default_rng(1).uniform(0.5, 2, size=60)
    given = LinearClassifier(loss=loss, fit_intercept=fit_intercept).objective(
        X, y, sample_weight=weight
    )
    objective = replace(given, penalty=L2(RIDGE / 2))
    W = 0.5 * np.random.default_rng(2).standard_normal((D + 1, 1, C))
    W[-1] *= fit_intercept

    def gradient(W):
        return objective.evaluate(Request(W)).gradient

    inverse, _ = ByClass().build(objective, 1).at(W, np.array([RIDGE]))
    for seed in range(3):
        V = np.random.default_rng(seed).standard_normal(W.shape)
        V[-1] -= V[-1].mean()  # no step adds the same to all biases
        V[-1] *= fit_intercept
        bent = (gradient(W + 1e-5 * V) - gradient(W - 1e-5 * V)) / 2e-5
        assert inverse(bent) == pytest.approx(V, abs=0.02 * np.abs(V).max())


def test_classes_far_apart_take_few_passes():
    X, y = clusters(4000, 40, 8, spread=0.7)
    given = LinearClassifier().objective(X, y)
    strengths = np.geomspace(1, 1e-4, 12)
    passes = {}
    for sketch in (Gram(), ByClass()):
        steps = along(given, strengths, LBFGS(preconditioner=sketch), tol=1e-4, max_passes=300)
        results = [result for _, result, _, _ in steps]
        assert all(result.converged for result in results)
        passes[type(sketch)] = sum(result.passes for result in results)
    assert passes[ByClass] < 0.5 * passes[Gram]


def test_a_step_to_where_there_is_no_curvature_is_recovered_from():
    X, y = clusters(3000, 30, 10, spread=0.3)
    objective = replace(LinearClassifier().objective(X, y), penalty=L2(1e-4))
    result = minimize(objective, LBFGS(preconditioner=ByClass()), tol=1e-3)
    assert result.converged
    assert result.passes < 30


@pytest.mark.parametrize("turns", [3, 9, 14])
def test_a_path_killed_goes_on_to_the_same_bits(tmp_path, turns):
    class Killed(Exception):
        pass

    def solved(*callbacks):
        X, y = clusters(2000, 20, 5, spread=1.0)
        objective = LinearClassifier().objective(X.astype(np.float32), y)
        optimizer, strengths = LBFGS(preconditioner=ByClass()), np.geomspace(1, 1e-3, 5)
        steps = along(
            objective, strengths, optimizer, tol=1e-5, max_passes=100, callbacks=callbacks
        )
        return np.stack([result.W for _, result, _, _ in steps])

    def kill(run):
        turned.append(run)
        if len(turned) == turns:
            raise Killed

    turned = []
    with pytest.raises(Killed):
        solved(Checkpoint(tmp_path, every=0), kill)
    assert np.array_equal(solved(Checkpoint(tmp_path, every=0)), solved())


def test_members_of_a_stack_are_as_alone():
    X, y = clusters(900, 12, 4, spread=2.0)
    objective = replace(LinearClassifier().objective(X, y), penalty=L2(1e-3))
    both = np.random.default_rng(0).standard_normal((13, 2, 4))
    stack, _ = ByClass().build(objective, 2).at(both, np.array([1e-3, 0.1]))
    gradient = np.random.default_rng(1).standard_normal(both.shape)
    gradient -= gradient.mean(axis=2, keepdims=True)
    steps = stack(gradient)
    for member, curvature in enumerate([1e-3, 0.1]):
        W = np.ascontiguousarray(both[:, [member]])
        alone, _ = ByClass().build(objective, 1).at(W, np.array([curvature]))
        assert steps[:, [member]] == pytest.approx(alone(gradient[:, [member]]), rel=1e-2, abs=1e-2)


def test_the_gradient_check_of_the_losses_covers_what_it_rests_on():
    scores = np.random.default_rng(0).standard_normal((1, 4))
    for name in ("softmax", "ova_logistic"):
        loss, y = LOSSES[name], np.array([2])
        slope = numerical_gradient(
            lambda s, loss=loss, y=y: loss.value_and_grad(s, y)[1][0, 1], scores
        )
        assert loss.hessian(scores, y, np.ones(1))[1] == pytest.approx(slope[0], abs=1e-7)

"""Better dual points: bounds that are closer to the minimum, and never above it."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier
from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.softmax import Softmax
from halfspaces.objective.request import Request, Smoothing
from halfspaces.optimizers import LBFGS, GradientDescent, Gram
from halfspaces.penalties.l2 import L2
from halfspaces.proofs import tighten
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import small_objective

SMALL = small_objective()


@pytest.mark.parametrize("loss", [Softmax(), SquaredHinge(), Hinge()], ids=str)
@pytest.mark.parametrize("parts", [1, 2])
def test_a_part_of_the_rows_closes_the_class_sums_of_all(loss, parts):
    weight = np.stack([SMALL.blocks.weight, np.roll(SMALL.blocks.weight, 1)], axis=1)
    blocks = replace(SMALL.blocks, weight=weight).subset(np.arange(2, 60))
    stack = replace(SMALL, loss=loss, penalty=L2((5.0, 10.0)), blocks=blocks)
    best = minimize(stack, LBFGS(preconditioner=Gram()), stack.zeros(2), tol=1e-9)
    W = best.W.copy()
    W[-1] += 0.02 * np.random.default_rng(0).standard_normal(W[-1].shape)
    before = stack.evaluate(Request(W, smoothing=Smoothing(0.0 if loss.smooth else 0.01)))
    ((lower, passes),) = tighten.tighter_bounds(stack, before, None, parts)
    assert np.all(lower <= best.loss * (1 + 1e-9))
    assert np.all(best.loss - lower < 0.1 * (best.loss - before.lower))
    assert passes == 1 / parts


def test_an_optimizer_s_step_on_a_part_of_the_rows_raises_the_bound():
    digits = replace(LinearClassifier().objective(*load_digits(return_X_y=True)), penalty=L2(1e-2))
    optimizer = LBFGS(preconditioner=Gram())
    best = minimize(digits, optimizer, tol=1e-9)
    state = minimize(digits, optimizer, tol=1e-9, max_passes=12).state
    evaluation, step = digits.evaluate(Request(state.W)), optimizer.step_of(state)
    bounds = [next(tighten.tighter_bounds(digits, evaluation, each))[0] for each in (None, step)]
    assert evaluation.lower[0] < bounds[0][0] < bounds[1][0] <= best.loss[0]
    assert best.loss[0] - bounds[1][0] < 0.6 * (best.loss[0] - bounds[0][0])


def test_rows_whose_folds_take_turns_give_bounds_for_every_member():
    weight = np.stack([np.arange(60) % 4 != fold for fold in range(4)], axis=1).astype(float)
    stack = replace(SMALL, blocks=replace(SMALL.blocks, weight=weight))
    best = minimize(stack, LBFGS(preconditioner=Gram()), stack.zeros(4), tol=1e-9)
    W = best.W + 0.02 * np.random.default_rng(0).standard_normal(best.W.shape)
    bounds = list(tighten.tighter_bounds(stack, stack.evaluate(Request(W)), np.negative, parts=4))
    assert len(bounds) == 3
    assert all(np.all(lower <= best.loss) for lower, _ in bounds)


def test_parts_in_which_a_member_has_no_weight_are_left_out():
    weight = np.ones((60, 2))
    weight[10:, 1] = 0
    stack = replace(SMALL, blocks=replace(SMALL.blocks, weight=weight))
    bounds = list(
        tighten.tighter_bounds(
            stack, stack.evaluate(Request(stack.zeros(2))), np.negative, parts=30
        )
    )
    assert len(bounds) < 3
    assert all(np.isfinite(lower).all() for lower, _ in bounds)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [LBFGS(preconditioner=Gram()), GradientDescent()], ids=str)
def test_a_run_that_looks_for_better_dual_points_is_resumed_as_if_never_stopped(optimizer):
    stack = replace(SMALL, penalty=L2((1.0, 0.1)))
    whole = minimize(stack, optimizer, stack.zeros(2), tol=1e-9)
    for passes in np.linspace(1, whole.passes - 2, 6):
        stopped = minimize(stack, optimizer, stack.zeros(2), tol=1e-9, max_passes=passes)
        resumed = minimize(stack, optimizer, tol=1e-9, resume=stopped)
        assert np.array_equal(resumed.W, whole.W)
        assert resumed.passes == whole.passes

"""Gradient descent, whole and in batches."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from halfspaces.losses import LOSSES
from halfspaces.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers import SGD, GradientDescent
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments
from halfspaces.testing.runs import small_objective, start

SMALL = small_objective()


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
@pytest.mark.parametrize("batch_size", [4, 64])
def test_the_default_step_of_sgd_suits_any_loss_and_batch(loss, batch_size):
    X, y = load_digits(return_X_y=True)
    blocks = Blocks(X[:600] / 16, y[:600], n_jobs=1)
    digits = Objective(
        loss, L2(1e-3), blocks, n_classes=10, standardization=Moments.of(blocks).standardization()
    )
    result = minimize(digits, SGD(batch_size=batch_size, epochs=3))
    assert result.loss < 0.6 * loss.chance_value(10)


def test_one_step_of_gradient_descent_by_hand():
    W = start(SMALL)
    gradient = SMALL.evaluate(Request(W)).gradient
    found = minimize(SMALL, GradientDescent(step_size=0.3), W, max_passes=0.5).W
    assert np.array_equal(found, W - 0.3 * gradient)

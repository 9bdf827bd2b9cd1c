"""The range test finds a step size."""

import numpy as np
from sklearn.datasets import load_digits

from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers import SGD
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.tuning.step_size import find_step_size


def test_the_range_test_finds_a_step_that_trains_and_one_that_is_too_large():
    X, y = load_digits(return_X_y=True)
    digits = Objective(Softmax(), L2(1e-3), Blocks(X / 16, y, n_jobs=1), n_classes=10)
    test = find_step_size(digits, SGD(update_rule="plain"), n_steps=120)
    assert len(test.steps) == len(test.losses) <= 120
    np.testing.assert_allclose(np.diff(np.log(test.steps)), np.log(1e8) / 120, rtol=1e-9)
    assert test.suggestion < test.steps[np.argmin(test.losses)]
    at_zero = digits.evaluate(Request(digits.zeros())).total[0]
    good = minimize(digits, SGD(test.suggestion, update_rule="plain", epochs=3)).loss[0]
    tiny = minimize(digits, SGD(test.suggestion / 1000, update_rule="plain", epochs=3)).loss[0]
    assert good < 0.5 * at_zero
    assert tiny > 0.9 * at_zero


def test_the_range_test_costs_no_more_steps_than_it_was_given():
    many = Objective(
        Softmax(), L2(1e-3), Blocks(np.ones((5000, 2)), np.arange(5000) % 3, n_jobs=1), n_classes=3
    )
    assert len(find_step_size(many, SGD(batch_size=16), n_steps=20, highest=1e-2).steps) <= 20

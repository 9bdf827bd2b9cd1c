"""The Gram matrix as preconditioner."""

from dataclasses import replace

import numpy as np
import pytest

from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers import LBFGS, Gram
from halfspaces.penalties.l2 import L2
from halfspaces.preconditioners.curvature import LENGTHS
from halfspaces.rows.blocks import Blocks
from halfspaces.testing.runs import small_objective

SMALL = small_objective()

# ------------------------------------------------------------------- line search and preconditioner


@pytest.mark.parametrize("strength", [0.3, (0.3, 2.0)], ids=["cholesky", "eigenvectors"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gram_inverts_the_hessian_of_a_quadratic_loss(strength, fit_intercept):
    X, weight = SMALL.blocks.X + 2.0, SMALL.blocks.weight
    blocks = replace(SMALL.blocks, X=X)
    objective = replace(SMALL, penalty=L2(strength), blocks=blocks, fit_intercept=fit_intercept)
    gradient = np.random.default_rng(0).standard_normal((6, 2, 3))
    gradient[-1] *= fit_intercept
    step = Gram(curvature=0.7).build(objective, 2)(gradient)
    Z = np.column_stack([X, np.ones(60)]) if fit_intercept else X
    for m, ridge in enumerate(np.broadcast_to(strength, 2)):
        penalized = np.diag([1.0] * 5 + [0.0] * fit_intercept)
        hessian = 0.7 * Z.T @ (weight[:, None] * Z) / weight.sum() + 2 * ridge * penalized
        expected = np.linalg.solve(hessian, gradient[: len(hessian), m])
        np.testing.assert_allclose(step[: len(hessian), m], expected, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------- known mistakes: each must break its law


def test_the_first_trial_of_a_step_is_as_long_as_some_rows_tell():
    rng = np.random.default_rng(0)
    y = rng.integers(50, size=4000)
    X = 0.5 * rng.standard_normal((50, 60))[y] + 0.3 * rng.standard_normal((4000, 60))
    far = Objective(Softmax(), L2((0.1, 0.001)), Blocks(X, y, n_jobs=1), n_classes=50)
    optimizer, W = LBFGS(preconditioner=Gram()), far.zeros(2)
    state, gradient = optimizer.init(W, far), far.evaluate(Request(W)).gradient
    direction = state.preconditioner(-gradient)
    found = state.preconditioner.length(W, direction, np.einsum("dmc,dmc->m", gradient, direction))
    values = np.array(
        [far.evaluate(Request(W + t * direction, gradient=False)).total for t in LENGTHS]
    )
    assert found.tolist() == LENGTHS[np.argmin(values, axis=0)].tolist() == [1.0, 0.25]
    assert (
        values.min(axis=0)[1] < 0.1 * values[LENGTHS == 1][0, 1]
    )  # where a quasi-Newton step overshoots by far

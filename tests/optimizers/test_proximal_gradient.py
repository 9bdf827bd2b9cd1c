"""Proximal steps."""

from dataclasses import replace

import numpy as np
import pytest

from halfspaces.loop.optimizer import prox_step
from halfspaces.objective.request import Request
from halfspaces.optimizers import ProximalGradient
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import small_objective

SMALL = small_objective()


@pytest.mark.parametrize("penalty", [L1(0.1), MaxNorm(0.4)], ids=str)
def test_the_optimum_is_a_fixed_point_of_every_prox_step(penalty):
    objective = replace(SMALL, penalty=penalty)
    best = minimize(objective, ProximalGradient(), tol=1e-12)
    gradient = objective.evaluate(Request(best.W)).data_gradient
    for step in (0.01, 0.1 + 0.9 * np.random.default_rng(0).uniform(size=best.W.shape)):
        np.testing.assert_allclose(
            prox_step(penalty, best.W - step * gradient, step), best.W, atol=1e-5
        )
    lengths = np.linalg.norm(best.W[:-1], axis=0)
    active = np.sum(best.W == 0) if isinstance(penalty, L1) else np.sum(lengths > 0.4 * (1 - 1e-6))
    assert active > 0, "the penalty's kink or the constraint is felt"

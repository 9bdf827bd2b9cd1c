"""Compiled update rules are the rules."""

from types import SimpleNamespace

import numpy as np
import pytest

from halfspaces.networks.by_layer import ByLayer
from halfspaces.optimizers import SGD, UPDATE_RULES, gradient_descent
from halfspaces.optimizers.gradient_descent import GradientState, slopes
from halfspaces.penalties import L2, NoPenalty

LAYERS = ((3, 4), (2, 3))  # 18 weights


@pytest.mark.parametrize(
    "penalty", [L2(0.1), NoPenalty(), ByLayer(L2(0.1), LAYERS), ByLayer(NoPenalty(), LAYERS)]
)
def test_slopes_are_the_gradient(penalty):
    W = np.linspace(-1, 1, 25)[:, None, None]
    parts = [factor * slope for slope, factor in slopes(penalty, W)]
    np.testing.assert_allclose(np.concatenate(parts), penalty.gradient(W), rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UPDATE_RULES)
def test_compiled_rules_are_the_rules(name, dtype, monkeypatch):
    rng = np.random.default_rng(0)
    optimizer = SGD(0.1, UPDATE_RULES[name])
    states = []
    for large in (1, 1 << 30):
        monkeypatch.setattr(gradient_descent, "LARGE", large)
        W = np.linspace(-1, 1, 5001, dtype=dtype)[:, None, None]
        step = np.array([0.1])
        slots = optimizer.update_rule.slots(W)
        state = GradientState(W, step, L2(0.1), step, 100, np.zeros_like(W), slots)
        rng = np.random.default_rng(0)
        for _ in range(3):
            data = rng.standard_normal(W.shape).astype(dtype)
            slope = L2(0.1).gradient(state.W[:-1])
            gradient = data.copy()
            gradient[:-1] += slope
            request = SimpleNamespace(W=state.W)
            given = {"data_gradient": data, "request": request, "gradient": gradient}
            before = state.W
            state = optimizer.update(state, SimpleNamespace(**given, statistics=None))
        states.append(state)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    compiled, plain = states
    assert compiled.W.dtype == plain.W.dtype == dtype
    arrays = zip(
        (compiled.W, compiled.last_move, *compiled.slots),
        (plain.W, plain.last_move, *plain.slots),
        strict=True,
    )
    for ours, theirs in arrays:
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    norms = [np.linalg.norm(part) for part in (before, compiled.last_move, gradient)]
    np.testing.assert_allclose(np.ravel(optimizer.measured(compiled)), norms, rtol=10 * tolerance)
    assert optimizer.measured(plain) is None

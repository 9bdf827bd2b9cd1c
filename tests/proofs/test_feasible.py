"""Dual points that are moved to where an L1 penalty allows them."""

import numpy as np
import pytest

from halfspaces import LinearClassifier
from halfspaces.callbacks import Checkpoint
from halfspaces.losses import OneVsAll, Softmax
from halfspaces.losses.surrogates import Softplus, SquaredPlus
from halfspaces.objective.request import Request
from halfspaces.optimizers import ProximalNewton
from halfspaces.optimizers.sketch import Sketch
from halfspaces.optimizers.splitting import SplitModels
from halfspaces.proofs.domains import has_nearest_dual, nearest_dual
from halfspaces.proofs.feasible import feasible_bounds
from halfspaces.proofs.minimize import minimize
from halfspaces.tuning.largest_strength import largest_strength

LOSSES = [
    Softmax(),
    Softmax(label_smoothing=0.2),
    OneVsAll(Softplus(), margin=0),
    OneVsAll(SquaredPlus()),
]


def _diffuse(loss: str = "softmax", part: float = 0.1, rows: int = 900):
    """Correlated features that tell little about the labels, under L1."""
    rng = np.random.default_rng(3)
    features = rng.standard_normal((rows, 320)) @ rng.standard_normal((320, 320)) / 18
    scores = features[:, :4] + 1.5 * rng.standard_normal((rows, 4))
    weight = rng.uniform(0.5, 1.5, rows)
    classifier = LinearClassifier(loss=loss, penalty="l1")
    objective = classifier.objective(features, scores.argmax(axis=1), sample_weight=weight)
    strength = part * float(np.max(largest_strength(objective)))
    return objective.with_penalty(objective.penalty.with_strength(strength))


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_nearest_dual_is_in_the_domain_and_no_other_point_is_nearer(loss) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, 200)
    inside = loss.formula(3 * rng.standard_normal((200, 1, 5)), y)[1]
    kept = nearest_dual(loss, inside, y)
    assert np.allclose(kept, inside, rtol=0, atol=1e-12)
    far = inside + rng.standard_normal(inside.shape)
    moved = nearest_dual(loss, far, y)
    assert np.isfinite(loss.conjugate(moved, y)).all()
    # Of a convex set: no inner point lies beyond the nearest one.
    assert np.sum((far - moved) * (inside - moved), axis=-1).max() <= 1e-9


@pytest.mark.parametrize("loss", ["softmax", "ova_logistic", "ova_squared_hinge"])
def test_bounds_tighten_and_stay_below_the_minimum(loss: str) -> None:
    objective = _diffuse(loss)
    least = minimize(objective, ProximalNewton(), tol=1e-7)
    assert least.converged
    rough = minimize(objective, ProximalNewton(), tol=0.05)
    assert has_nearest_dual(objective.loss)
    evaluation = objective.evaluate(Request(rough.W))
    sketch = Sketch.of_all(objective)
    strength = np.asarray(objective.penalty.thresholds(1))
    model = SplitModels(sketch, strength, np.zeros(1))
    bounds = [float(lower[0]) for lower, _ in feasible_bounds(objective, evaluation, model)]
    assert max(bounds) <= float(least.loss[0]) * (1 + 1e-12)
    gap = float(least.loss[0] - evaluation.lower[0])
    assert least.loss[0] - max(bounds) < 0.2 * gap


def test_a_run_that_splits_ends_at_the_minimum_and_resumes_to_the_same_bits(tmp_path) -> None:
    objective = _diffuse(part=0.02)
    whole = minimize(objective, ProximalNewton(), tol=1e-4)
    assert whole.converged
    assert whole.state.split is not None
    exact = minimize(objective, ProximalNewton(), tol=1e-7)
    assert exact.state.split is None
    assert abs(whole.loss[0] / exact.loss[0] - 1) <= 1e-4
    checkpoint = Checkpoint(tmp_path, every=0)
    passes = int(whole.passes) - 2
    minimize(objective, ProximalNewton(), tol=1e-4, max_passes=passes, callbacks=[checkpoint])
    stored = checkpoint.run(objective, ProximalNewton())
    resumed = minimize(objective, ProximalNewton(), tol=1e-4, resume=stored)
    assert np.array_equal(resumed.W, whole.W)
    assert resumed.passes == whole.passes

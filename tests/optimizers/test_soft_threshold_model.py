"""A minimization that has done its share of work stops, and is a step all the same."""

from collections import deque

import numpy as np
import pytest

from halfspaces.optimizers.sketch import Curvature, Sketch
from halfspaces.optimizers.soft_threshold_model import Model, sparse_step
from halfspaces.support.types import Array

N_FEATURES = 40
N_CLASSES = 6
THRESHOLD = 1e-4


def _curvature(rng: np.random.Generator) -> Curvature:
    """Correlated features and 10 pairs, on which the minimum takes many steps."""
    X = rng.normal(size=(60, N_FEATURES)) @ rng.normal(size=(N_FEATURES, N_FEATURES))
    sketch = Sketch(X.T @ X / 60, np.zeros(N_FEATURES), 0.3, own=1.01, shared=1.0)
    curvature = Curvature(sketch, deque(maxlen=10))
    for _ in range(10):
        move = rng.normal(size=(N_FEATURES + 1, N_CLASSES))
        curvature.learn(move, np.append(0.7 * sketch.gram @ move[:-1], move[-1:], axis=0))
    return curvature


def _value(model: Model, V: Array) -> float:
    """The model, in full."""
    n_rows, n_classes = V.shape
    sketch = model.curvature.sketch
    bend = model.curvature.scale * sketch.along_classes(sketch.gram @ V)
    along = V.reshape(n_rows * n_classes) @ model.U.reshape(n_rows * n_classes, -1)
    smooth = np.sum(model.gradient * V) + (np.sum(V * bend) + along @ model.K @ along) / 2
    return float(smooth + np.sum(model.threshold[:, None] * np.abs(model.start + V)))


@pytest.mark.parametrize("most_work", [1.0, 3e6, 1e7])
def test_bounded_work(most_work: float) -> None:
    rng = np.random.default_rng(0)
    curvature = _curvature(rng)
    gradient = rng.normal(size=(N_FEATURES, N_CLASSES))
    start = np.where(rng.random(gradient.shape) < 0.5, rng.normal(size=gradient.shape), 0.0)
    threshold, ridge = np.full(N_FEATURES, THRESHOLD), np.zeros(N_FEATURES)
    whole = Model(curvature, gradient, start, threshold, ridge)
    whole.minimize(1e-6)
    short = Model(curvature, gradient, start, threshold, ridge, most_work)
    V = short.minimize(1e-6)
    assert whole.work > 2e7, "the limit would not be met"
    assert short.work <= most_work + 5e6, "more than one class beyond the limit"
    assert _value(short, V) < _value(short, np.zeros_like(V))


def test_a_step_within_its_work_leads_down() -> None:
    rng = np.random.default_rng(0)
    curvature = _curvature(rng)
    W = rng.normal(size=(N_FEATURES + 1, N_CLASSES))
    gradient = rng.normal(size=W.shape)
    moved = sparse_step(curvature, W, gradient, THRESHOLD, 0.0, 1e-6, 1.0)
    slope = np.sum(gradient * (moved - W)) + THRESHOLD * np.sum(np.abs(moved) - np.abs(W))
    assert slope < 0

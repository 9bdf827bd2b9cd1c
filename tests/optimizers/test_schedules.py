"""Schedules of the step size."""

from dataclasses import replace

import numpy as np
import pytest

from halfspaces.optimizers import (
    SCHEDULES,
    SGD,
    Constant,
    Cosine,
    GradientDescent,
    InverseTime,
    RangeTest,
    Step,
    WarmUp,
)
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import small_objective

SMALL = small_objective()


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (Constant(), {(0.0, 0.0): 1.0, (1.0, 9.0): 1.0}),
        (Step(every=2, decay=0.1), {(0.0, 1.99): 1.0, (0.5, 2.0): 0.1, (1.0, 4.5): 0.01}),
        (Step(), {(0.3, 3.0): 1.0, (0.34, 3.4): 0.1, (0.67, 6.7): 0.01}),
        (Cosine(), {(0.0, 0.0): 1.0, (0.5, 3.0): 0.5, (1.0, 6.0): 0.0}),
        (Cosine(final=0.2), {(0.0, 0.0): 1.0, (0.5, 3.0): 0.6, (1.0, 6.0): 0.2}),
        (InverseTime(decay=0.5), {(0.0, 0.0): 1.0, (0.5, 2.0): 0.5, (1.0, 6.0): 0.25}),
        (WarmUp(2.0), {(0.0, 0.0): 0.01, (0.25, 1.0): 0.5, (0.5, 2.0): 1.0, (1.0, 4.0): 1.0}),
        (WarmUp(1.0, Cosine()), {(0.25, 0.5): 0.5 * (1 + np.sqrt(0.5)) / 2, (1.0, 2.0): 0.0}),
        (RangeTest(1e-4, 1.0), {(0.0, 0.0): 1e-4, (0.5, 1.0): 1e-2, (1.0, 2.0): 1.0}),
    ],
    ids=lambda value: str(value) if not isinstance(value, dict) else "",
)
def test_schedules_at_known_points(schedule, points):
    for (progress, epoch), expected in points.items():
        assert schedule.factor(progress, epoch) == pytest.approx(expected, abs=1e-15)


def test_sgd_follows_its_schedule_batch_by_batch():
    sgd = SGD(step_size=0.5, batch_size=16, epochs=2, schedule=Step(every=1, decay=0.1))
    result = minimize(SMALL, sgd)
    assert result.history["step"].ravel() == pytest.approx([0.5] * 4 + [0.05] * 4)


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"constant"}))
@pytest.mark.parametrize(
    "optimizer",
    [SGD(), pytest.param(GradientDescent(), marks=pytest.mark.slow)],
    ids=["SGD", "GradientDescent"],
)
def test_every_schedule_changes_the_step_size_of_a_run_with_defaults(optimizer, name):
    """By at least a factor of 2, within the steps of the run and not only at its end."""
    result = minimize(SMALL, replace(optimizer, schedule=name), tol=0, max_passes=1000)
    steps = result.history["step"].ravel()[:-1]
    assert steps.max() / steps.min() > 2

"""Schedules of the step size."""

import numpy as np
import pytest

from halfspaces.optimizers import SGD, Constant, Cosine, InverseTime, RangeTest, Step, WarmUp
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import small_objective

SMALL = small_objective()


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (Constant(), {(0.0, 0.0): 1.0, (1.0, 9.0): 1.0}),
        (Step(every=2, decay=0.1), {(0.0, 1.99): 1.0, (0.5, 2.0): 0.1, (1.0, 4.5): 0.01}),
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

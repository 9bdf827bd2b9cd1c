"""Line searches, one for each member of a stack."""

from dataclasses import replace

import numpy as np
import pytest

from halfspaces.optimizers import LBFGS
from halfspaces.optimizers.line_search import LineSearch
from halfspaces.optimizers.quasi_newton import Rounding
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import recorded, small_objective, start

SMALL = small_objective()

# -------------------------------------------------- spikes: what the interface must carry naturally


def test_members_of_a_stack_are_at_different_stages_of_their_line_searches():
    strengths = (1e-4, 1e-1, 1e2)
    stack = replace(SMALL, penalty=L2(strengths))
    accepted = []
    objective, asked = recorded(stack)
    W = np.repeat(start(SMALL), 3, axis=1)
    result = minimize(
        objective,
        LBFGS(10),
        W,
        tol=1e-7,
        callbacks=[lambda run: accepted.append(run.state.step > 0)],
    )
    mixed = [turn for turn in accepted[1:] if turn.any() and not turn.all()]
    assert len(mixed) >= 3, (
        "in some turns one member takes its trial while another shortens its own"
    )
    assert len({tuple(turn) for turn in mixed}) >= 2
    closings = result.passes - len(asked)  # class sums of all rows are closed at the cost of a pass
    assert closings in range(4), "all of them share every visit to the data"
    for m, strength in enumerate(strengths):
        alone = minimize(replace(SMALL, penalty=L2(strength)), LBFGS(), start(SMALL), tol=1e-7)
        assert result.loss[m] == pytest.approx(alone.loss[0], rel=3e-7)
        assert result.gap[m] <= 1e-7 * result.loss[m]


# ------------------------------------------------------------------- line search and preconditioner


def test_the_line_search_meets_the_weak_wolfe_conditions_for_each_member():
    slopes_at = [lambda t: t - 5.0, lambda t: 4.0 * t - 0.01, lambda t: -1.0 if t < 0.3 else 9.0]
    values_at = [
        lambda t: t**2 / 2 - 5 * t,
        lambda t: 2 * t**2 - 0.01 * t,
        lambda t: max(-t, 9 * t - 3),
    ]

    def at(functions, steps):
        return np.array([f(t) for f, t in zip(functions, steps, strict=True)])

    zeros = np.zeros(3)
    line = LineSearch.start(
        Rounding(1e-15, 0.0), at(values_at, zeros), at(slopes_at, zeros), np.array([0.01, 1.0, 1.0])
    )
    found = np.full(3, np.nan)
    for _ in range(25):
        trial = line.step.copy()
        accepted = line.judge(at(values_at, trial), at(slopes_at, trial))
        found = np.where(accepted & np.isnan(found), trial, found)
        if np.isfinite(found).all():
            break
    assert found[0] > 0.01, "too short a first step is lengthened"
    assert found[1] < 0.005, "too long a first step is shortened"
    assert 0.3 <= found[2] < 1 / 3, "a kink is bracketed"
    slope = at(slopes_at, zeros)
    assert np.all(at(values_at, found) <= at(values_at, zeros) + 1e-4 * found * slope)
    assert np.all(at(slopes_at, found) >= 0.9 * slope)


def test_a_search_that_descends_nowhere_fails():
    line = LineSearch.start(Rounding(1e-15, 0.0), np.zeros(2), np.array([-1.0, 1.0]), 1.0)
    assert line.failed.tolist() == [False, True], "uphill"
    for _ in range(25):
        line.judge(np.array([np.inf, 0.0]), np.array([np.nan, 1.0]))
    assert line.failed.all()
    assert line.step[0] < 1e-6

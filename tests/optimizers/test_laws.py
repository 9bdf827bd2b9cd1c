"""Every law for every optimizer."""

from dataclasses import replace

import pytest

from halfspaces.losses.hinge import Hinge
from halfspaces.optimizers import (
    LBFGS,
    OPTIMIZERS,
    SCHEDULES,
    SGD,
    UPDATE_RULES,
    ByClass,
    CoordinateDescent,
    Cosine,
    GradientDescent,
    Gram,
    LowRank,
    Newton,
    ProximalGradient,
    ProximalNewton,
    RandomSearch,
)
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.testing import check_optimizer
from halfspaces.testing.runs import small_objective

pytestmark = pytest.mark.usefixtures("one_blas_thread")

# pyright: reportIncompatibleMethodOverride=false
STEPS = {"adagrad": 0.5, "rmsprop": 0.02, "adam": 0.05}  # the defaults are for many small batches
FULL = [
    GradientDescent(step_size=STEPS.get(name), update_rule=rule)
    for name, rule in UPDATE_RULES.items()
]
BATCHES = [
    SGD(STEPS.get(name), batch_size=16, epochs=3, update_rule=rule)
    for name, rule in UPDATE_RULES.items()
]
SCHEDULED = [
    SGD(batch_size=16, epochs=3, update_rule="plain", schedule=schedule)
    for schedule in SCHEDULES.values()
]
QUASI_NEWTON = [
    LBFGS(),
    LBFGS(memory=2),
    *(LBFGS(preconditioner=each) for each in (Gram(), ByClass())),
    LBFGS(preconditioner=LowRank(rank=20)),
    Newton(),
]
PROXIMAL = [
    ProximalGradient(),
    ProximalGradient(growth=3.0),
    ProximalNewton(),
    ProximalNewton(memory=1, accuracy=0.5),
    CoordinateDescent(),
    CoordinateDescent(accuracy=0.9),
]
RANDOM = [RandomSearch(draws=40, batch=3), RandomSearch(draws=40, scale=0.1, local=True, batch=1)]


@pytest.mark.parametrize(
    "optimizer", [*QUASI_NEWTON, *PROXIMAL, *FULL, *BATCHES, *SCHEDULED, *RANDOM], ids=str
)
def test_laws(optimizer):
    check_optimizer(optimizer)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=str)
def test_laws_of_full_batches_on_a_schedule(schedule):
    check_optimizer(GradientDescent(schedule=schedule, horizon=500), converges=schedule == Cosine())


SMALL = small_objective()
VARIANTS = {
    "staged hinge": replace(SMALL, loss=Hinge()),
    "L1": replace(SMALL, penalty=L1(0.02)),
    "max norm": replace(SMALL, penalty=MaxNorm(0.5)),
    "no penalty": replace(SMALL, penalty=NoPenalty()),
}


@pytest.mark.long
@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(
    "optimizer",
    [
        LBFGS(preconditioner=Gram()),
        LBFGS(preconditioner=ByClass()),
        ProximalGradient(),
        ProximalNewton(),
        GradientDescent(update_rule="nesterov"),
        BATCHES[-1],
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_laws_of_other_objectives(optimizer, name):
    objective = VARIANTS[name]
    if isinstance(optimizer, LBFGS) and not objective.penalty.smooth:
        with pytest.raises(
            TypeError,
            match=r"LBFGS needs a penalty with a gradient, got .*; use optimizer='proximal'",
        ):
            minimize(objective, optimizer)
    elif isinstance(optimizer, ProximalNewton) and isinstance(objective.penalty, MaxNorm):
        with pytest.raises(
            TypeError, match=r"ProximalNewton needs .*, got MaxNorm.*; use optimizer='proximal'"
        ):
            minimize(objective, optimizer)
    else:
        check_optimizer(optimizer, objective=objective)


def test_every_registered_optimizer_was_held_to_the_laws():
    held = {type(optimizer) for optimizer in (*QUASI_NEWTON, *PROXIMAL, *FULL, *BATCHES, *RANDOM)}
    assert held == set(OPTIMIZERS.values())

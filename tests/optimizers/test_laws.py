"""Every law for every optimizer."""

from dataclasses import replace

import pytest

from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.surrogates import SquaredPlus
from halfspaces.optimizers import (
    LBFGS,
    OPTIMIZERS,
    SCHEDULES,
    SGD,
    UPDATE_RULES,
    ByClass,
    CoordinateDescent,
    Cosine,
    DualAscent,
    GradientDescent,
    Gram,
    LowRank,
    Newton,
    ProximalGradient,
    ProximalNewton,
    RandomSearch,
)
from halfspaces.penalties.elastic_net import ElasticNet
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
    *(LBFGS(preconditioner=each) for each in (Gram(), ByClass())),
    LBFGS(preconditioner=LowRank(rank=20)),
    Newton(),
]
PROXIMAL = [ProximalGradient(), ProximalNewton(), CoordinateDescent()]
WITH_OPTIONS = [
    LBFGS(memory=2),
    ProximalGradient(growth=3.0),
    ProximalNewton(memory=1, accuracy=0.5),
    CoordinateDescent(accuracy=0.9),
]
RANDOM = [RandomSearch(draws=40, batch=3), RandomSearch(draws=40, scale=0.1, local=True, batch=1)]


@pytest.mark.parametrize(
    "optimizer", [*QUASI_NEWTON, *PROXIMAL, *FULL[:1], *BATCHES, *SCHEDULED[:1], *RANDOM], ids=str
)
def test_laws(optimizer):
    check_optimizer(optimizer)


@pytest.mark.long
@pytest.mark.parametrize("optimizer", [*WITH_OPTIONS, *FULL[1:], *SCHEDULED[1:]], ids=str)
def test_laws_of_more_options(optimizer):
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


# Dual ascent takes no softmax: an objective for each loss, and for each penalty.
DUAL = {
    "one-vs-all hinge": replace(SMALL, loss=OneVsAll()),
    "one-vs-all squared hinge": replace(SMALL, loss=OneVsAll(SquaredPlus())),
    "hinge": replace(SMALL, loss=Hinge()),
    "Crammer and Singer": replace(SMALL, loss=CrammerSinger()),
    "elastic net": replace(SMALL, loss=CrammerSinger(), penalty=ElasticNet(0.05)),
    "L1": replace(SMALL, loss=SquaredHinge(), penalty=L1(0.2)),
}


@pytest.mark.parametrize("name", DUAL)
def test_laws_of_dual_ascent(name):
    check_optimizer(DualAscent(), objective=DUAL[name])


def test_every_registered_optimizer_was_held_to_the_laws():
    held = {type(optimizer) for optimizer in (*QUASI_NEWTON, *PROXIMAL, *FULL, *BATCHES, *RANDOM)}
    held |= {DualAscent}  # by `DUAL`
    assert held == set(OPTIMIZERS.values())

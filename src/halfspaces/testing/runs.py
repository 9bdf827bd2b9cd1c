"""Small runs for the laws of optimizers, and helpers that record them."""

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np

from halfspaces.loop.result import Reason, Result
from halfspaces.loop.run import Run
from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.optimizers import Optimizer
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.base import Penalty, PerMember
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.proofs.minimize import minimize
from halfspaces.request import Evaluation, Request
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.testing.words import require, same

TURNS = 12  # of runs that are compared turn by turn
LIMIT = 1500  # passes of runs that must converge
FACTORS = (1.0, 4.0, 0.25)  # of the penalty's number, for a stack of three members


@lru_cache(maxsize=8)
def small_objective(seed: int = 0) -> Objective:
    """Softmax and L2 on 60 weighted examples of three overlapping classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=60)
    X = rng.standard_normal((60, 5)) + np.eye(3, 5)[y]
    return Objective(
        Softmax(), L2(0.05), Blocks(X, y, rng.uniform(0.5, 2.0, size=60), n_jobs=1), n_classes=3
    )


def start(objective: Objective, n_members: int = 1, seed: int = 0) -> Array:
    """Random parameters (D+1, M, C), the same for each member."""
    one = 0.1 * np.random.default_rng(seed).standard_normal(objective.zeros().shape)
    return np.repeat(one, n_members, axis=1)


@dataclass(frozen=True, eq=False)
class Recorder(Objective):
    """An objective that records its requests."""

    asked: list[Request] = field(default_factory=list)

    @classmethod
    def of(cls, objective: Objective) -> "Recorder":
        """The objective, with an empty record."""
        return cls(*(getattr(objective, entry.name) for entry in fields(Objective)))

    def evaluate(self, request: Request) -> Evaluation:
        """Record the request and evaluate it."""
        self.asked.append(replace(request, W=request.W.copy()))
        return super().evaluate(request)


@dataclass
class Watch:
    """A callback that records the iterates and stops the run after a number of turns."""

    turns: int
    stop: Reason | type[BaseException] = Reason.STOPPED_BY_CALLBACK
    iterates: list[Array] = field(default_factory=list)

    def __call__(self, run: Run) -> Reason | None:
        """Record the iterate; stop by a reason or by an exception."""
        self.iterates.append(run.W.copy())
        if len(self.iterates) < self.turns:
            return None
        if isinstance(self.stop, Reason):
            return self.stop
        raise self.stop


def some_turns(
    optimizer: Optimizer, objective: Objective, W: Array | None = None, **options: Any
) -> Result:
    """The result of a few turns from W or of a resumed run, without a test of convergence."""
    watch = Watch(options.pop("turns", TURNS))
    callbacks = [watch, *options.pop("callbacks", ())]
    W = start(objective) if W is None else W
    return minimize(objective, optimizer, W, tol=0.0, callbacks=callbacks, **options)


def supports(optimizer: Optimizer, objective: Objective) -> bool:
    """Whether the optimizer accepts the penalty; a refusal is a TypeError that names it."""
    try:
        optimizer.init(objective.zeros(), objective)
    except TypeError as error:
        name = type(objective.penalty).__name__
        require(name in str(error), f"the refusal names no penalty: {error}")
        return False
    return True


@lru_cache(maxsize=8)
def optimum(objective: Objective) -> Result:
    """The optimum to nine digits (five for a loss with kinks), by the optimizer of `choose_for`."""
    optimizer = choose_for(objective).optimizer
    tol = 1e-9 if objective.loss.smooth else 1e-5
    result = minimize(objective, optimizer, tol=tol, max_passes=5000)
    require(result.converged, f"the reference solution was not found: {result}")
    return result


def asks_gradients(optimizer: Optimizer, objective: Objective) -> bool:
    """Whether the optimizer asks for gradients in its first turns."""
    recorder = Recorder.of(objective)
    some_turns(optimizer, recorder, turns=3)
    return any(request.gradient for request in recorder.asked[:-1])


def total_at(objective: Objective, W: Array) -> Array:
    """L(W) of each member."""
    return objective.evaluate(Request(W, gradient=False)).total


def number_of(penalty: Penalty) -> float | None:
    """The strength or the radius of a penalty; None if it has neither."""
    return getattr(penalty, "strength" if penalty.has_strength else "radius", None)


def with_number(objective: Objective, number: PerMember) -> Objective:
    """The objective with another strength or radius of its penalty."""
    penalty = objective.penalty
    other = penalty.with_strength(number) if penalty.has_strength else MaxNorm(number)
    return replace(objective, penalty=other)


def stack_of(objective: Objective) -> tuple[Objective, list[Objective]]:
    """A stack of three members with different penalties, and each member alone."""
    number = number_of(objective.penalty)
    if number is None:
        return objective, [objective] * len(FACTORS)
    numbers = [factor * number for factor in FACTORS]
    alone = [with_number(objective, own) for own in numbers]
    return with_number(objective, tuple(numbers)), alone


def same_bits(found: Array, expected: Array, what: str) -> None:
    """Require equal arrays."""
    if not np.array_equal(found, expected, equal_nan=True):
        same(found, expected, what)
        raise AssertionError(f"{what} differs in the last bits.")

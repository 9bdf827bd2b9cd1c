"""Small runs for the laws of optimizers, and two ways to record them."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from halfspaces.loop.result import Reason, Result
from halfspaces.loop.run import Run
from halfspaces.losses.softmax import Softmax
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers import Optimizer
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.testing.words import require, same

TURNS = 12  # of runs that are compared turn by turn
MAX_PASSES = 1500  # of runs that must converge


@lru_cache(maxsize=8)
def small_objective(seed: int = 0) -> Objective:
    """Softmax and L2 on 60 weighted examples of three overlapping classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=60)
    X = rng.standard_normal((60, 5)) + np.eye(3, 5)[y]
    blocks = Blocks(X, y, rng.uniform(0.5, 2.0, size=60), n_jobs=1)
    return Objective(Softmax(), L2(0.05), blocks, n_classes=3)


def start(objective: Objective, n_members: int = 1, seed: int = 0) -> Array:
    """Random parameters (D+1, M, C), the same for each member."""
    one = 0.1 * np.random.default_rng(seed).standard_normal(objective.zeros().shape)
    return np.repeat(one, n_members, axis=1)


def recorded(objective: Objective) -> tuple[Objective, list[Request]]:
    """The same objective, and the list to which it adds each request that it evaluates."""
    asked: list[Request] = []

    def record(evaluation: Evaluation) -> None:
        request = evaluation.request
        asked.append(replace(request, W=request.W.copy()))

    return replace(objective, observe=record), asked


@dataclass
class Watch:
    """A callback that records the iterates and stops the run after a number of turns."""

    turns: int
    stop: Reason | type[BaseException] = Reason.STOPPED_BY_CALLBACK
    iterates: list[Array] = field(default_factory=list)

    def __call__(self, run: Run) -> Reason | None:
        """Record the iterate; after the last turn return the reason, or raise."""
        self.iterates.append(run.W.copy())
        if len(self.iterates) < self.turns:
            return None
        if isinstance(self.stop, Reason):
            return self.stop
        raise self.stop


def some_turns(
    optimizer: Optimizer, objective: Objective, W: Array | None = None, **options: Any
) -> Result:
    """The result of a few turns from W, or of a resumed run, without a test of convergence."""
    turns = options.pop("turns", TURNS)
    callbacks = [Watch(turns), *options.pop("callbacks", ())]
    W = start(objective) if W is None else W
    return minimize(objective, optimizer, W, tol=0.0, callbacks=callbacks, **options)


def supports(optimizer: Optimizer, objective: Objective) -> bool:
    """Whether the optimizer takes the penalty of the objective.

    A refusal must be a TypeError that names the penalty.
    """
    try:
        optimizer.init(objective.zeros(), objective)
    except TypeError as error:
        named = type(objective.penalty).__name__ in str(error)
        require(named, f"the refusal names no penalty: {error}")
        return False
    return True


def asks_gradients(optimizer: Optimizer, objective: Objective) -> bool:
    """Whether the optimizer requests gradients."""
    recording, asked = recorded(objective)
    some_turns(optimizer, recording, turns=3)
    return any(request.gradient for request in asked[:-1])


def same_bits(found: Any, expected: Any, what: str) -> None:
    """Require arrays that are equal to the last bit; nan equals nan."""
    if not np.array_equal(found, expected, equal_nan=True):
        same(found, expected, what)
        raise AssertionError(f"{what} differs in the last bits.")


def value_at(objective: Objective, W: Array) -> Array:
    """L(W) of each member, (M,)."""
    return objective.evaluate(Request(W, gradient=False)).total


@lru_cache(maxsize=8)
def optimum(objective: Objective) -> Result:
    """A solution to nine digits (five for a loss with kinks), by the optimizer of `choose_for`."""
    optimizer = choose_for(objective).optimizer
    tol = 1e-9 if objective.loss.smooth else 1e-5
    result = minimize(objective, optimizer, tol=tol, max_passes=5000)
    require(result.converged, f"the reference solution was not found: {result}")
    return result

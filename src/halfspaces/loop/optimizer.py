"""Optimizers propose a request and are updated with its evaluation, once a turn of `minimize`.

An optimizer is a frozen dataclass of hyperparameters; everything that changes is in its state,
arrays and numbers that can be saved and resumed. It never sees X: it requests evaluations.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from halfspaces.loop.result import Reason
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.support.types import Array


@dataclass(eq=False)
class State:
    """The state of any optimizer; `update` may change it in place and returns it.

    Parameters
    ----------
    W : array, shape (D+1, M, C)
        The iterate.
    step : array, shape (M,)
        The last step size of each member.
    done : Reason or None
        Set when the optimizer itself has nothing more to request.
    """

    W: Array
    step: Array
    done: Reason | None = field(default=None, kw_only=True)


S = TypeVar("S", bound=State)


class Optimizer(ABC, Generic[S]):
    """A method that minimizes an objective by requesting evaluations."""

    stochastic: ClassVar[bool] = False  # evaluations are of samples: no test of convergence on them
    recovers: ClassVar[bool] = False  # takes a smaller step after a value that is not finite
    can_diverge: ClassVar[bool] = False  # its steps are not tested, so they can be too long
    squares_the_gap: ClassVar[bool] = False  # in a turn near the minimum: no need of tighter proofs
    takes_noise: ClassVar[bool] = False  # requests a new draw of the score function's noise

    @abstractmethod
    def init(self, W: Array, objective: Objective) -> S:
        """The state at the starting point W (D+1, M, C)."""

    @abstractmethod
    def propose(self, state: S) -> Request:
        """What to evaluate next."""

    @abstractmethod
    def update(self, state: S, evaluation: Evaluation) -> S:
        """The state after the evaluation of its last request."""

    def continued(self, objective: Objective, state: S, evaluation: Evaluation) -> S | None:
        """The state from which a run goes on under another penalty; None where a new run begins.

        Parameters
        ----------
        objective : Objective
            The same loss and data as before under another penalty of the same kind.
        state : State
            With which the run under the penalty before ended; it may be changed in place.
        evaluation : Evaluation
            The last of that run; the state may not have been updated with it yet.
        """
        return None

    def rows_ahead(self, state: S) -> Array | None:
        """Sorted rows of the next requests, which are read ahead from disk; or None."""
        return None

    def measured(self, state: S) -> tuple[Array, Array, Array] | None:
        """‖W‖ before the last update, ‖ΔW‖ and ‖∇L‖, if the update has computed them; else None."""
        return None

    def step_of(self, state: S) -> Callable[[Array], Array] | None:
        """The step (D+1, M, C) for this gradient; None if the optimizer has no curvature model."""
        return None

    def dual_model(self, state: S, objective: Objective, target: Array) -> Any:
        """A `halfspaces.proofs.feasible.Model`; None if it would not prove the target gap yet."""
        return None

    def fraction_done(self, state: S) -> float | None:
        """The part of a planned run that is done; None where convergence decides."""
        return None


def inner(a: Array, b: Array) -> Array:
    """⟨a, b⟩ of each member, shape (M,)."""
    return np.einsum("dmc,dmc->m", a, b)


def norm(a: Array) -> Array:
    """‖a‖ of each member, shape (M,)."""
    square = [np.vdot(a, a)] if a.shape[1] == 1 else inner(a, a)  # vdot is three times faster
    return np.sqrt(square)


def by_member(values: Array) -> Array:
    """Numbers (M,) shaped to multiply arrays (D+1, M, C)."""
    return values[:, None]


def prox_step(penalty: Any, W: Array, step: Any) -> Array:
    """The prox of the penalty on W[:-1]; the bias stays."""
    moved = W.copy()
    moved[:-1] = penalty.prox(
        W[:-1], step[:-1] if isinstance(step, np.ndarray) and step.ndim == W.ndim else step
    )
    return moved

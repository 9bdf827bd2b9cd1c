"""An optimizer from outside the package: gradient steps that are halved until the loss falls."""

from dataclasses import dataclass, field

import numpy as np

from halfspaces.callbacks import STATE_CLASSES
from halfspaces.objective.request import Request
from halfspaces.optimizers import OPTIMIZERS, Optimizer, State


@dataclass(eq=False)
class HalvingState(State):
    """The gradient and the loss at W; None before the first evaluation."""

    gradient: np.ndarray | None = None
    loss: np.ndarray = field(default_factory=lambda: np.array([np.inf]))


@dataclass(frozen=True)
class Halving(Optimizer[HalvingState]):
    """W ← W − step ∇L, the step doubled after a success and halved after a failure."""

    first_step: float = 1.0
    recovers = True

    def init(self, W, objective):
        objective.penalty.gradient(W[:-1])  # raises for a penalty without one
        members = W.shape[1]
        return HalvingState(
            W=W, step=np.full(members, self.first_step), loss=np.full(members, np.inf)
        )

    def propose(self, state):
        if state.gradient is None:
            return Request(state.W)
        return Request(state.W - state.step[:, None] * state.gradient)

    def update(self, state, evaluation):
        total = np.where(np.isfinite(evaluation.total), evaluation.total, np.inf)
        lower = total < state.loss
        first = state.gradient is None
        gradient = evaluation.gradient if first else state.gradient
        accepted = lower[:, None]
        state.W = np.where(accepted, evaluation.request.W, state.W)
        state.gradient = np.where(accepted, evaluation.gradient, gradient)
        state.loss = np.where(lower, total, state.loss)
        state.step = state.step if first else np.where(lower, 2 * state.step, state.step / 2)
        return state


OPTIMIZERS["halving"] = Halving
STATE_CLASSES["HalvingState"] = HalvingState

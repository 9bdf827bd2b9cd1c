"""A run in progress, as the loop and its callbacks see it."""

# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from halfspaces.loop.optimizer import Optimizer, norm, prox_step
from halfspaces.loop.result import History, Reason
from halfspaces.loop.so_far import Best, SoFar
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation
from halfspaces.support.types import Array

Callback = Callable[["Run"], "Reason | None"]
Tighten = Callable[["Run", Evaluation], "Reason | None"]

LEAST_LOSS = 1e-3  # of the loss at W = 0: where the loss is less, tol is relative to this


@dataclass(eq=False, repr=False, kw_only=True)
class Run(SoFar):
    """A run in progress, as callbacks see it.

    Parameters
    ----------
    objective : Objective
    optimizer : Optimizer
    state : State
        Of the optimizer.
    validation : Objective or None
        The same objective over the validation data.
    history : History
    gap : float
        Of the last evaluation on all rows, the worst member's.
    started : float
        By `time.perf_counter`.
    chosen : array, shape (D+1, M, C), or None
        Set by a callback that wants the run to end with another W than the iterate.
    """

    objective: Objective
    optimizer: Optimizer[Any]
    state: Any
    validation: Objective | None = None
    history: History = field(default_factory=History)
    gap: float = np.inf
    started: float = field(default_factory=time.perf_counter)
    chosen: Array | None = None

    def __repr__(self) -> str:
        cost = f"{self.passes:.4g} passes, {self.seconds:.3g} s"
        return f"Run({self.optimizer!r}, {cost}, {self.history!r})"

    @property
    def W(self) -> Array:
        """The iterate (D+1, M, C)."""
        return self.state.W

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self.started

    def target(self, loss: Array | float) -> Array:
        """The gap at which a member of this loss has converged."""
        return self.tol * np.maximum(loss, LEAST_LOSS * self.objective.chance_value)

    def offer(self, evaluation: Evaluation) -> None:
        """Note the point as the best so far if it is, for a method that tests its steps."""
        if self.optimizer.recovers and evaluation.request.rows is None:
            self.lowest.offer(-evaluation.exact_total, evaluation.request.W)

    @property
    def end(self) -> Array:
        """The W to end with: as chosen, or the best point seen where steps are tested."""
        best = self.lowest.W if self.optimizer.recovers else self.W
        return best if self.chosen is None else self.chosen

    def so_far(self) -> SoFar:
        """The values that a resumed run goes on with, not copied."""
        from halfspaces.system.digest import problem_of

        self.problem = problem_of(self.objective, self.optimizer)
        return SoFar(**{entry.name: getattr(self, entry.name) for entry in fields(SoFar)})

    def record(self, evaluation: Evaluation, before: Array) -> None:
        """Add a row of history if there is a new iterate; `before` is the W before it."""
        if self.W is before and self.history:
            return
        pick = slice(None)
        if len(evaluation.data) != self.W.shape[1]:  # a batch of draws
            pick = [np.argmin(evaluation.total)]
        data, penalty = evaluation.exact_data[pick], evaluation.penalty[pick]
        measured = self.optimizer.measured(self.state)
        length, moved = measured[:2] if measured else (norm(before), norm(self.W - before))
        length[length == 0] = np.nan
        row = {
            "passes": self.passes,
            "seconds": self.seconds,
            "data_loss": data,
            "penalty": penalty,
            "loss": data + penalty,
            "gap": data + penalty - self.lower,
            "step": self.state.step.copy(),
            "update_ratio": moved / length,
        }
        if evaluation.data_gradient is not None:
            row["gradient_norm"] = measured[2] if measured else self._gradient_norm(evaluation)
        self.history.append(**row | self._assessment())

    def _gradient_norm(self, evaluation: Evaluation) -> Array:
        """‖∇L‖, or for a penalty with a prox the length of a prox step of size 1."""
        if evaluation.penalty_gradient is not None:
            return norm(evaluation.gradient)
        W = evaluation.request.W
        return norm(W - prox_step(self.objective.penalty, W - evaluation.gradient, 1.0))

    def _assessment(self) -> dict[str, Array]:
        """Loss and accuracy on the validation data if there are any; nan where not due."""
        if self.validation is None:
            return {}
        early = self.passes < self.next_assessment - 1e-9
        if self.optimizer.stochastic and early and self.state.done is None:
            nan = np.full(self.W.shape[1], np.nan)
            return {"validation_loss": nan, "validation_accuracy": nan}
        self.next_assessment = np.floor(self.passes + 1e-9) + 1
        loss, accuracy = self.validation.assess(self.W)
        for name, score in (("validation_loss", -loss), ("validation_accuracy", accuracy)):
            unknown = Best(np.full(len(score), -np.inf), self.W, np.zeros(len(score), int))
            self.best.setdefault(name, unknown).offer(score, self.W)
        return {"validation_loss": loss, "validation_accuracy": accuracy}

"""A run in progress, as the loop and its callbacks see it."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import History, Reason
from halfspaces.objective import Objective
from halfspaces.request import Evaluation
from halfspaces.support.types import Array

Callback = Callable[["Run"], "Reason | None"]
Step = Callable[[Array], Array]  # the step (D+1, M, C) that an optimizer takes for a gradient
Tighten = Callable[[Objective, Evaluation, Step | None], Iterator[tuple[Array, float]]]


LEAST_LOSS = 1e-3  # tol is relative to the loss, or to this part of the loss at W = 0 where the loss tends to 0


@dataclass(eq=False)
class Best:
    """The best validation score of each member, the W it was seen at and the assessments since."""

    score: Array
    W: Array
    waiting: Array

    def offer(self, score: Array, W: Array) -> None:
        """Keep W for the members whose score (higher is better) rose."""
        better = score > self.score
        self.score = np.where(better, score, self.score)
        self.W = np.where(better[:, None], W, self.W)
        self.waiting = np.where(better, 0, self.waiting + 1)


@dataclass(eq=False)
class Final:
    """What is known of each member's end: filled when it converges, or by one evaluation when the run stops."""

    W: Array
    data_loss: Array
    penalty: Array
    gap: Array
    known: Array

    @classmethod
    def unknown(cls, W: Array) -> "Final":
        """Nothing yet."""
        nan = np.full(W.shape[1], np.nan)
        return cls(W.copy(), nan, nan, np.full(W.shape[1], np.inf), np.zeros(W.shape[1], bool))

    def fill(self, evaluation: Evaluation, gap: Array, members: Array) -> None:
        """Take the evaluation for the members (a mask)."""
        self.W = np.where(members[:, None], evaluation.request.W, self.W)
        self.data_loss = np.where(members, evaluation.exact_data, self.data_loss)
        self.penalty = np.where(members, evaluation.penalty, self.penalty)
        self.gap = np.where(members, gap, self.gap)
        self.known |= members


@dataclass(eq=False, repr=False)
class Run:
    """A run in progress, as callbacks see it."""

    objective: Objective
    optimizer: Optimizer
    state: Any
    tol: float
    final: Final
    validation: Objective | None = None
    history: History = field(default_factory=History)
    passes: float = 0.0
    lower: Array = field(
        default_factory=lambda: np.array([-np.inf])
    )  # the best proven bounds on min L, (M,)
    gap: float = np.inf  # of the last evaluation on all rows, the worst member's
    best: dict[str, Best] = field(default_factory=dict)  # "validation_loss", "validation_accuracy"
    started: float = field(default_factory=time.perf_counter)
    next_assessment: float = 1.0
    next_tightening: float = 0.0  # passes before which no tighter dual point is computed
    chosen: Array | None = (
        None  # set by a callback that wants the run to end with another W than the iterate
    )

    def __repr__(self) -> str:
        return f"Run({self.optimizer!r}, {self.passes:.4g} passes, {self.seconds:.3g} s, {self.history!r})"

    @property
    def fraction_done(self) -> float | None:
        """The planned part, or how far the logarithm of the gap has come; None if it is not known."""
        planned = self.optimizer.fraction_done(self.state)
        if planned is not None or not math.isfinite(self.gap) or self.gap <= 0:
            return planned
        gaps = (float(np.max(gap)) for gap in self.history.columns.get("gap", ()))
        first = next((gap for gap in gaps if math.isfinite(gap)), self.gap)
        target = float(np.min(self.target(self.history.last("loss"))))
        if not 0 < target < first:
            return None
        fraction = math.log(first / self.gap) / math.log(first / target)
        return min(1.0, max(0.0, fraction))

    @property
    def status(self) -> str:
        """Passes, loss, gap and validation accuracy so far, in words."""
        words = [f"{self.passes:.1f} passes"]
        loss = self.history.last("loss")
        if loss is not None:
            words.append(f"loss {float(np.mean(loss)):.5g}")
        if math.isfinite(self.gap):
            words.append(f"gap {self.gap:.2g}")
        accuracy = self.best.get("validation_accuracy")
        if accuracy is not None:
            best = 100 * float(np.max(accuracy.score))
            words.append(f"best validation accuracy {best:.1f} %")
        return ", ".join(words)

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
        at_zero = self.objective.loss.chance_value(self.objective.n_classes)
        return self.tol * np.maximum(loss, LEAST_LOSS * at_zero)

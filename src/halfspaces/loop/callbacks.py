"""Callbacks: functions of a run, called after every evaluation; a returned `Reason` stops it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import Reason, Result
from halfspaces.loop.run import Callback, Run
from halfspaces.objective import Objective
from halfspaces.support.validation import check_number, lookup


@dataclass(frozen=True)
class EarlyStopping:
    """Stop once the validation score has not improved for some assessments, at the best W.

    Parameters
    ----------
    patience : int
        Assessments without improvement before the run stops.
    monitor : "loss" or "accuracy"

    Raises
    ------
    ValueError
        If a run has no validation data, `patience` is below 1 or `monitor` unknown.

    Examples
    --------
    >>> EarlyStopping(patience=3)
    EarlyStopping(patience=3, monitor='loss')
    """

    patience: int = 5
    monitor: str = "loss"

    def __post_init__(self) -> None:
        check_number("EarlyStopping(patience=...)", self.patience, at_least=1, integer=True)
        lookup("EarlyStopping(monitor=...)", self.monitor, {"loss": 0, "accuracy": 0}, int)

    def __call__(self, run: Run) -> Reason | None:
        """Stop once the score of every member has not improved for `patience` assessments."""
        if run.validation is None:
            needed = "fit(X, y, validation=(X_val, y_val) or a fraction)"
            raise ValueError(f"EarlyStopping needs validation data: {needed}.")
        best = run.best.get(f"validation_{self.monitor}")
        if best is None or np.any(best.waiting < self.patience):
            return None
        run.chosen = best.W
        return Reason.EARLY_STOPPED


@runtime_checkable
class Store(Protocol):
    """A callback that stores runs and reads them again, such as a `Checkpoint` in files."""

    def run(self, objective: Objective, optimizer: Optimizer) -> Result | None:
        """The stored run of an objective, for `minimize(..., resume=)`, or None."""
        ...

    def write(self, name: str, value: Any, objective: Objective) -> None:
        """Store a value of an objective's run under a name."""
        ...

    def read(self, name: str, objective: Objective) -> Any:
        """The stored value, or None where there is none of this name."""
        ...

    def names(self, pattern: str) -> list[str]:
        """Names of stored values that match a pattern such as "state-*", sorted."""
        ...

    def remove(self, name: str) -> None:
        """Remove a stored value, if there is one."""
        ...


def store_in(callbacks: Sequence[Any]) -> Store | None:
    """The first `Store` among the callbacks, or None."""
    return next((callback for callback in callbacks if isinstance(callback, Store)), None)


def checked_callbacks(callbacks: Any) -> Sequence[Callback]:
    """The callbacks; raises TypeError unless they are a sequence of callables."""
    if isinstance(callbacks, Sequence) and all(map(callable, callbacks)):
        return callbacks
    required = "a sequence of callables, such as [EarlyStopping()]"
    raise TypeError(f"callbacks must be {required}, got {callbacks!r}.")


def answer_of(callback: Callback, run: Run) -> Reason | None:
    """What a callback returns; raises TypeError unless that is a `Reason` or None."""
    reason = callback(run)
    if reason is None or isinstance(reason, Reason):
        return reason
    required = "a Reason to stop or None to go on"
    raise TypeError(f"A callback must return {required}, {callback!r} returned {reason!r}.")

"""Callbacks: functions of a run in progress, called after every evaluation; a returned `Reason` stops the run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from halfspaces.loop.result import Reason
from halfspaces.support.validation import check_number, lookup

if TYPE_CHECKING:
    from halfspaces.loop.run import Run


@dataclass(frozen=True)
class EarlyStopping:
    """Stop once the validation score has not improved for a number of assessments, and end with the best W seen.

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

    def __call__(self, run: "Run") -> Reason | None:
        """Stop when every member has waited long enough."""
        if run.validation is None:
            raise ValueError(
                "EarlyStopping needs validation data: fit(X, y, validation=(X_val, y_val) or a fraction)."
            )
        best = run.best.get(f"validation_{self.monitor}")
        if best is None or np.any(best.waiting < self.patience):
            return None
        run.chosen = best.W
        return Reason.EARLY_STOPPED


from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import Result
from halfspaces.objective import Objective


class Keeper(ABC):
    """A callback of runs that can be asked for the run again; names stand for what it keeps."""

    @abstractmethod
    def run(self, objective: Objective, optimizer: Optimizer) -> Result | None:
        """The run that was kept, for `minimize(..., resume=)`, or None where there is none of this objective."""

    @abstractmethod
    def write(self, name: str, value: Any, objective: Objective) -> None:
        """Keep a value of an objective's run."""

    @abstractmethod
    def read(self, name: str, objective: Objective) -> Any:
        """The value, or None where there is no such name."""

    @abstractmethod
    def names(self, pattern: str) -> list[str]:
        """Of what is kept, sorted, those that fit a pattern such as "state-*"."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Forget a value, if it is there."""


def keeper_in(callbacks: Sequence[Any]) -> Keeper | None:
    """The first among some callbacks, or None."""
    return next((callback for callback in callbacks if isinstance(callback, Keeper)), None)

"""What keeps a run outside of memory, as loop, paths and estimators see it; `halfspaces.checkpoint` is one in files."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from halfspaces.objective import Objective
from halfspaces.optimizers.base import Optimizer
from halfspaces.result import Result


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

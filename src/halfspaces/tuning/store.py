"""Where a run or a path is stored while it goes on, so that it can be continued."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import Result
from halfspaces.objective.objective import Objective


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

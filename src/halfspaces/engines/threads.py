"""The engine of one machine: partitions in the memory of this process, visited by its threads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from halfspaces.engines.base import Engine, Part, Pass, shape_of
from halfspaces.engines.placed import changed, check_rows
from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Features
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.threads import ordered_map


@dataclass(frozen=True, eq=False)
class Threads(Engine):
    """Visits partitions on threads.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads; None: one for every core.

    Examples
    --------
    >>> Threads(n_jobs=2).slots
    2
    """

    n_jobs: int | None = None
    name: ClassVar[str] = "threads"
    _held: dict[int, dict[int, Any]] = field(default_factory=dict, repr=False)

    @property
    def slots(self) -> int:
        """The number of threads."""
        return available_workers(self.n_jobs)

    def results(self, visits: Pass) -> Iterator[Any]:
        """What `How.of` gives for each part of a pass, in order."""

        def visit(part: Part) -> Any:
            X = self._rows(visits.X, part.partition)
            first = int(visits.X.starts[part.partition])
            own = slice(first, first + shape_of(X)[0])
            weight = None if visits.weight is None else visits.weight[own]
            return visits.how.of(X, visits.y[own], weight, part.rows, first)

        with one_blas_thread():
            yield from ordered_map(visit, list(visits.parts), self.slots)

    def forget(self, number: int) -> None:
        """Free the rows of this number."""
        self._held.pop(number, None)

    def _rows(self, X: Any, partition: int) -> Features:
        held = self._held.setdefault(X.number, {})
        if partition not in held:
            source = X.sources[partition]
            held[partition] = check_rows(changed(source.load(), source.change))
        return held[partition]

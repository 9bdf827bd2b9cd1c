"""A hand-in whose functions are called: its process starts again where a function has ended it."""

from types import TracebackType
from typing import Self

from halfspaces.course.findings import Failure, Remark
from halfspaces.course.process import HandInProcess, Limits, Returned
from halfspaces.course.sources import Source


class HandIn:
    """Calls the functions of a hand-in, as a context manager.

    A function that has ended its process, such as by an endless loop, is not called again; others
    are, in a new process.

    Parameters
    ----------
    source : Source
    limits : Limits
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self._process: HandInProcess | None = None
        self._failures: dict[str, Failure] = {}
        self._loading: Failure | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.__exit__(None, None, None)

    def call(self, name: str, *arguments: object, names: str = "", count: bool = False) -> Returned:
        """Call a function; `names` are those of the arguments that it must not change.

        Raises
        ------
        Failure
            If there is nothing to judge.
        """
        if name in self._failures:
            raise self._failures[name]
        process = self._running()
        try:
            returned = process.call(name, *arguments, count=count)
        except Failure as failure:
            if process.has_ended:
                self._failures[name] = failure
                self.close()
            raise
        for place, argument in enumerate(names.split()):
            if place in returned.changed:
                raise Failure(Remark("changes", {"name": argument}), function=name)
        if returned.value is None:
            raise Failure(Remark("none"), function=name)
        return returned

    def ended_by(self, name: str) -> Failure | None:
        """How a function ended its process; None if it did not."""
        return self._failures.get(name)

    def _running(self) -> HandInProcess:
        if self._loading is not None:
            raise self._loading
        if self._process is None:
            process = HandInProcess(self.source.text, str(self.source.path), self.limits)
            try:
                self._process = process.__enter__()
            except Failure as failure:
                self._loading = failure
                raise
        return self._process

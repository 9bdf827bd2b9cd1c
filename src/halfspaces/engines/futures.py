"""Engines that send visits to other processes: what Dask and Ray have in common.

A pass sends one message to all workers, and a short call for each partition. Rows and values by row
go to a worker once, and again where it says that it misses them. Sums are added on the workers, by
the tree of `Engine.total`; only the last one comes to the client, with the list of the partitions
that are in it.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from halfspaces.engines import by_row, messages
from halfspaces.engines.base import Engine, EngineError, Key, Part, Pass, Read, Sums, tree
from halfspaces.engines.messages import Message
from halfspaces.engines.placed import check_fits
from halfspaces.engines.residents import Call, Outcome, Written, versions
from halfspaces.support.types import Array

ATTEMPTS = 8  # of a pass whose workers die or have lost what they held

Handle = Any  # of a result that lies on a worker


@dataclass
class Book:
    """What the client knows of the workers: who has which partition, and what was sent to whom."""

    workers: dict[Key, str] = field(default_factory=dict)
    sent: set[tuple[str, int, int]] = field(default_factory=set)
    forgotten: deque[int] = field(default_factory=deque)

    def assign(self, X: Any, slots: Sequence[str]) -> None:
        """Give each partition a worker: the one that has it, where it lives and has not too many.

        A worker may be in `slots` several times, once for each visit that it makes at a time.
        """
        if not slots:
            return
        count = len(X.sources)
        share = {worker: -(-count * slots.count(worker) // len(slots)) for worker in slots}
        free = []
        for p in range(count):
            worker = self.workers.get((X.number, p), "")
            if share.get(worker, 0) > 0:
                share[worker] -= 1
            else:
                free.append(p)
        for p in free:
            worker = max(slots, key=lambda each: share[each])
            share[worker] -= 1
            self.workers[X.number, p] = worker

    def lose(self, outcome: Outcome) -> None:
        """Note what a worker misses, and that it now visits the partition."""
        for partition, worker in zip(outcome.partitions, outcome.workers, strict=True):
            if any(p == partition for _, p in outcome.missing):
                self.sent = {e for e in self.sent if e[0] != worker or e[2] != partition}

    def lose_all(self) -> None:
        """Send everything again."""
        self.workers.clear()
        self.sent.clear()


class FuturesEngine(Engine):
    """An engine of processes whose results are futures.

    A subclass says which workers there are, and how to share bytes, to call `residents.visit`, to
    call `residents.join`, and to fetch an outcome.
    """

    def __init__(self) -> None:
        self.book = Book()

    # --- what a subclass has ---------------------------------------------------------------------

    @abstractmethod
    def workers(self) -> Sequence[str]:
        """The names of the workers, each as often as it visits partitions at the same time."""

    @abstractmethod
    def share(self, content: bytes) -> Handle:
        """Bytes that all workers will read."""

    @abstractmethod
    def submit(
        self, worker: str, call: Call, shared: Handle, X: Handle, given: dict[int, Array]
    ) -> Handle:
        """Start `residents.visit` on a worker, or on another one if it is gone."""

    @abstractmethod
    def submit_join(self, outcomes: Sequence[Handle]) -> Handle:
        """Start `residents.join` on a worker."""

    @abstractmethod
    def fetch(self, outcome: Handle) -> Outcome:
        """Wait for an outcome."""

    @abstractmethod
    def rows_of(self, source: Any, worker: str) -> Handle:
        """The rows of a source, as an argument of `submit`."""

    @abstractmethod
    def drop(self, numbers: Sequence[int]) -> None:
        """Have all workers free what they hold under these numbers."""

    @abstractmethod
    def is_loss(self, error: Exception) -> bool:
        """Whether an error of `fetch` is that of workers which died: the pass is then repeated."""

    def memory(self) -> int | None:
        """The memory of a worker in bytes; None if it is not known."""
        return None

    # --- passes ----------------------------------------------------------------------------------

    @property
    def slots(self) -> int:
        """The number of partitions that are visited at the same time."""
        return max(1, len(self.workers()))

    def results(self, visits: Pass) -> Iterator[Any]:
        """What `How.of` gives for each part of a pass, in order."""
        sending = _Sending.of(self, visits)
        waiting = deque(sending.submit(part) for part in visits.parts)
        for part in visits.parts:
            outcome = self._completed(sending, part, waiting.popleft())
            self._keep(visits, sending.message, outcome)
            yield outcome.result

    def _completed(self, sending: "_Sending", part: Part, handle: Handle) -> Outcome:
        for _ in range(ATTEMPTS):
            outcome = self._outcome(handle)
            if outcome is not None and not outcome.missing:
                return outcome
            sending.renew()
            handle = sending.submit(part)
        raise _given_up(ATTEMPTS)

    def total(self, visits: Pass) -> Sums:
        """The sum of the results of all parts, added on the workers by `tree`; () for no part."""
        if not visits.parts:
            return ()
        sending = _Sending.of(self, visits)
        for _ in range(ATTEMPTS):
            handles = [sending.submit(part) for part in visits.parts]
            outcome = self._outcome(tree(handles, self.submit_join))
            if outcome is None or outcome.missing:
                sending.renew()
                continue
            expected = tuple(part.partition for part in visits.parts)
            if outcome.partitions != expected:
                raise EngineError(
                    f"A sum has the partitions {outcome.partitions} instead of {expected}; please"
                    " report this."
                )
            self._keep(visits, sending.message, outcome)
            return outcome.result
        raise _given_up(ATTEMPTS)

    def _outcome(self, handle: Handle) -> Outcome | None:
        """The outcome; None if workers died. Raises the error of a visit."""
        try:
            outcome = self.fetch(handle)
        except Exception as error:
            if not self.is_loss(error):
                raise
            self.book.lose_all()
            return None
        if outcome.error is not None:
            raise outcome.error
        self.book.lose(outcome)
        return outcome

    def _keep(self, visits: Pass, message: Message, outcome: Outcome) -> None:
        """Copy what visits wrote into the arrays of the client."""
        for number, partition, values in outcome.written:
            first = int(visits.X.starts[partition])
            message.arrays[number][first : first + len(values)] = values
            worker = dict(zip(outcome.partitions, outcome.workers, strict=True))[partition]
            self.book.sent.add((worker, number, partition))

    def forget(self, number: int) -> None:
        """Free what workers hold under this number, at the next pass."""
        self.book.forgotten.append(number)


@dataclass
class _Sending:
    """A pass that is on its way: what its calls have in common."""

    engine: FuturesEngine
    visits: Pass
    message: Message
    shared: Handle
    written: tuple[Written, ...]
    values: tuple[int, ...]
    memory: int | None = None

    @classmethod
    def of(cls, engine: FuturesEngine, visits: Pass) -> "_Sending":
        message = messages.dumps(visits.how)
        written = []
        values = []
        for number, array in message.arrays.items():
            by_row.number_of(array, engine)
            known = by_row.known(array)
            if known is not None and known.written:
                known.written = False
                written.append(Written(number, array.shape[1:]))
            else:
                values.append(number)
        sending = cls(engine, visits, message, None, tuple(written), tuple(values), engine.memory())
        sending.renew()
        return sending

    def renew(self) -> None:
        """Share the message, and assign partitions to the workers that there are now."""
        engine = self.engine
        forgotten = [engine.book.forgotten.popleft() for _ in range(len(engine.book.forgotten))]
        if forgotten:
            engine.drop(forgotten)
        engine.book.assign(self.visits.X, engine.workers())
        self.shared = engine.share(self.message.content)

    def submit(self, part: Part) -> Handle:
        engine, visits = self.engine, self.visits
        X = visits.X
        p = part.partition
        worker = engine.book.workers.get((X.number, p), "")
        first, stop = (int(row) for row in X.starts[p : p + 2])
        arrays = {by_row.number_of(visits.y, engine): visits.y}
        weight = None
        if visits.weight is not None:
            weight = by_row.number_of(visits.weight, engine)
            arrays[weight] = visits.weight
        arrays |= {number: self.message.arrays[number] for number in self.values}
        given = {
            number: array[first:stop]
            for number, array in arrays.items()
            if (worker, number, p) not in engine.book.sent
        }
        rows = None
        if (worker, X.number, p) not in engine.book.sent:
            check_fits(X, p, self.memory)
            rows = engine.rows_of(X.sources[p], worker)
        elif isinstance(X.sources[p], Read):
            rows = X.sources[p]
        engine.book.sent |= {(worker, number, p) for number in (X.number, *given)}
        call = Call(
            X=X.number,
            partition=p,
            first=first,
            n_rows=stop - first,
            rows=part.rows,
            name=str(X.sources[p]),
            y=by_row.number_of(visits.y),
            weight=weight,
            values=self.values,
            written=self.written,
            versions=_VERSIONS,
            memory=self.memory,
        )
        return engine.submit(worker, call, self.shared, rows, given)


_VERSIONS = versions()


def _given_up(attempts: int) -> EngineError:
    return EngineError(
        f"{attempts} attempts at a pass have lost workers; look at their logs: memory is the usual"
        " cause, and smaller partitions need less."
    )

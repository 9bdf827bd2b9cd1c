"""Engines that send visits to other processes: what Dask and Ray have in common.

A pass is one call of each worker, which visits its partitions one after another and adds what the
tree of all sums allows. Rows and values by row go to a worker once, and again where it says that it
misses them. The client adds the rest of the sums; each comes with the list of its partitions.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from halfspaces.engines.base import Engine, EngineError, Pass, Sums, Tree, Visiting
from halfspaces.engines.book import Book
from halfspaces.engines.residents import Call, Delivery, Outcome, Piece
from halfspaces.engines.sending import Sending, Sent

ATTEMPTS = 8  # of a pass whose workers die or have lost what they held
ROWS_A_CALL = 1 << 14  # of results that are not added: the first ones come before the last
IN_FLIGHT = 2  # pieces of rows that are on their way to each worker

Handle = Any  # of a result that lies on a worker


class _Started(NamedTuple):
    """A call that a worker has received, and the parts of the pass that it visits."""

    worker: str
    positions: list[int]
    handle: Handle


class FuturesEngine(Engine):
    """An engine of processes whose results are futures.

    A subclass says which workers there are, and how to share bytes, to call `residents.deliver` and
    `residents.visit`, and to fetch an outcome.
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
    def submit(self, worker: str, call: Call, shared: Handle) -> Handle:
        """Start `residents.visit` on a worker."""

    @abstractmethod
    def send(self, worker: str, delivery: Delivery, content: Any) -> Handle:
        """Start `residents.deliver` on a worker, of a `Piece` or a `Source`."""

    @abstractmethod
    def fetch(self, worker: str, outcome: Handle) -> Outcome:
        """Wait for an outcome of a worker."""

    @abstractmethod
    def drop(self, numbers: Sequence[int]) -> None:
        """Have all workers free what they hold under these numbers."""

    @abstractmethod
    def is_loss(self, error: Exception) -> bool:
        """Whether an error of `fetch` is that of a worker which died: its part is then repeated."""

    def lost(self, worker: str) -> None:
        """Take note that a worker has died."""

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
        sending = Sending.of(self, self.book, visits)
        every = list(range(len(visits.parts)))
        waiting = deque(self._start(sending, every, ROWS_A_CALL))
        lost = 0
        while waiting:
            call = waiting.popleft()
            outcome = self._outcome(sending, call)
            if outcome is not None:
                lost = 0
                yield from (outcome.result[0, position] for position in call.positions)
                continue
            lost += 1
            if lost == ATTEMPTS:
                raise _given_up()
            waiting.extendleft(reversed(self._start(sending, call.positions, ROWS_A_CALL)))

    def total(self, visits: Pass) -> Sums:
        """The sum of the results of all parts, by the tree; () for no part."""
        sending = Sending.of(self, self.book, visits)
        tree = Tree(len(visits.parts))
        left = list(range(len(visits.parts)))
        for _ in range(ATTEMPTS):
            calls = self._start(sending, left)
            left = []
            for call in calls:
                outcome = self._outcome(sending, call)
                if outcome is None:
                    left += call.positions
                    continue
                for node, sums in outcome.result.items():
                    tree.put(node, sums)
            if not left:
                return tree.total()
        raise _given_up()

    def _start(
        self, sending: Sending, positions: list[int], most_rows: int | None = None
    ) -> list[_Started]:
        """Call the workers that have these parts, after they have received what they miss."""
        if not positions:
            return []
        slots = self._held(sending, positions)
        lists = sending.by_worker(positions)
        if most_rows is not None:
            lists = sending.runs(positions, most_rows)
        shared = self.share(sending.message.content)
        calls = []
        for each in lists:
            worker = sending.worker_of(each[0])
            call = sending.call(each, slots.count(worker))
            handle = self._begun(self.submit, worker, call, shared)
            calls.append(_Started(worker, each, handle))
        return calls

    def hold(self, X: Any, arrived: Callable[[int], None]) -> None:
        """Have workers hold the rows X before they are visited; `arrived` is told how many came."""
        visits = Pass(X, np.empty(len(X), np.int8), None, X.parts(None), Visiting(id))
        sending = Sending.of(self, self.book, visits)
        self._held(sending, list(range(len(visits.parts))), arrived)

    def _held(
        self,
        sending: Sending,
        positions: list[int],
        arrived: Callable[[int], None] | None = None,
    ) -> Sequence[str]:
        """The workers, once they hold the rows of these parts."""
        for _ in range(ATTEMPTS):
            slots = self._assign(sending)
            if self._deliver(sending, positions, arrived):
                return slots
        raise _given_up()

    def _assign(self, sending: Sending) -> Sequence[str]:
        """Give all partitions to the workers that there are now."""
        forgotten = self.book.forget()
        if forgotten:
            self.drop(forgotten)
        slots = self.workers()
        self.book.assign(sending.visits.X, slots)
        return slots

    def _deliver(
        self, sending: Sending, positions: list[int], arrived: Callable[[int], None] | None
    ) -> bool:
        """Send partitions to workers that miss them; whether all have arrived."""
        gone: set[str] = set()
        waiting: deque[tuple[Sent, Handle]] = deque()

        def wait() -> None:
            sent, handle = waiting.popleft()
            if self._fetched(sent.worker, handle) is None:
                gone.add(sent.worker)
                return
            if sent.key is not None:
                self.book.note(sent.worker, sent.key)
            if arrived is not None:
                arrived(sent.n_rows)

        most = IN_FLIGHT * len(sending.by_worker(positions))
        for sent in sending.missing(positions, self.memory()):
            if sent.worker in gone:
                continue
            handle = self._begun(self.send, sent.worker, sent.delivery, sent.content)
            waiting.append((sent, handle))
            while isinstance(sent.content, Piece) and len(waiting) > most:
                wait()
        while waiting:
            wait()
        return not gone

    def _outcome(self, sending: Sending, call: _Started) -> Outcome | None:
        """The outcome of a call; None if its worker died, or misses something."""
        outcome = self._fetched(call.worker, call.handle)
        if outcome is None:
            return None
        for key in outcome.missing:
            self.book.miss(key)
        if outcome.missing:
            return None
        expected = sending.partitions(call.positions)
        if outcome.partitions != expected:
            raise EngineError(
                f"A sum has the partitions {outcome.partitions} instead of {expected}; please"
                " report this."
            )
        sending.take_written(call.worker, outcome.written)
        return outcome

    def _begun(self, start: Callable[..., Handle], worker: str, *arguments: Any) -> Handle | None:
        """The handle of a call; None if its worker died."""
        try:
            return start(worker, *arguments)
        except Exception as error:
            self._lose(worker, error)
            return None

    def _fetched(self, worker: str, handle: Handle | None) -> Outcome | None:
        """What a worker has to say; None if it died. Raises the error of a visit."""
        if handle is None:
            return None
        try:
            outcome = self.fetch(worker, handle)
        except Exception as error:
            self._lose(worker, error)
            return None
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def _lose(self, worker: str, error: Exception) -> None:
        """Note that a worker died; raises any other error."""
        if not self.is_loss(error):
            raise error
        self.book.lose(worker)
        self.lost(worker)

    def forget(self, number: int) -> None:
        """Free what workers hold under this number, at the next pass."""
        self.book.forgotten.append(number)


def _given_up() -> EngineError:
    return EngineError(
        f"{ATTEMPTS} attempts at a pass have lost workers; look at their logs: memory is the usual"
        " cause, and smaller partitions need less."
    )

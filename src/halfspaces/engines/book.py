"""What the client knows of the workers: who has which partition, and what was sent to whom."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from halfspaces.engines.base import Key


@dataclass
class Book:
    """Who has which partition, and what was sent to whom.

    `sent` has the worker that holds the values of a number and a partition, by both. `forgotten`
    are numbers whose values workers may free.
    """

    workers: dict[int, dict[int, str]] = field(default_factory=dict)
    sent: dict[int, dict[int, str]] = field(default_factory=dict)
    forgotten: deque[int] = field(default_factory=deque)

    def assign(self, X: Any, slots: Sequence[str]) -> None:
        """Give each partition a worker: the one that has it, where it lives and has not too many.

        A worker may be in `slots` several times, once for each visit that it makes at a time.
        Others become runs of neighbours: a worker adds their sums, as far as the tree allows.
        """
        if not slots:
            return
        count = len(X.sources)
        assigned = self.workers.setdefault(X.number, {})
        share = {worker: -(-count * slots.count(worker) // len(slots)) for worker in slots}
        free = []
        for p in range(count):
            worker = assigned.get(p, "")
            if share.get(worker, 0) > 0:
                share[worker] -= 1
            else:
                free.append(p)
        takes = dict.fromkeys(share, 0)
        for _ in free:
            worker = max(slots, key=lambda each: share[each])
            share[worker] -= 1
            takes[worker] += 1
        takers = [worker for worker in takes for _ in range(takes[worker])]
        assigned.update(zip(free, takers, strict=True))

    def worker_of(self, key: Key) -> str:
        """The worker that visits a partition of X."""
        number, partition = key
        return self.workers[number][partition]

    def has(self, worker: str, key: Key) -> bool:
        """Whether a worker was sent these values."""
        number, partition = key
        return self.sent.get(number, {}).get(partition) == worker

    def note(self, worker: str, key: Key) -> None:
        """Note that a worker holds these values."""
        number, partition = key
        self.sent.setdefault(number, {})[partition] = worker

    def miss(self, key: Key) -> None:
        """Note that a worker misses these values."""
        number, partition = key
        self.sent.get(number, {}).pop(partition, None)

    def lose(self, worker: str) -> None:
        """Note that a worker has died, and all that it was sent is gone.

        It keeps its partitions until `assign`: a successor may have its name.
        """
        for places in self.sent.values():
            for partition in [p for p, each in places.items() if each == worker]:
                del places[partition]

    def forget(self) -> list[int]:
        """The numbers that were forgotten since the last time, of which nothing is known now."""
        numbers = [self.forgotten.popleft() for _ in range(len(self.forgotten))]
        for number in numbers:
            self.workers.pop(number, None)
            self.sent.pop(number, None)
        return numbers

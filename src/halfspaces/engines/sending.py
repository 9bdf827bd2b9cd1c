"""A pass as it is sent: what each worker has to receive, and its call."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, zip_longest
from typing import Any, NamedTuple

from halfspaces.engines import by_row, messages
from halfspaces.engines.base import Engine, Key, Pass, count_of
from halfspaces.engines.book import Book
from halfspaces.engines.held import pieces_of
from halfspaces.engines.messages import Message
from halfspaces.engines.placed import check_fits
from halfspaces.engines.residents import Call, Delivery, Piece, Visited, Written, versions
from halfspaces.support.types import Array


class Sent(NamedTuple):
    """What goes to a worker before it can visit a partition; `key` is held with the last of it."""

    worker: str
    delivery: Delivery
    content: Any
    key: Key | None

    @property
    def n_rows(self) -> int:
        """The number of rows that come with it."""
        whole = self.delivery.n_rows
        return len(self.content.rows) if isinstance(self.content, Piece) else whole


@dataclass(frozen=True, eq=False)
class Sending:
    """A pass on its way to the workers that a book names.

    Parameters
    ----------
    visits : Pass
    message : Message
        The visit, for all workers.
    arrays : mapping
        By their numbers, the arrays by row that workers have to hold.
    written : tuple of Written
        Those that the visits write.
    """

    book: Book
    visits: Pass
    message: Message
    arrays: Mapping[int, Array]
    written: tuple[Written, ...]

    @classmethod
    def of(cls, engine: Engine, book: Book, visits: Pass) -> "Sending":
        """The message of a pass, and the numbers of its arrays by row."""
        message = messages.dumps(visits.how)
        arrays = {by_row.number_of(visits.y, engine): visits.y}
        if visits.weight is not None:
            arrays[by_row.number_of(visits.weight, engine)] = visits.weight
        written = []
        for number, array in message.arrays.items():
            by_row.number_of(array, engine)
            known = by_row.known(array)
            if known is not None and known.written:
                known.written = False
                written.append(Written(number, array.shape[1:]))
            else:
                arrays[number] = array
        return cls(book, visits, message, arrays, tuple(written))

    def worker_of(self, position: int) -> str:
        """The worker of a part of the pass."""
        return self.book.worker_of((self.visits.X.number, self.visits.parts[position].partition))

    def partitions(self, positions: Sequence[int]) -> tuple[int, ...]:
        """The partitions of some parts of the pass."""
        return tuple(self.visits.parts[position].partition for position in positions)

    def by_worker(self, positions: Sequence[int]) -> list[list[int]]:
        """Parts in one list for each worker."""
        lists: dict[str, list[int]] = {}
        for position in positions:
            lists.setdefault(self.worker_of(position), []).append(position)
        return list(lists.values())

    def runs(self, positions: Sequence[int], most_rows: int) -> list[list[int]]:
        """Parts in lists of neighbours on one worker, of about so many rows at most."""
        found = []
        for _, group in groupby(positions, self.worker_of):
            rows = most_rows
            for position in group:
                if rows >= most_rows:
                    found.append([])
                    rows = 0
                found[-1].append(position)
                rows += self._n_visited(position)
        return found

    def _n_visited(self, position: int) -> int:
        rows = self.visits.parts[position].rows
        n_rows = self._n_rows(self.visits.parts[position].partition)
        if rows is None:
            return n_rows
        return len(range(n_rows)[rows]) if isinstance(rows, slice) else len(rows)

    def _n_rows(self, partition: int) -> int:
        first, stop = self.visits.X.starts[partition : partition + 2]
        return int(stop - first)

    def missing(self, positions: Sequence[int], memory: int | None) -> Iterator[Sent]:
        """What the workers of these parts do not hold of X, in turns from worker to worker."""
        queues = [self._of_worker(each, memory) for each in self.by_worker(positions)]
        rounds = zip_longest(*queues)
        return (sent for sent in chain.from_iterable(rounds) if sent is not None)

    def _of_worker(self, positions: Sequence[int], memory: int | None) -> Iterator[Sent]:
        X = self.visits.X
        for position in positions:
            partition = self.visits.parts[position].partition
            key = (X.number, partition)
            worker = self.worker_of(position)
            if self.book.has(worker, key):
                continue
            source = X.sources[partition]
            n_rows = self._n_rows(partition)
            delivery = Delivery(*key, n_rows, str(source), versions(), memory, source.change)
            check_fits(X, partition, memory)
            if not source.rows_here:
                yield Sent(worker, delivery, source, key)
                continue
            for start, rows in pieces_of(source.load()):
                last = start + count_of(rows) == n_rows
                yield Sent(worker, delivery, Piece(start, rows), key if last else None)

    def call(self, positions: Sequence[int], threads: int) -> Call:
        """The call of the worker that has all these parts, with what it does not hold by row."""
        visits = self.visits
        worker = self.worker_of(positions[0])
        parts = tuple(self._visited(position) for position in positions)
        given = {}
        for number, array in self.arrays.items():
            for part in parts:
                key = (number, part.partition)
                if not self.book.has(worker, key):
                    given[key] = array[part.first : part.first + part.n_rows]
                    self.book.note(worker, key)
        return Call(
            parts=parts,
            leaves=len(visits.parts) if visits.how.summed else None,
            X=visits.X.number,
            y=by_row.number_of(visits.y),
            weight=None if visits.weight is None else by_row.number_of(visits.weight),
            values=tuple(number for number in self.message.arrays if number in self.arrays),
            written=self.written,
            given=given,
            versions=versions(),
            threads=threads,
        )

    def _visited(self, position: int) -> Visited:
        part = self.visits.parts[position]
        p = part.partition
        X = self.visits.X
        return Visited(position, p, int(X.starts[p]), self._n_rows(p), part.rows, str(X.sources[p]))

    def take_written(self, worker: str, written: Sequence[tuple[int, int, Array]]) -> None:
        """Copy what visits wrote into the arrays of the client."""
        for number, partition, values in written:
            first = int(self.visits.X.starts[partition])
            self.message.arrays[number][first : first + len(values)] = values
            self.book.note(worker, (number, partition))

"""The protocol of an engine: it keeps partitions of the rows, and maps a visit over them.

An engine decides where the rows lie and which process visits them, never what is computed: the rows
of a partition, the order in which partial sums are added and their precision are the same for all.
So results have the same bits on every engine, for any number of workers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from halfspaces.rows.blocks import Blocks, BlockSizes
from halfspaces.support.types import Array, Features, Rows, Visit
from halfspaces.system.errors import DataError

PLAIN = BlockSizes()
FAN = 2  # partial sums that one node of the tree adds: a run of partitions is few nodes

Sums = tuple[Any, ...]
Key = tuple[int, int]  # of values that a worker holds: a number of the values, and the partition
Node = tuple[int, int]  # of the tree: its level, from 0 for the leaves, and its number there


class EngineError(DataError):
    """A pass that an engine could not finish, in one sentence with the remedy."""


class Source(ABC):
    """Where the rows of a partition come from, if a worker has to read them (again)."""

    rows_here: ClassVar[bool] = False  # whether only the client has the rows, and must send them
    change: Callable[[Any], Any] | None = None  # what a worker makes of rows that it receives

    @abstractmethod
    def load(self) -> Any:
        """The rows: an array (n, D), dense or sparse, a data frame or a table of numbers."""

    def __str__(self) -> str:
        return "the rows that were given"


@dataclass(frozen=True, eq=False)
class Given(Source):
    """Rows in the memory of the client, which sends them to a worker.

    Parameters
    ----------
    rows : array, shape (n, ...), or csr_array
    change : callable, optional
        What makes rows (n, D) of some of them, on the worker: such as the features of images.
    """

    rows: Features = field(repr=False)
    change: Callable[[Any], Any] | None = field(default=None, repr=False)
    rows_here: ClassVar[bool] = True

    def load(self) -> Features:
        """The rows themselves, as they are sent."""
        return self.rows


@dataclass(frozen=True, eq=False)
class Read(Source):
    """Rows that a worker reads itself: `read(*arguments)`, a function that can be pickled."""

    read: Callable[..., Any]
    arguments: tuple[Any, ...]
    name: str

    def load(self) -> Any:
        """What the function returns."""
        return self.read(*self.arguments)

    def __str__(self) -> str:
        return self.name


class PartitionBlocks(Blocks):
    """The rows of one partition, whose numbers in the whole X begin at `first`."""

    first = 0

    def _numbers(self, chunk: slice | Array) -> Array:
        return super()._numbers(numbers_in(chunk)) + self.first


def numbers_in(chunk: slice | Array) -> Array:
    """A chunk of rows as their numbers.

    >>> numbers_in(slice(2, 5, 1)).tolist()
    [2, 3, 4]
    """
    return np.arange(chunk.start, chunk.stop, chunk.step) if isinstance(chunk, slice) else chunk


class How(ABC):
    """What is done with the rows of a partition: all that does not depend on the partition."""

    summed: bool = False  # whether the results of the partitions are added, or returned one by one

    @abstractmethod
    def of(self, X: Any, y: Array, weight: Array | None, rows: Rows, first: int) -> Any:
        """The result for some rows of a partition, the first of which is row `first` of all.

        Sums are a tuple of arrays in float64.
        """


@dataclass(frozen=True, eq=False)
class Visiting(How):
    """A visit to the blocks of a partition.

    Parameters
    ----------
    visit : callable
        Of a `Block`, as `Blocks.map` and `Blocks.sum` take it.
    columns : int or None
        As they take it.
    center : array, shape (D,), or None
    sizes : BlockSizes
    in_double : bool
        As of `Blocks`.
    summed : bool
        Whether the results of the visits are added, or returned one by one.
    """

    visit: Visit[Any]
    columns: int | None = None
    center: Array | None = None
    sizes: BlockSizes = PLAIN
    in_double: bool = False
    summed: bool = False

    def of(self, X: Any, y: Array, weight: Array | None, rows: Rows, first: int) -> Any:
        """The sums over a partition in float64, or the list of the results of its blocks."""
        blocks = PartitionBlocks(
            X,
            y,
            weight,
            center=self.center,
            n_jobs=1,
            sizes=self.sizes,
            in_double=self.in_double,
        )
        object.__setattr__(blocks, "first", first)
        if not self.summed:
            return list(blocks.map(self.visit, rows, self.columns))
        sums = blocks.sum(self.visit, rows, self.columns)
        return tuple(np.array(part, np.float64) for part in sums)


class Part(NamedTuple):
    """The rows of one partition that a pass visits, by their positions in it; None: all."""

    partition: int
    rows: Rows


@dataclass(frozen=True, eq=False)
class Pass:
    """A visit to some partitions.

    Parameters
    ----------
    X : PartitionedRows
    y, weight : array
        As of `Blocks`, of all rows.
    parts : sequence of Part
        In the order of the partitions, each at most once.
    how : How
    """

    X: Any
    y: Array
    weight: Array | None
    parts: Sequence[Part]
    how: How


class Engine(ABC):
    """Where partitions of X live, and who visits them.

    A new engine is one class with `results`. `total` adds the results of all partitions on the
    client, by a `Tree`; an engine that adds them on its workers has to add by the same tree.
    `halfspaces.testing.check_engine` holds an engine to the answers of all others.
    """

    name: ClassVar[str]

    @property
    def slots(self) -> int:
        """The number of partitions that are visited at the same time."""
        return 1

    @abstractmethod
    def results(self, visits: Pass) -> Iterator[Any]:
        """What `How.of` gives for each part of a pass, in order."""

    def total(self, visits: Pass) -> Sums:
        """The sum of the results of all parts, by a `Tree`; () for no part."""
        tree = Tree(len(visits.parts))
        for position, sums in enumerate(self.results(visits)):
            tree.put((0, position), sums)
        return tree.total()

    def hold(self, X: Any, arrived: Callable[[int], None]) -> None:  # noqa: B027
        """Have workers hold the rows X before they are visited; `arrived` is told how many came."""

    def forget(self, number: int) -> None:  # noqa: B027
        """Free what workers hold under this number."""

    def close(self) -> None:  # noqa: B027
        """End what the engine has started itself."""

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def count_of(rows: Any) -> int:
    """The number of rows, dense or sparse, or of images.

    >>> count_of(np.eye(2, 3))
    2
    """
    return rows.shape[0]


def shape_of(rows: Any) -> tuple[int, int]:
    """(n, D) of dense or sparse rows.

    >>> shape_of(np.eye(2, 3))
    (2, 3)
    """
    return rows.shape


class Tree:
    """Sums of neighbours, `FAN` at a time, until one is left.

    Which are added depends on the number of leaves alone, not on who adds them or when: sums of a
    part of the leaves are those nodes of the tree whose leaves are all there.

    Parameters
    ----------
    leaves : int

    Examples
    --------
    >>> here, there = Tree(5), Tree(5)
    >>> for leaf in range(3):
    ...     here.put((0, leaf), (float(leaf),))
    >>> here.nodes
    {(1, 0): (1.0,), (0, 2): (2.0,)}
    >>> for leaf in (3, 4):
    ...     there.put((0, leaf), (float(leaf),))
    >>> there.nodes
    {(0, 3): (3.0,), (2, 1): (4.0,)}
    >>> for node, sums in there.nodes.items():
    ...     here.put(node, sums)
    >>> here.total()
    (10.0,)
    """

    def __init__(self, leaves: int) -> None:
        self.nodes: dict[Node, Sums] = {}
        self._widths = [leaves]
        while self._widths[-1] > 1:
            self._widths.append(-(-self._widths[-1] // FAN))

    def put(self, node: Node, sums: Sums) -> None:
        """Take the sums of a node; with its last sibling they become those of its parent."""
        self.nodes[node] = sums
        level, number = node
        if level + 1 == len(self._widths):
            return
        first = number // FAN * FAN
        last = min(first + FAN, self._widths[level])
        siblings = [(level, each) for each in range(first, last)]
        if all(each in self.nodes for each in siblings):
            joined = add([self.nodes.pop(each) for each in siblings])
            self.put((level + 1, number // FAN), joined)

    def total(self) -> Sums:
        """The sums of all leaves; () for a tree without leaves."""
        if self._widths == [0]:
            return ()
        return self.nodes[len(self._widths) - 1, 0]


def add(results: Sequence[Sums]) -> Sums:
    """The sum of tuples of float64 arrays, from the first to the last.

    >>> add([(1.0, np.ones(2)), (2.0, np.ones(2))])
    (3.0, array([2., 2.]))
    """
    first, *others = results
    total = list(first)
    for other in others:
        total = [one + more for one, more in zip(total, other, strict=True)]
    return tuple(total)

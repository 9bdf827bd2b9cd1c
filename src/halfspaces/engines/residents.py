"""What runs on a worker: it receives partitions, visits them, and says what it misses.

A worker that died comes back with nothing. It is then given its rows and values again; a visit
never goes on without them, so nothing is left out.
"""

import ctypes
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

from halfspaces.engines import messages
from halfspaces.engines.base import EngineError, Key, Node, Source, Tree, shape_of
from halfspaces.engines.held import RESIDENTS
from halfspaces.engines.placed import changed, check_rows
from halfspaces.support.types import Array, Features, Rows
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.threads import ordered_map

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt, in malloc.h
KEPT = 128 << 20  # bytes that are free, of a thread
MAPPED = 32 << 20  # bytes of an array that is given back at once; the most that is allowed
PACKAGES = ("halfspaces", "numpy", "scipy", "cloudpickle")


class Written(NamedTuple):
    """An array by row that a visit writes into: its number, and the shape of a row."""

    number: int
    shape: tuple[int, ...]


class Visited(NamedTuple):
    """A partition that a call visits.

    `position` is its number among the parts of the pass, `first` that of its first row in X.
    """

    position: int
    partition: int
    first: int
    n_rows: int
    rows: Rows
    name: str


class Call(NamedTuple):
    """What one worker visits in a pass.

    `X`, `y`, `weight` and `values` are numbers of what the worker holds of each partition; `given`
    it has to hold from now on. `leaves` is the number of parts of the pass, if sums are wanted:
    they are added as far as the tree of these parts allows.
    """

    parts: tuple[Visited, ...]
    leaves: int | None
    X: int
    y: int
    weight: int | None
    values: tuple[int, ...]
    written: tuple[Written, ...]
    given: Mapping[Key, Array]
    versions: Mapping[str, str]
    threads: int = 1


class Delivery(NamedTuple):
    """A partition for a worker that does not hold it.

    `memory` is the worker's, in bytes, and `change` what it makes of the rows.
    """

    X: int
    partition: int
    n_rows: int
    name: str
    versions: Mapping[str, str]
    memory: int | None = None
    change: Callable[[Any], Any] | None = None

    @property
    def key(self) -> Key:
        """By which the worker holds it."""
        return self.X, self.partition


class Piece(NamedTuple):
    """Some rows of a partition, whose first one has the number `start` in it."""

    start: int
    rows: Features


class Outcome(NamedTuple):
    """The results of a call by the nodes of the tree, or why there are none.

    Results that are not added are those of leaves. `missing` is what the worker had to hold, and
    does not; `written` has the number, the partition and the values of what the visits wrote.
    """

    partitions: tuple[int, ...]
    result: Mapping[Node, Any] = {}
    missing: tuple[Key, ...] = ()
    error: Exception | None = None
    written: tuple[tuple[int, int, Array], ...] = ()


@cache
def keep_freed_memory() -> None:
    """Have this process keep memory that a visit frees for the next one, with the C library of GNU.

    Dask starts workers that return it to the system at once (MALLOC_TRIM_THRESHOLD_), so that each
    visit would wait for its pages again: a third of the time of a pass.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_MMAP_THRESHOLD, MAPPED)


def forget(numbers: Sequence[int]) -> None:
    """Free what the workers of this process hold under these numbers."""
    RESIDENTS.forget(numbers)


@cache
def versions() -> Mapping[str, str]:
    """The versions on which results depend.

    >>> sorted(versions())
    ['cloudpickle', 'halfspaces', 'numpy', 'python', 'scipy']
    """
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "of no version"
    return found


def deliver(delivery: Delivery, content: Any, worker: str = "") -> Outcome:
    """Hold a partition; `content` is a `Piece` of its rows, the rows, or where to read them.

    A partition that is held already is not read again.
    """
    own = Outcome((delivery.partition,))
    try:
        _check_versions(delivery.versions, worker)
        if RESIDENTS.find(worker, delivery.key) is None:
            _receive(delivery, content, worker)
    except MemoryError:
        return own._replace(error=_too_large(worker, delivery.partition, delivery.name))
    except Exception as error:  # the client raises it
        return own._replace(error=error)
    return own


def _receive(delivery: Delivery, content: Any, worker: str) -> None:
    key = delivery.key
    if isinstance(content, Piece):
        piece = changed(content.rows, delivery.change)
        rows = RESIDENTS.receive(worker, key, piece, content.start, delivery.n_rows)
    else:
        rows = _rows(delivery, content)
    if rows is not None:
        RESIDENTS.hold(worker, key, rows, delivery.memory)


def _rows(delivery: Delivery, content: Any) -> Features:
    """The rows of a partition, read if that is needed; an error names the partition."""
    where = f"Partition {delivery.partition} ({delivery.name})"
    try:
        found = content.load() if isinstance(content, Source) else content
        rows = check_rows(changed(found, delivery.change))
    except (MemoryError, TypeError):
        raise
    except Exception as error:
        kind = type(error).__name__
        raise EngineError(
            f"{where} cannot be read: {kind}: {error}; replace it, or leave it out."
        ) from error
    n_rows, _ = shape_of(rows)
    if n_rows != delivery.n_rows:
        raise EngineError(
            f"{where} has {n_rows} rows, and had {delivery.n_rows} before; data must not"
            " change while they are fitted."
        )
    return rows


def visit(call: Call, message: bytes, worker: str = "") -> Outcome:
    """Visit the partitions of a call."""
    own = Outcome(tuple(part.partition for part in call.parts))
    try:
        _check_versions(call.versions, worker)
        for key, values in call.given.items():
            RESIDENTS.hold(worker, key, values)
        missing = tuple(key for key in _needed(call) if RESIDENTS.find(worker, key) is None)
        if missing:
            return own._replace(missing=missing)
        with one_blas_thread():
            return _visited(own, call, message, worker)
    except MemoryError:
        first = call.parts[0]
        return own._replace(error=_too_large(worker, first.partition, first.name))
    except Exception as error:  # the client raises it
        return own._replace(error=error)


def _needed(call: Call) -> list[Key]:
    numbers = [call.X, call.y, *call.values] + ([] if call.weight is None else [call.weight])
    return [(number, part.partition) for part in call.parts for number in numbers]


def _visited(own: Outcome, call: Call, message: bytes, worker: str) -> Outcome:
    """The results of all partitions, summed as far as the tree allows it."""
    visit_one = partial(_visit_one, call, message, worker)
    results: dict[Node, Any] = {}
    tree = None if call.leaves is None else Tree(call.leaves)
    written: list[tuple[int, int, Array]] = []
    for part, (result, values) in zip(
        call.parts, ordered_map(visit_one, list(call.parts), call.threads), strict=True
    ):
        if tree is None:
            results[0, part.position] = result
        else:
            tree.put((0, part.position), result)
        for number, each in values.items():
            RESIDENTS.hold(worker, (number, part.partition), each)
            written.append((number, part.partition, each))
    return own._replace(result=results if tree is None else tree.nodes, written=tuple(written))


def _visit_one(
    call: Call, message: bytes, worker: str, part: Visited
) -> tuple[Any, dict[int, Array]]:
    """The result of a partition, and what was written by the numbers of the arrays."""

    def held(number: int) -> Any:
        return RESIDENTS.find(worker, (number, part.partition))

    written = {n: np.zeros((part.n_rows, *shape), np.float16) for n, shape in call.written}
    values = {number: held(number) for number in call.values}
    how = messages.loads(message, values | written, part.first)
    weight = None if call.weight is None else held(call.weight)
    result = how.of(held(call.X), held(call.y), weight, part.rows, part.first)
    return result, written


def _too_large(worker: str, partition: int, name: str) -> EngineError:
    return EngineError(
        f"Worker {worker} has too little memory for partition {partition} ({name}); "
        "use smaller partitions, fewer threads a worker or workers with more memory."
    )


def _check_versions(of_client: Mapping[str, str], worker: str) -> None:
    here = versions()
    differ = [name for name in of_client if here[name] != of_client[name]]
    if differ:
        words = [f"{name} {here[name]} instead of {of_client[name]}" for name in differ]
        raise EngineError(
            f"Worker {worker} has {', '.join(words)}; install the client's versions there."
        )

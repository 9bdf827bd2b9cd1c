"""What runs on a worker: it holds partitions, visits them, and says what it misses.

A worker that died comes back with nothing. It is then given its rows and values again; a visit
never goes on without them, so nothing is left out.
"""

import platform
import tempfile
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

from halfspaces.engines import base, messages
from halfspaces.engines.base import EngineError, Key, Source, Sums
from halfspaces.engines.placed import check_rows
from halfspaces.support.types import Array, Rows

MOST_HELD = 0.6  # of a worker's memory: further partitions lie in files, which are mapped
PACKAGES = ("halfspaces", "numpy", "scipy", "cloudpickle")


class Written(NamedTuple):
    """An array by row that a visit writes into: its number, and the shape of a row."""

    number: int
    shape: tuple[int, ...]


class Call(NamedTuple):
    """One partition to visit.

    `X`, `y`, `weight` and `values` are numbers of what the worker holds of the partition; `memory`
    is that of the worker in bytes, or None.
    """

    X: int
    partition: int
    first: int
    n_rows: int
    rows: Rows
    name: str
    y: int
    weight: int | None
    values: tuple[int, ...]
    written: tuple[Written, ...]
    versions: Mapping[str, str]
    memory: int | None = None


class Outcome(NamedTuple):
    """The result of some partitions, or why there is none."""

    partitions: tuple[int, ...]
    result: Any = None
    missing: tuple[Key, ...] = ()
    error: Exception | None = None
    written: tuple[tuple[int, int, Array], ...] = ()
    workers: tuple[str, ...] = ()


class Residents:
    """What the workers of this process hold, by worker, number and partition."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int, int], Array] = {}
        self._lock = threading.Lock()

    def find(self, worker: str, key: Key) -> Array | None:
        """The values, or None."""
        return self._held.get((worker, *key))

    def hold(self, worker: str, key: Key, values: Array, memory: int | None = None) -> Array:
        """Keep values; beyond a part of the worker's memory they lie in a file that is mapped."""
        # Sums over arrays that are not aligned, as some that were received, have other last bits.
        values = np.require(values, requirements=["C_CONTIGUOUS", "ALIGNED"])
        with self._lock:
            if memory is not None and not isinstance(values, np.memmap):
                own = (each for place, each in self._held.items() if place[0] == worker)
                held = sum(each.nbytes for each in own if not isinstance(each, np.memmap))
                if held + values.nbytes > MOST_HELD * memory:
                    values = _in_file(values)
            self._held[worker, *key] = values
        return values

    def forget(self, numbers: Sequence[int]) -> None:
        """Free what is held under these numbers."""
        with self._lock:
            gone = [place for place in self._held if place[1] in numbers]
            for place in gone:
                del self._held[place]


def _in_file(values: Array) -> Array:
    """A copy on the local disk, which is mapped; the file has no name, and ends with the map."""
    with tempfile.TemporaryFile() as file:
        values.tofile(file)
        file.flush()
        return np.memmap(file, values.dtype, "r", shape=values.shape)


RESIDENTS = Residents()


def forget(numbers: Sequence[int]) -> None:
    """Free what the workers of this process hold under these numbers."""
    RESIDENTS.forget(numbers)


def versions() -> dict[str, str]:
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


def visit(
    call: Call, message: bytes, X: Any, given: Mapping[int, Array], worker: str = ""
) -> Outcome:
    """Visit a partition; `X` and `given` are what the worker has to hold from now on.

    X is the rows, or where to read them, or None.
    """
    own = Outcome((call.partition,), workers=(worker,))
    try:
        _check_versions(call.versions, worker)
        missing = _received(call, X, given, worker)
        if missing:
            return own._replace(missing=missing)
        return _visited(own, call, message, worker)
    except MemoryError:
        error = EngineError(
            f"Worker {worker} has too little memory for partition {call.partition} ({call.name}); "
            "use smaller partitions, fewer threads a worker or workers with more memory."
        )
        return own._replace(error=error)
    except Exception as error:  # the client raises it
        return own._replace(error=error)


def _received(
    call: Call, X: Any, given: Mapping[int, Array], worker: str
) -> tuple[tuple[int, int], ...]:
    """Hold what was given; what is missing all the same."""
    p = call.partition
    for number, values in given.items():
        RESIDENTS.hold(worker, (number, p), values)
    if X is not None and RESIDENTS.find(worker, (call.X, p)) is None:
        RESIDENTS.hold(worker, (call.X, p), _rows(X, call), call.memory)
    needed = [call.X, call.y, *call.values] + ([] if call.weight is None else [call.weight])
    return tuple((n, p) for n in needed if RESIDENTS.find(worker, (n, p)) is None)


def _rows(X: Any, call: Call) -> Array:
    """The rows of a partition, read if that is needed; an error names the partition."""
    where = f"Partition {call.partition} ({call.name})"
    try:
        rows = check_rows(X.load() if isinstance(X, Source) else X)
    except (MemoryError, TypeError):
        raise
    except Exception as error:
        kind = type(error).__name__
        raise EngineError(
            f"{where} cannot be read: {kind}: {error}; replace it, or leave it out."
        ) from error
    if len(rows) != call.n_rows:
        raise EngineError(
            f"{where} has {len(rows)} rows, and had {call.n_rows} before; data must not change"
            " while they are fitted."
        )
    return rows


def _held(worker: str, key: Key) -> Array:
    values = RESIDENTS.find(worker, key)
    assert values is not None  # `_received` has looked
    return values


def _visited(own: Outcome, call: Call, message: bytes, worker: str) -> Outcome:
    p = call.partition
    values = {number: _held(worker, (number, p)) for number in call.values}
    for number, shape in call.written:
        values[number] = np.zeros((call.n_rows, *shape), np.float16)
    how = messages.loads(message, values, call.first)
    X = _held(worker, (call.X, p))
    weight = None if call.weight is None else _held(worker, (call.weight, p))
    y = _held(worker, (call.y, p))
    result = how.of(X, y, weight, call.rows, call.first)
    written = tuple((number, p, values[number]) for number, _ in call.written)
    for number, _, each in written:
        RESIDENTS.hold(worker, (number, p), each)
    return own._replace(result=result, written=written)


def _check_versions(of_client: Mapping[str, str], worker: str) -> None:
    here = versions()
    differ = [name for name in of_client if here[name] != of_client[name]]
    if differ:
        words = [f"{name} {here[name]} instead of {of_client[name]}" for name in differ]
        raise EngineError(
            f"Worker {worker} has {', '.join(words)}; install the client's versions there."
        )


def join(outcomes: Sequence[Outcome]) -> Outcome:
    """The sum of outcomes of different partitions, in their order.

    An error or a missing part of one is that of all: no sum lacks a partition.
    """
    partitions = tuple(p for each in outcomes for p in each.partitions)
    workers = tuple(w for each in outcomes for w in each.workers)
    whole = Outcome(partitions, workers=workers)
    errors = [each.error for each in outcomes if each.error is not None]
    missing = tuple(key for each in outcomes for key in each.missing)
    if errors or missing:
        return whole._replace(error=errors[0] if errors else None, missing=missing)
    written = tuple(item for each in outcomes for item in each.written)
    sums: Sums = base.add([each.result for each in outcomes])
    return whole._replace(result=sums, written=written)

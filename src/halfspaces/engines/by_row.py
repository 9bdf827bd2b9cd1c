"""Arrays with a row for each row of X, of which a worker needs the rows of its partitions alone.

Labels, weights, and the offsets of a smoothed loss lie on the client. Each has a number, by which
workers hold their parts of it: these are sent once. An array that visits write into is marked
before; its parts come back with the results.
"""

import weakref
from dataclasses import dataclass, field

from halfspaces.engines.base import Engine
from halfspaces.engines.placed import new_number
from halfspaces.support.types import Array


@dataclass
class Known:
    """An array by row: its number, and whether the next visits write into it."""

    array: weakref.ref[Array]
    number: int
    written: bool = False
    engines: list[int] = field(default_factory=list)  # by their ids: those whose workers hold it


_known: dict[int, Known] = {}


def known(array: Array) -> Known | None:
    """What is known of an array; None if it is no array by row."""
    found = _known.get(id(array))
    return found if found is not None and found.array() is array else None


def number_of(array: Array, engine: Engine | None = None) -> int:
    """The number of an array, which must not change; its engines forget it after its end."""
    found = known(array)
    if found is None:
        found = _known[id(array)] = Known(weakref.ref(array), new_number())
        weakref.finalize(array, _known.pop, id(array), None).atexit = False
    if engine is not None and id(engine) not in found.engines:
        found.engines.append(id(engine))
        weakref.finalize(array, engine.forget, found.number).atexit = False
    return found.number


def written_by_visits(array: Array) -> Array:
    """The same array, marked: the first visits that have it write into it."""
    number_of(array)
    _known[id(array)].written = True
    return array


@dataclass(frozen=True, eq=False)
class OfPartition:
    """The rows of one partition of an array by row, selected by their numbers in the whole X.

    >>> import numpy as np
    >>> values = OfPartition(np.arange(3.0), first=10)
    >>> values[np.array([12, 10])].tolist()
    [2.0, 0.0]
    """

    values: Array
    first: int

    def __getitem__(self, rows: Array) -> Array:
        return self.values[rows - self.first]

    def __setitem__(self, rows: Array, values: Array) -> None:
        self.values[rows - self.first] = values

"""Regions of an image over which local responses are pooled."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from halfspaces.support.types import Array


class _Segments(ABC):
    """An axis cut at edges."""

    length: int

    @property
    @abstractmethod
    def edges(self) -> Array:
        """From 0 to the length."""

    @property
    def segment_of(self) -> Array:
        """The segment of each position."""
        return np.searchsorted(self.edges, np.arange(self.length), side="right") - 1

    @property
    def segments(self) -> int:
        """How many."""
        return len(self.edges) - 1


@dataclass(frozen=True, eq=False)
class Intervals(_Segments):
    """`count` intervals of nearly equal length that cover the positions 0 … length − 1 of an axis.

    Interval i reaches from ⌊i · length / count⌋ to ⌈(i + 1) · length / count⌉: where the length is no multiple of the
    count, neighbours share a position, so that the intervals are their own mirror image.

    >>> intervals = Intervals(27, 2)
    >>> intervals.segment_of.tolist() == [0] * 13 + [1] + [2] * 13
    True
    >>> intervals.members.tolist()
    [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    """

    length: int
    count: int

    @property
    def starts(self) -> Array:
        """First positions."""
        return np.arange(self.count) * self.length // self.count

    @property
    def stops(self) -> Array:
        """Positions behind the last ones."""
        return -(-np.arange(1, self.count + 1) * self.length // self.count)

    @property
    def edges(self) -> Array:
        """Where an interval starts or stops: between them lie the segments, each wholly in or out of an interval."""
        return np.union1d(self.starts, self.stops)

    @property
    def slices(self) -> list[slice]:
        """The segments of each interval."""
        first, last = (np.searchsorted(self.edges, places) for places in (self.starts, self.stops))
        return [slice(*pair) for pair in zip(first.tolist(), last.tolist(), strict=True)]

    @property
    def members(self) -> Array:
        """Which segments an interval has, ones and zeros (count, segments)."""
        return self.members_of(self.edges)

    def members_of(self, edges: Array) -> Array:
        """Which segments between these edges, its own among them, an interval has: ones and zeros."""
        begins = edges[:-1]
        inside = (begins >= self.starts[:, None]) & (begins < self.stops[:, None])
        return inside.astype(np.float32)

    @property
    def lengths(self) -> Array:
        """Positions of each interval."""
        return (self.stops - self.starts).astype(np.float32)


@dataclass(frozen=True, eq=False)
class FractionalIntervals(Intervals):
    """Intervals of ⌊α⌋ or ⌈α⌉ positions, α = length / count, and one more that each shares with the next.

    Interval i begins at ⌈α (i + u)⌉ − ⌈α u⌉ with a u from 0 to 1: which of them are the longer ones depends on it
    (Graham, Fractional max-pooling, 2014, https://arxiv.org/abs/1412.6071, pseudorandom overlapping regions).

    >>> [FractionalIntervals(27, 4, u).starts.tolist() for u in (0.0, 0.3)]
    [[0, 7, 14, 21], [0, 6, 13, 20]]
    """

    offset: float

    @property
    def starts(self) -> Array:
        """First positions."""
        return self._bounds[:-1]

    @property
    def stops(self) -> Array:
        """Positions behind the last ones."""
        return np.minimum(self._bounds[1:] + 1, self.length)

    @property
    def _bounds(self) -> Array:
        steps = np.ceil(
            self.length / self.count * (np.arange(self.count + 1) + self.offset)
        ).astype(np.int64)
        return np.append(steps[:-1] - steps[0], self.length)


@dataclass(frozen=True, eq=False)
class Pyramid(_Segments):
    """Several numbers of intervals over one axis, and the segments that make up all of them.

    >>> pyramid = Pyramid(6, (1, 2, 4))
    >>> pyramid.segment_of.tolist(), pyramid.shares[1].tolist()
    ([0, 1, 2, 3, 4, 5], [[0.333..., 0.333..., 0.333..., 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.333..., 0.333..., 0.333...]])
    """

    length: int
    counts: tuple[int, ...]

    @property
    def intervals(self) -> list[Intervals]:
        """One for each count."""
        return [Intervals(self.length, count) for count in self.counts]

    @property
    def edges(self) -> Array:
        """Of the segments."""
        return np.unique(np.concatenate([intervals.edges for intervals in self.intervals]))

    @property
    def shares(self) -> list[Array]:
        """For each count, the part (count, segments) that an interval's position has in its mean, in its segments."""
        edges = self.edges
        return [
            (intervals.members_of(edges) / intervals.lengths[:, None]).astype(np.float32)
            for intervals in self.intervals
        ]

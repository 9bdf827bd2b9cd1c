"""Regions of an image over which responses are pooled."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from halfspaces.support.types import Array


class _Segments(ABC):
    """An axis that is cut into segments."""

    length: int

    @property
    @abstractmethod
    def edges(self) -> Array:
        """The edges of the segments, from 0 to the length."""

    @property
    def segment_of(self) -> Array:
        """The segment of each position."""
        return np.searchsorted(self.edges, np.arange(self.length), side="right") - 1

    @property
    def segments(self) -> int:
        """The number of segments."""
        return len(self.edges) - 1


@dataclass(frozen=True, eq=False)
class Intervals(_Segments):
    """`count` intervals of nearly equal length that cover the positions 0 … length − 1 of an axis.

    Interval i reaches from ⌊i · length / count⌋ to ⌈(i + 1) · length / count⌉. If the length is not
    a multiple of the count, neighbours share a position; the intervals are symmetric.

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
        """Positions after the last ones."""
        return -(-np.arange(1, self.count + 1) * self.length // self.count)

    @property
    def edges(self) -> Array:
        """Starts and stops of intervals; a segment between them is wholly in or out of each."""
        return np.union1d(self.starts, self.stops)

    @property
    def slices(self) -> list[slice]:
        """The segments of each interval."""
        first = np.searchsorted(self.edges, self.starts).tolist()
        last = np.searchsorted(self.edges, self.stops).tolist()
        return [slice(*pair) for pair in zip(first, last, strict=True)]

    @property
    def members(self) -> Array:
        """The segments of each interval, as ones and zeros (count, segments)."""
        return self.members_of(self.edges)

    def members_of(self, edges: Array) -> Array:
        """As `members`, for segments between these edges, which include its own."""
        begins = edges[:-1]
        inside = (begins >= self.starts[:, None]) & (begins < self.stops[:, None])
        return inside.astype(np.float32)

    @property
    def lengths(self) -> Array:
        """The number of positions of each interval."""
        return (self.stops - self.starts).astype(np.float32)


@dataclass(frozen=True, eq=False)
class FractionalIntervals(Intervals):
    """Intervals of ⌊α⌋ or ⌈α⌉ positions, α = length / count, and one shared with the next.

    Interval i begins at ⌈α (i + u)⌉ − ⌈α u⌉. The offset u, from 0 to 1, determines which intervals
    are the longer ones (Graham, Fractional max-pooling, 2014, https://arxiv.org/abs/1412.6071,
    pseudorandom overlapping regions).

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
        """Positions after the last ones."""
        return np.minimum(self._bounds[1:] + 1, self.length)

    @property
    def _bounds(self) -> Array:
        positions = self.length / self.count * (np.arange(self.count + 1) + self.offset)
        steps = np.ceil(positions).astype(np.int64)
        return np.append(steps[:-1] - steps[0], self.length)


@dataclass(frozen=True, eq=False)
class Pyramid(_Segments):
    """Several numbers of intervals over one axis, and the segments that all of them consist of.

    >>> pyramid = Pyramid(6, (1, 2, 4))
    >>> pyramid.segment_of.tolist()
    [0, 1, 2, 3, 4, 5]
    >>> pyramid.shares[1].round(2).tolist()
    [[0.33..., 0.33..., 0.33..., 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.33..., 0.33..., 0.33...]]
    """

    length: int
    counts: tuple[int, ...]

    @property
    def intervals(self) -> list[Intervals]:
        """Intervals for each count."""
        return [Intervals(self.length, count) for count in self.counts]

    @property
    def edges(self) -> Array:
        """Edges of the segments."""
        return np.unique(np.concatenate([intervals.edges for intervals in self.intervals]))

    @property
    def shares(self) -> list[Array]:
        """For each count, the weights (count, segments) of positions in the means of intervals."""
        edges = self.edges
        return [
            (intervals.members_of(edges) / intervals.lengths[:, None]).astype(np.float32)
            for intervals in self.intervals
        ]

"""What one page works on: points, and one or two sets of settings with their parameters.

All classes are frozen, so that undo keeps the boards that were there before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from halfspaces.gradcheck.judge import Coordinate
from halfspaces.page.settings import Settings
from halfspaces.page.wording import PageError
from halfspaces.support.types import Array

FEWEST_CLASSES = 2
MOST_CLASSES = 6
MOST_POINTS = 20_000
LARGEST = 1e6  # of a coordinate
BOX = (-1.6, 1.6, -1.6, 1.6)  # what the plane shows: left, right, bottom, top
DIGITS = 4  # decimals of coordinates that are drawn or dragged


@dataclass(frozen=True, eq=False)
class Points:
    """Points of the plane with their classes.

    Parameters
    ----------
    X : array, shape (N, 2)
    y : integer array, shape (N,)
    held_out : boolean array, shape (N,)
        Validation points, to which nothing is fitted.
    """

    X: Array
    y: Array
    held_out: Array

    def __post_init__(self) -> None:
        if len(self.X) > MOST_POINTS:
            raise PageError("error.many_points", count=len(self.X), most=MOST_POINTS)
        if not np.all(np.abs(self.X) <= LARGEST):
            raise PageError("error.far_point", most=LARGEST)
        if np.all(self.held_out):
            raise PageError("error.no_points")

    def __len__(self) -> int:
        return len(self.X)

    @property
    def training(self) -> tuple[Array, Array]:
        """X and y of the points to fit."""
        return self.X[~self.held_out], self.y[~self.held_out]

    @property
    def validation(self) -> tuple[Array, Array] | None:
        """X and y of the held-out points; None without any."""
        if not self.held_out.any():
            return None
        return self.X[self.held_out], self.y[self.held_out]

    def changed(self, point: int, X: Sequence[float], y: int, held_out: bool) -> "Points":
        """With another place, class and part for one point."""
        points = Points(self.X.copy(), self.y.copy(), self.held_out.copy())
        points.X[point] = X
        points.y[point] = y
        points.held_out[point] = held_out
        return Points(points.X, points.y, points.held_out)

    def with_point(self, X: Sequence[float], y: int, held_out: bool) -> "Points":
        """With one point more."""
        return Points(
            np.concatenate([self.X, [X]]), np.append(self.y, y), np.append(self.held_out, held_out)
        )

    def without(self, point: int) -> "Points":
        """Without one point."""
        keep = np.arange(len(self)) != point
        return Points(self.X[keep], self.y[keep], self.held_out[keep])

    def of_classes(self, n_classes: int) -> "Points":
        """Points of classes that there are no more join the last one."""
        return replace(self, y=np.minimum(self.y, n_classes - 1))


@dataclass(frozen=True, eq=False)
class Track:
    """The iterates of a run and its curves, a row for each step.

    Rows are appended to lists that boards share; `length` is how many of them belong to this one.

    Parameters
    ----------
    rows : list of mappings
        Each with "W" (D+1, C) and numbers by name.
    length : int
    """

    rows: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    length: int = 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> Mapping[str, Any]:
        return self.rows[: self.length][number] if number < 0 else self.rows[number]

    def extended(self, rows: Sequence[Mapping[str, Any]]) -> "Track":
        """With further rows."""
        known = self.rows if len(self.rows) == self.length else self.rows[: self.length]
        known.extend(rows)
        return Track(known, self.length + len(rows))

    def column(self, name: str, places: Sequence[int]) -> list[float]:
        """The values of a curve at some rows; nan where there are none."""
        return [float(self.rows[place].get(name, np.nan)) for place in places]

    def until(self, length: int) -> "Track":
        """The first rows."""
        return Track(self.rows, length)


@dataclass(frozen=True, eq=False)
class Side:
    """One set of settings and its parameters.

    Parameters
    ----------
    settings : Settings
    start : array, shape (D+1, 1, C)
        Where the steps began.
    W : array, shape (D+1, 1, C)
        After the steps.
    steps : int
        Turns of the optimizer since the start.
    state : State or None
        Of the optimizer; None before the first step.
    track : Track
        Of all steps, also those before `start`.
    ended : str
        Why the optimizer is done, a sentence; empty if it is not.
    numerical : mapping
        Coordinates (row, column) of W whose slope was measured.
    """

    settings: Settings
    start: Array
    W: Array
    steps: int = 0
    state: Any = None
    track: Track = field(default_factory=Track)
    ended: str = ""
    numerical: Mapping[tuple[int, int], Coordinate] = field(
        default_factory=dict[tuple[int, int], Coordinate]
    )

    def at(self, W: Array) -> "Side":
        """With other parameters: steps begin anew there."""
        return replace(self, start=W, W=W, steps=0, state=None, ended="", numerical={})

    def with_settings(self, settings: Settings) -> "Side":
        """With other settings, at the same parameters."""
        return replace(self.at(self.W), settings=settings)

    def without_track(self) -> "Side":
        """Without the steps so far."""
        return replace(self.at(self.W), track=Track())


@dataclass(frozen=True, eq=False)
class Board:
    """Points and one or two sides.

    Parameters
    ----------
    points : Points
    n_classes : int
    sides : tuple of Side
    at : int or None
        The step that is shown; None shows the last one.
    selected : int or None
        The point whose loss is worked out.
    """

    points: Points
    n_classes: int
    sides: tuple[Side, ...]
    at: int | None = None
    selected: int | None = None

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """What the plane shows; larger than `BOX` where points lie outside."""
        if len(self.points) == 0 or np.abs(self.points.X).max() <= BOX[1]:
            return BOX
        side = 1.1 * float(np.abs(self.points.X).max())
        return -side, side, -side, side

    def shown(self, side: int) -> Array:
        """The parameters of a side that the page shows (D+1, 1, C)."""
        own = self.sides[side]
        if self.at is None or not len(own.track):
            return own.W
        return own.track[min(self.at, len(own.track) - 1)]["W"][:, None]

    def with_points(self, points: Points) -> "Board":
        """With other points: slopes that were measured hold no more, optimizers begin anew."""
        sides = tuple(side.at(side.W) for side in self.sides)
        selected = self.selected
        if selected is not None and selected >= len(points):
            selected = None
        return replace(self, points=points, sides=sides, at=None, selected=selected)

    def with_side(self, number: int, side: Side) -> "Board":
        """With another side."""
        sides = list(self.sides)
        sides[number] = side
        return replace(self, sides=tuple(sides), at=None)

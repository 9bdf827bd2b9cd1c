"""The state of one page: its board, what undo returns to, and which parts are shown."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.page import shapes
from halfspaces.page.board import DIGITS, LARGEST, Board, Points, Side
from halfspaces.page.settings import Settings
from halfspaces.page.wording import PageError, Sentence
from halfspaces.support.types import Array

MOST_UNDONE = 200
FIRST_CLASSES = 3


def first_board() -> Board:
    """Points of three classes, and random parameters."""
    points = shapes.draw("blobs", count=60, noise=0.25, classes=FIRST_CLASSES, held_out=0.2, seed=0)
    W = np.random.default_rng(0).standard_normal((3, 1, FIRST_CLASSES)).round(DIGITS)
    return Board(points, FIRST_CLASSES, (Side(Settings(), W, W),))


@dataclass(eq=False)
class PageState:
    """What one page works on.

    Parameters
    ----------
    language : str
    seed : int
        Of random parameters and points.
    board : Board
    past, future : tuple of Board
        What undo and redo return to.
    last_change : object
        What the next change may belong to, such as a drag.
    order, first : str, int
        Of the table of points.
    draws_landscape, running : bool
        While steps run on, the landscape is not drawn.
    notes : tuple of Sentence
        What was done to an upload.
    shown : mapping
        The sections that the page has.
    shown_points : Points or None
    """

    language: str = "en"
    seed: int = 1
    board: Board = field(default_factory=first_board)
    past: tuple[Board, ...] = ()
    future: tuple[Board, ...] = ()
    last_change: Any = None
    order: str = "number"
    first: int = 0
    draws_landscape: bool = False
    running: bool = False
    notes: tuple[Sentence, ...] = ()
    shown: dict[str, Any] = field(default_factory=dict[str, Any])
    shown_points: Points | None = None

    def change(self, board: Board, change: Any = None) -> None:
        """Go on with another board; undo returns to the one before, or to that before a drag."""
        if change is None or change != self.last_change:
            self.past = (*self.past, self.board)[-MOST_UNDONE:]
        self.future = ()
        self.last_change = change
        self.board = board

    def next_seed(self) -> int:
        """A seed that was not used before on this page."""
        self.seed += 1
        return self.seed

    def random(self, n_classes: int, seed: int | None = None) -> Array:
        """Random parameters (3, 1, C)."""
        rng = np.random.default_rng(self.next_seed() if seed is None else seed)
        return rng.standard_normal((3, 1, n_classes)).round(DIGITS)

    def side(self, number: int) -> Side:
        """A side; raises PageError if there is none."""
        if not 0 <= number < len(self.board.sides):
            raise PageError("error.no_side", side=number)
        return self.board.sides[number]

    def point(self, point: int) -> int:
        """The number of a point; raises PageError if there is none."""
        if not 0 <= point < len(self.board.points):
            raise PageError("error.no_point", point=point, count=len(self.board.points))
        return point

    def label(self, label: int) -> int:
        """A class; raises PageError if there is none."""
        if not 0 <= label < self.board.n_classes:
            raise PageError("error.no_class", label=label, count=self.board.n_classes)
        return label


def place(*values: float) -> list[float]:
    """Coordinates, rounded; raises PageError unless they are finite and not far away."""
    if not all(np.isfinite(value) and abs(value) <= LARGEST for value in values):
        raise PageError("error.far_point", most=LARGEST)
    return [round(float(value), DIGITS) for value in values]

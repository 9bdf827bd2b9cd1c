"""What a page may ask for: each action is a function of the page's state, checked by type."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import ConfigDict, validate_call

from halfspaces.page import exports, shapes
from halfspaces.page.board import FEWEST_CLASSES, MOST_CLASSES, Board, Points
from halfspaces.page.link import from_link, to_link
from halfspaces.page.page_state import PageState, place
from halfspaces.page.settings import random_search
from halfspaces.page.steps import MOST_STEPS, advance, rewound, slopes
from halfspaces.page.upload import NAME, read_points
from halfspaces.page.view import ORDERS
from halfspaces.page.wording import PageError
from halfspaces.support.types import Array
from halfspaces.system.words import LANGUAGES, words

Action = Callable[..., Any]

MOST_DRAWS = 5000  # of a random search in one request
STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)

ACTIONS: dict[str, Action] = {}


def action(function: Action) -> Action:
    """Register a function as what a page may ask for; its arguments are checked by type."""
    ACTIONS[function.__name__.rstrip("_")] = validate_call(config=STRICT)(function)
    return function


@action
def open_(
    page: PageState, session: str | None = None, run: str | None = None, language: str | None = None
) -> None:
    """Show everything; a run is that of a link."""
    if language is not None and language in LANGUAGES:
        page.language = language
    page.shown = {}
    page.shown_points = None
    if run is not None:
        page.change(from_link(run))


@action
def language_(page: PageState, language: str) -> None:
    """Say everything in another language."""
    words(language)
    page.language = language


@action
def undo(page: PageState) -> None:
    """Return to the board before the last change."""
    if page.past:
        page.future = (*page.future, page.board)
        page.board = page.past[-1]
        page.past = page.past[:-1]
        page.last_change = None


@action
def redo(page: PageState) -> None:
    """Return to the board that was undone."""
    if page.future:
        page.past = (*page.past, page.board)
        page.board = page.future[-1]
        page.future = page.future[:-1]
        page.last_change = None


@action
def replay(page: PageState, at: int | None) -> None:
    """Show an earlier step; None shows the last one."""
    if at is not None and at < 0:
        raise PageError("error.range", name="at", value=at, low=0, high=MOST_STEPS)
    page.board = replace(page.board, at=at)


@action
def select(page: PageState, point: int | None) -> None:
    """Choose the point whose loss is worked out."""
    page.board = replace(page.board, selected=None if point is None else page.point(point))


@action
def table(page: PageState, first: int = 0, order: str = "number") -> None:
    """Show other rows of the table."""
    if order not in ORDERS:
        raise PageError("error.no_choice", name=order, known=", ".join(ORDERS))
    page.first = max(0, first)
    page.order = order


@action
def landscape(page: PageState, on: bool) -> None:
    """Show or hide the landscape; it is drawn anew for the parameters of now."""
    page.draws_landscape = on
    page.running = False


# --- points -----------------------------------------------------------------------------------


@action
def move(page: PageState, point: int, x: float, y: float) -> None:
    """Move a point."""
    points = page.board.points
    X = place(x, y)
    label, held_out = points.y[page.point(point)], points.held_out[point]
    moved = points.changed(point, X, label, held_out)
    page.change(page.board.with_points(moved), ("move", point))


@action
def change(page: PageState, point: int, label: int, held_out: bool) -> None:
    """Give a point another class, or hold it out."""
    points = page.board.points
    X = points.X[page.point(point)].tolist()
    changed = points.changed(point, X, page.label(label), held_out)
    page.change(page.board.with_points(changed))


@action
def add(page: PageState, x: float, y: float, label: int, held_out: bool = False) -> None:
    """Add a point."""
    X = place(x, y)
    points = page.board.points.with_point(X, page.label(label), held_out)
    page.change(page.board.with_points(points))


@action
def delete(page: PageState, point: int) -> None:
    """Delete a point."""
    page.change(page.board.with_points(page.board.points.without(page.point(point))))


@action
def classes(page: PageState, count: int) -> None:
    """Have another number of classes: new ones have random weights and no points yet."""
    if not FEWEST_CLASSES <= count <= MOST_CLASSES:
        low, high = FEWEST_CLASSES, MOST_CLASSES
        raise PageError("error.range", name="classes", value=count, low=low, high=high)
    _of_points(page, page.board.points.of_classes(count), count)


@action
def shape(
    page: PageState,
    name: str,
    count: int = 60,
    noise: float = 0.2,
    classes: int | None = None,
    held_out: float = 0.2,
    seed: int | None = None,
) -> None:
    """Draw points of a shape in the place of these."""
    count_of_classes = page.board.n_classes if classes is None else classes
    seed = page.next_seed() if seed is None else seed
    points = shapes.draw(name, count, noise, count_of_classes, held_out, seed)
    _of_points(page, points, count_of_classes)


@action
def upload(page: PageState, text: str, name: str = NAME) -> None:
    """Take the points of a table in the place of these."""
    points, notes = read_points(text)
    page.notes = tuple(notes)
    _of_points(page, points, max(FEWEST_CLASSES, int(points.y.max()) + 1))


def _of_points(page: PageState, points: Points, n_classes: int) -> None:
    """Other points and classes; steps so far are of other data."""
    sides = []
    for side in page.board.sides:
        W = side.W
        if n_classes > W.shape[2]:
            more = page.random(n_classes - W.shape[2])
            W = np.concatenate([W, more], axis=2)
        sides.append(replace(side, W=W[:, :, :n_classes]).without_track())
    page.change(Board(points, n_classes, tuple(sides)))


# --- parameters and settings ------------------------------------------------------------------


@action
def weight(page: PageState, row: int, column: int, value: float, side: int = 0) -> None:
    """Set one entry of W."""
    own = page.side(side)
    if not (0 <= row < 3 and 0 <= column < page.board.n_classes and np.isfinite(value)):
        raise PageError("error.no_weight", row=row, column=column)
    W = page.board.shown(side).copy()
    W[row, 0, column] = value
    board = page.board.with_side(side, own.at(W))
    page.change(board, ("weight", side, row, column))


def _set_all(page: PageState, side: int, W: Array) -> None:
    own = page.side(side)
    page.change(page.board.with_side(side, replace(own, W=W).without_track()))


@action
def double(page: PageState, side: int = 0) -> None:
    """Double W: a hinge loss of 0 stays 0."""
    own = page.side(side)
    page.change(page.board.with_side(side, own.at(2 * page.board.shown(side))))


@action
def randomize(page: PageState, side: int = 0, seed: int | None = None) -> None:
    """Draw W anew."""
    if seed is not None and not 0 <= seed < 2**32:
        raise PageError("error.range", name="seed", value=seed, low=0, high=2**32 - 1)
    _set_all(page, side, page.random(page.board.n_classes, seed))


@action
def zero(page: PageState, side: int = 0) -> None:
    """Begin at W = 0."""
    _set_all(page, side, np.zeros((3, 1, page.board.n_classes)))


@action
def set_(page: PageState, path: list[str], value: Any, side: int = 0) -> None:
    """Choose a loss, penalty, optimizer, or one of their numbers."""
    own = page.side(side)
    settings = own.settings.set(path, value)
    board = page.board.with_side(side, own.with_settings(settings))
    page.change(board, ("set", side, *path))


@action
def compare(page: PageState, on: bool) -> None:
    """Have a second side, a copy of the first, or the first alone."""
    first = page.board.sides[0]
    if on != (len(page.board.sides) > 1):
        sides = (first, first) if on else (first,)
        page.change(replace(page.board, sides=sides, at=None))


# --- steps ------------------------------------------------------------------------------------


@action
def step(page: PageState, count: int = 1, running: bool = False) -> None:
    """Take steps on all sides; while they run on, the landscape is not drawn."""
    if not 1 <= count <= MOST_STEPS:
        raise PageError("error.range", name="count", value=count, low=1, high=MOST_STEPS)
    board = _at_shown(page)
    for number, side in enumerate(board.sides):
        board = board.with_side(number, advance(board, side, count))
    page.change(board, "step")
    page.running = running


def _at_shown(page: PageState) -> Board:
    """The board at the step that is shown; later ones are given up."""
    board, at = page.board, page.board.at
    if at is not None:
        for number, side in enumerate(board.sides):
            if at < len(side.track) - 1:
                board = board.with_side(number, rewound(board, side, at))
    return replace(board, at=None)


@action
def search(page: PageState, local: bool, draws: int = 100, side: int = 0) -> None:
    """Random search, or random local search around W, with as many attempts."""
    if not 1 <= draws <= MOST_DRAWS:
        raise PageError("error.range", name="draws", value=draws, low=1, high=MOST_DRAWS)
    page.side(side)
    board = _at_shown(page)
    own = board.sides[side]
    optimizer = random_search(local, draws, 0.1 if local else 1.0, page.next_seed())
    searching = own.with_settings(replace(own.settings, optimizer=optimizer))
    found = advance(board, searching, draws + 1)  # the first attempt is W itself
    page.change(board.with_side(side, replace(found.at(found.W), settings=own.settings)))


@action
def numerical(page: PageState, what: str, side: int = 0) -> None:
    """Measure the slope along the next coordinate, or along all; or forget them."""
    if what not in ("next", "all", "clear"):
        raise PageError("error.no_choice", name=what, known="next, all, clear")
    page.side(side)
    board = _at_shown(page)
    own = board.sides[side]
    places = [(row, column) for column in range(board.n_classes) for row in range(3)]
    left = [each for each in places if each not in own.numerical]
    known: dict[tuple[int, int], Any] = {}
    if what != "clear":
        known = {
            **own.numerical,
            **dict(slopes(board, own, left[: 1 if what == "next" else None])),
        }
    page.board = board.with_side(side, replace(own, numerical=known))


# --- taken home -------------------------------------------------------------------------------


@action
def export(page: PageState, kind: str, side: int = 0) -> dict[str, str]:
    """The run as Python code, a run file, a table of points, or a link."""
    board = _at_shown(page)
    page.side(side)
    if kind == "python":
        return {"name": "run.py", "text": exports.to_python(board, side)}
    if kind == "toml":
        return {"name": "points.run.toml", "text": exports.to_run_file(board, side)}
    if kind == "csv":
        return {"name": NAME, "text": exports.to_csv(board)}
    if kind == "link":
        return {"name": "link", "text": to_link(board)}
    raise PageError("error.no_choice", name=kind, known="python, toml, csv, link")

"""The loss landscape on a plane through W, as contours, and the path of the steps."""

from typing import Any

import numpy as np

from halfspaces.page.board import Board, Points
from halfspaces.page.steps import objective_of
from halfspaces.plots.landscape import LandscapeDisplay
from halfspaces.support.types import Array

LEVELS = 12
MOST_POINTS = 1000  # of the points, for the contours
MOST_STEPS = 200  # of the path


def contours(board: Board, number: int) -> dict[str, Any]:
    """The contours of L and the path of a side's steps, for the page.

    Of more than a thousand points the contours are those of a sample.
    """
    side = board.sides[number]
    last = len(side.track)
    places = np.unique(np.linspace(0, last - 1, min(last, MOST_STEPS)).astype(int)) if last else []
    path = [side.track[place]["W"] for place in places]
    path = [side.start[:, 0], *path, board.shown(number)[:, 0]]
    if len(path) < 3 or np.ptp(np.stack(path), axis=0).max() == 0:
        path = [np.zeros_like(path[0]), path[-1]]
    W = np.stack(path)
    if not np.all(np.isfinite(W)) or np.ptp(W, axis=0).max() == 0:
        return {"levels": [], "path": [], "box": [-1.0, 1.0, -1.0, 1.0]}
    display = LandscapeDisplay.from_path(objective_of(_sampled(board), side), W)
    return {
        "levels": _levels(display.a, display.b, display.data + display.penalty),
        "path": display.path.tolist(),
        "box": [*_ends(display.a), *_ends(display.b)],
    }


def _sampled(board: Board) -> Board:
    X, y = board.points.training
    if len(X) <= MOST_POINTS:
        return board
    few = np.random.default_rng(0).permutation(len(X))[:MOST_POINTS]
    return Board(Points(X[few], y[few], np.zeros(len(few), bool)), board.n_classes, board.sides)


def _ends(values: Array) -> list[float]:
    return [float(values[0]), float(values[-1])]


def _levels(a: Array, b: Array, values: Array) -> list[dict[str, Any]]:
    """Contours, closer near the minimum."""
    from contourpy import contour_generator

    low, height = float(values.min()), float(np.ptp(values))
    if not np.isfinite(height) or height <= 0:
        return []
    contour = contour_generator(a, b, values)
    heights = low + height * np.linspace(0.02, 0.98, LEVELS) ** 2
    return [
        {
            "value": float(value),
            "lines": [np.asarray(line).tolist() for line in contour.lines(value)],
        }
        for value in heights
    ]

"""The steps of a side: the library's objective, its optimizer and its gradient check."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from halfspaces.callbacks import StopAfter
from halfspaces.estimators.components import with_noise
from halfspaces.gradcheck import check_gradient
from halfspaces.gradcheck.judge import Coordinate
from halfspaces.loop.minimize import minimize
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.losses import Loss
from halfspaces.noise import AdaptiveL2, Noise
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.page.board import Board, Points, Side, Track
from halfspaces.penalties import Penalty
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array

CURVES = ("data_loss", "penalty", "loss", "step", "update_ratio", "gradient_norm")
MOST_OBJECTIVES = 16  # that are kept, of all pages
MOST_STEPS = 100_000  # of a link or of one request
MOST_PASSES = 1e9  # more than any page takes
# The step in which a run ended by itself; the next one begins another run there.
ENDS = (
    Reason.CERTIFIED,
    Reason.STATIONARY,
    Reason.ALL_STEPS_TAKEN,
    Reason.NO_PROGRESS,
    Reason.DIVERGED,
)


def objective_of(board: Board, side: Side) -> Objective:
    """L(W) of a side over the points to fit; features are as they are, not standardized."""
    settings = side.settings
    noise = settings.training_noise
    return _objective(board.points, settings.loss, settings.penalty, noise, board.n_classes)


@lru_cache(maxsize=MOST_OBJECTIVES)
def _objective(
    points: Points, loss: Loss, penalty: Penalty, noise: Noise | AdaptiveL2, n_classes: int
) -> Objective:
    """The same objective for all steps, so that its sums over the points are computed once."""
    objective = Objective(loss, penalty, Blocks(*points.training, n_jobs=1), n_classes)
    return with_noise(objective, noise)


def advance(board: Board, side: Side, count: int) -> Side:
    """The side after further turns of its optimizer: `minimize`, as anywhere else."""
    if side.ended:
        side = side.at(side.W)
    objective = objective_of(board, side)
    held_out = board.points.validation
    rows: list[dict[str, Any]] = []

    def note(run: Run) -> None:
        rows.append(_row(run))

    stop = StopAfter(count)
    result = minimize(
        objective,
        side.settings.optimizer,
        side.W,
        tol=0,
        max_passes=MOST_PASSES,
        validation=None if held_out is None else Blocks(*held_out, n_jobs=1),
        callbacks=[note, stop],
        state=copy.deepcopy(side.state),
    )
    W = result.state.W
    ended = "" if result.reason not in ENDS else result.reason.name
    if rows and not ended and not np.all(np.isfinite(W)):
        ended = Reason.DIVERGED.name
    return replace(
        side,
        W=W,
        state=result.state,
        steps=side.steps + len(rows),
        track=side.track.extended(rows),
        ended=ended,
        numerical={},
    )


def _row(run: Run) -> dict[str, Any]:
    """What is shown of one step: the new iterate and the newest row of the history."""
    row: dict[str, Any] = {"W": run.W[:, 0].copy()}
    for name in (*CURVES, "validation_loss", "validation_accuracy"):
        value = run.history.last(name)
        if value is not None:
            row[name] = float(value[0])
    return row


def rewound(board: Board, side: Side, at: int) -> Side:
    """The side as it was after one of its steps, with the optimizer's state of then."""
    track = side.track
    length = min(at + 1, len(track))
    first = len(track) - side.steps  # the step at which this run began
    if length <= first:
        W = track[length - 1]["W"][:, None]
        return replace(side.at(W), track=track.until(length))
    start = replace(side.at(side.start), track=track.until(first))
    return advance(board, start, length - first)


def started(side: Side, start: Array, steps: int, board: Board) -> Side:
    """A side whose steps are taken again from their start."""
    side = replace(side, start=start, W=start, steps=0, state=None, track=Track())
    return advance(board, side, steps) if steps else side


def slopes(
    board: Board, side: Side, places: list[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Coordinate]]:
    """The gradient check at some coordinates (row, column) of W."""
    objective = objective_of(board, side)

    def value(W: Any) -> float:
        return float(objective.evaluate(Request(W, gradient=False)).total[0])

    gradient = gradient_at(objective, side.W)
    for row, column in places:
        report = check_gradient(value, gradient, side.W, blocks={"W": np.s_[row, 0, column]})
        yield (row, column), report.coordinates[0]


def gradient_at(objective: Objective, W: Array) -> Array:
    """∇L(W) (D+1, 1, C), with a subgradient of a penalty that has kinks."""
    evaluation = objective.evaluate(Request(W))
    if evaluation.penalty_gradient is not None:
        return evaluation.gradient
    gradient = evaluation.gradient.copy()
    gradient[:-1] += subgradient(objective, W)
    return gradient


def subgradient(objective: Objective, W: Array) -> Array:
    """What a small step of the prox takes from the weights, by its length: −∂λR of least length."""
    step = 1e-7
    return (W[:-1] - objective.penalty.prox(W[:-1], step)) / step

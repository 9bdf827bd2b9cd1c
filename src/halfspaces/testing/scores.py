"""The laws of a score function f(x; W)."""

from dataclasses import replace

import numpy as np

from halfspaces.gradcheck.check import check_gradient
from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.penalties.none import NoPenalty
from halfspaces.rows.blocks import Blocks, BlockSizes
from halfspaces.scores.base import Score
from halfspaces.support.types import Array, Block
from halfspaces.testing.words import Law, register_in, require, same

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)


def _objective(score: Score, X: Array, n_classes: int, loss: Loss) -> Objective:
    """Of all rows in one block."""
    y = np.arange(len(X)) % n_classes
    sizes = BlockSizes(least_rows=len(X), most_rows=len(X))
    blocks = Blocks(X, y, n_jobs=1, sizes=sizes)
    return Objective(loss, NoPenalty(), blocks, n_classes, score_function=score)


def _start(objective: Objective, seed: int) -> Array:
    """Parameters near those where a run starts; the last rows may be statistics, which stay."""
    W = objective.initial()
    trained = len(W) - _statistics(objective.evaluate(Request(W, draw=0)))
    noise = 0.1 * np.random.default_rng(seed).standard_normal(W.shape)
    W[:trained] += noise[:trained].astype(W.dtype)
    return W


def _statistics(evaluation: Evaluation) -> int:
    """The number of rows of W that are running statistics."""
    return 0 if evaluation.statistics is None else len(evaluation.statistics)


@_law
def law_gradient(score: Score, *, X: Array, n_classes: int, loss: Loss, seed: int = 0) -> None:
    """The gradient is that of the value: at inference, and for a fixed draw of the noise."""
    objective = _objective(score, X, n_classes, loss)
    W = _start(objective, seed)
    for draw in (None, 0, 3) if score.draws else (None,):
        trained = len(W) - _statistics(objective.evaluate(Request(W, draw=0)))

        def whole(part: Array) -> Array:
            return np.concatenate([part, W[trained:]])  # noqa: B023

        def value(part: Array) -> float:
            return float(objective.evaluate(Request(whole(part), draw=draw)).total[0])  # noqa: B023

        def gradient(part: Array) -> Array:
            request = Request(whole(part), draw=draw)  # noqa: B023
            return objective.evaluate(request).gradient[:trained]  # noqa: B023

        report = check_gradient(value, gradient, W[:trained], samples=20, seed=seed)
        wrong = [c for c in report.coordinates if c.outcome == "wrong"]
        require(not wrong, f"draw {draw}: {report.verdict}")


@_law
def law_rows(score: Score, *, X: Array, n_classes: int, loss: Loss, seed: int = 0) -> None:
    """Without noise, a row's scores depend neither on other rows of its block nor on workers."""
    objective = _objective(score, X, n_classes, loss)
    W = _start(objective, seed)
    halves = replace(objective.blocks, n_jobs=3, sizes=BlockSizes(least_rows=1, most_rows=2))
    whole = objective.evaluate(Request(W))
    parts = replace(objective, blocks=halves).evaluate(Request(W))
    same(parts.total, whole.total, "the value by blocks", 1e-9)
    same(parts.gradient, whole.gradient, "the gradient by blocks", 1e-9)


@_law
def law_draws(score: Score, *, X: Array, n_classes: int, loss: Loss, seed: int = 0) -> None:
    """A draw is the same each time; with no noise to draw, it changes nothing."""
    objective = _objective(score, X, n_classes, loss)
    W = _start(objective, seed)
    plain = objective.evaluate(Request(W))
    first, again = (objective.evaluate(Request(W, draw=5)) for _ in range(2))
    same(again.gradient, first.gradient, "the gradient of the same draw", 0.0)
    same(objective.evaluate(Request(W)).gradient, plain.gradient, "inference after training", 0.0)
    if not score.draws:
        same(first.gradient, plain.gradient, "the gradient of a draw", 0.0)


@_law
def law_state(score: Score, *, X: Array, n_classes: int, loss: Loss, seed: int = 0) -> None:
    """W holds all of the state: evaluations do not change it, and statistics are its last rows.

    Statistics have no gradient, and change only where noise is drawn.
    """
    objective = _objective(score, X, n_classes, loss)
    W = _start(objective, seed)
    given = W.copy()
    trained = objective.evaluate(Request(W, draw=1))
    require(np.array_equal(W, given), "an evaluation changes W.")
    rows = _statistics(trained)
    require(objective.evaluate(Request(W)).statistics is None, "statistics move at inference.")
    if trained.statistics is not None:
        require(not trained.gradient[-rows:].any(), "running statistics have a gradient.")
        moved = np.concatenate([W[:-rows], trained.statistics])
        before, after = (objective.evaluate(Request(V)).total for V in (W, moved))
        stayed = np.array_equal(moved, W)
        require(stayed or before != after, "inference does not use running statistics.")


@_law
def law_types(score: Score, *, X: Array, n_classes: int, loss: Loss, seed: int = 0) -> None:
    """W may be of another precision than the scores: optimizers compute it as they like."""
    objective = _objective(score, X, n_classes, loss)
    W = _start(objective, seed)
    exact, rounded = (objective.evaluate(Request(V)) for V in (W, W.astype(np.float32)))
    same(rounded.total, exact.total, "the value for W in float32", 1e-5)
    same(rounded.gradient, exact.gradient, "the gradient for W in float32", 1e-5)
    narrow = replace(objective.blocks, X=X.astype(np.float32))
    rows = replace(objective, blocks=narrow).evaluate(Request(W))
    same(rows.total, exact.total, "the value for rows in float32", 1e-5)
    same(rows.gradient, exact.gradient, "the gradient for rows in float32", 1e-5)


@_law
def law_inputs(score: Score, *, X: Array, n_classes: int, loss: Loss, seed: int = 0) -> None:
    """Scores have the shape (B, M·C), and rows of X stay as they are."""
    objective = _objective(score, X, n_classes, loss)
    given = X.copy()
    at = score.at(_start(objective, seed), objective.blocks.dtype, gradient=False)
    scores = at.forward(Block(X, objective.blocks.y, None, np.arange(len(X)))).scores
    require(scores.shape == (len(X), n_classes), f"scores have the shape {scores.shape}.")
    require(np.array_equal(X, given), "the score function changes X.")

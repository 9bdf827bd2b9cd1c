"""The multiclass hinge loss, with loops and without."""

import numpy as np

from halfspaces.course.judges.losses import LossJudge, Problem, Variants
from halfspaces.course.judges.results import Check
from halfspaces.losses.hinge import Hinge
from halfspaces.support.types import Array


def _differences(problem: Problem) -> Array:
    """s_j − s_y for each example and each class that is not the right one (N, C − 1)."""
    scores, rows = problem.scores, np.arange(len(problem.y))
    others = np.arange(scores.shape[1]) != problem.y[:, None]
    return (scores - scores[rows, problem.y][:, None])[others].reshape(len(rows), -1)


def _mean(losses: Array) -> float:
    return float(losses.sum(axis=1).mean())


WRONG: Variants = {
    "loss_margin_at_y": lambda p: _mean(np.maximum(0, _differences(p) + 1)) + 1,
    "loss_no_margin": lambda p: _mean(np.maximum(0, _differences(p))),
    "loss_squared": lambda p: _mean(np.maximum(0, _differences(p) + 1) ** 2),
    "loss_largest": lambda p: float(np.maximum(0, _differences(p) + 1).max(axis=1).mean()),
    "loss_reversed": lambda p: _mean(np.maximum(0, 1 - _differences(p))),
    "loss_not_clipped": lambda p: _mean(_differences(p) + 1),
}
JUDGE = LossJudge(Hinge(), WRONG)
CHECKS: dict[str, Check] = {
    **JUDGE.checks("svm_loss_naive"),
    **JUDGE.checks("svm_loss_vectorized"),
    **JUDGE.no_loop("svm_loss_vectorized"),
}

"""The softmax loss and its probabilities."""

import math

import numpy as np

from halfspaces.course.findings import Remark
from halfspaces.course.handin import HandIn
from halfspaces.course.judges.losses import SIZES, LossJudge, Problem, Variants, called, made
from halfspaces.course.judges.results import Check, array, close, finite, generator
from halfspaces.losses.softmax import Softmax
from halfspaces.support.types import Array

HIGH = 800.0  # scores at which exp overflows
PROBABILITIES = "probabilities"


def of_scores(scores: Array, axis: int = 1) -> Array:
    """Probabilities (N, C)."""
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def _right_ones(problem: Problem, axis: int = 1) -> Array:
    return of_scores(problem.scores, axis)[np.arange(len(problem.y)), problem.y]


def _losses(problem: Problem) -> Array:
    return -np.log(_right_ones(problem))


WRONG: Variants = {
    "loss_log10": lambda p: float(_losses(p).mean()) / math.log(10),
    "loss_log10 ": lambda p: float(_losses(p).mean()) / math.log(2),
    "loss_sign": lambda p: -float(_losses(p).mean()),
    "loss_no_log": lambda p: float(_right_ones(p).mean()),
    "loss_no_log ": lambda p: -float(_right_ones(p).mean()),
    "loss_axis": lambda p: -float(np.log(_right_ones(p, 0)).mean()),
}
JUDGE = LossJudge(Softmax(), WRONG)


def _values(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "probabilities")
    for sizes in SIZES:
        scores = made(rng, sizes).scores
        p = array(handin.call(PROBABILITIES, scores, names="scores").value, scores.shape)
        finite(p)
        if close(p, of_scores(scores)):
            continue
        if close(p.sum(axis=0), np.ones(p.shape[1])):
            return Remark("axis")
        sums = p.sum(axis=1)
        return Remark("probabilities_unknown" if close(sums, np.ones(len(p))) else "rows_sum")
    return None


def _large(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "large")
    scores = np.vstack([[123.0, 456.0, 789.0], HIGH + rng.standard_normal((4, 3))])
    p = array(handin.call(PROBABILITIES, scores, names="scores").value, scores.shape)
    if not np.isfinite(p).all():
        return Remark("probabilities_large")
    return None if close(p, of_scores(scores)) else _values(handin, seed) or Remark("rows_sum")


def _large_loss(handin: HandIn, seed: int) -> Remark | None:
    problem = made(generator(seed, "large"), SIZES[0])
    X = problem.X.copy()
    X[:, 0] = 1
    W = problem.W.copy()
    W[0] = HIGH
    problem = problem._replace(W=W, X=X, reg=0.0)
    loss, dW = called(handin, "softmax_loss", problem)
    right, gradient = JUDGE.right(problem)
    found = array(dW, gradient.shape)
    if not np.isfinite([loss, found.sum()]).all():
        return Remark("loss_large")
    if close(loss, right) and close(found, gradient, 1e-6):
        return None
    rest = JUDGE.checks("softmax_loss").values()
    return next(filter(None, (check(handin, seed) for check in rest)), Remark("loss_large"))


CHECKS: dict[str, Check] = {
    f"{PROBABILITIES}.values": _values,
    f"{PROBABILITIES}.large": _large,
    **JUDGE.checks("softmax_loss"),
    **JUDGE.no_loop("softmax_loss"),
    "softmax_loss.large": _large_loss,
}

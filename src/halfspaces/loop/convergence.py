"""The stop rule: each member's gap, or its gradient norm where nothing bounds W."""

import numpy as np

from halfspaces.loop.optimizer import norm
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run, Tighten
from halfspaces.request import Evaluation
from halfspaces.support.types import Array

TIGHTEN_PAUSE = 1.05  # times the passes so far, before tighter dual points are computed again
# Tighter dual points are computed where the gap would be at most so many times its target if the
# class sums vanished:
SUMS_WITHIN = 0.5  # by making the class sums vanish alone
STEPS_WITHIN = 2.0  # by steps of the optimizer, too


def converged(run: Run, evaluation: Evaluation) -> Reason | None:
    """A reason once every member has met its test, each at the evaluation where it did."""
    if not _of_all_rows(run, evaluation):
        return None
    run.lower = np.maximum(run.lower, evaluation.lower)
    if run.optimizer.stochastic:
        return None
    _test(run, evaluation)
    return ended(run)


def ended(run: Run) -> Reason | None:
    """A reason once the end of every member is known."""
    final = run.final
    if not final.known.all():
        return None
    certified = final.gap <= run.target(final.data_loss + final.penalty)
    return Reason.CERTIFIED if certified.all() else Reason.STATIONARY


def tightened(run: Run, evaluation: Evaluation, tighten: Tighten) -> Reason | None:
    """A reason if tighter dual points of some examples prove that every member has converged."""
    if not _may_tighten(run, evaluation):
        return None
    target = run.target(evaluation.exact_total)
    step = None
    if not _all_hope(run, evaluation, SUMS_WITHIN * target):
        step = run.optimizer.step_of(run.state)
        if step is None or not _all_hope(run, evaluation, STEPS_WITHIN * target):
            return None
    reason = None
    for lower, visited in tighten(run.objective, evaluation, step):
        before = run.gap
        run.passes += visited
        run.lower = np.maximum(run.lower, lower)
        _test(run, evaluation)
        reason = ended(run)
        if reason is not None or run.gap > 0.5 * before:
            break
    run.next_tightening = TIGHTEN_PAUSE * run.passes + 0.5
    return reason


def _test(run: Run, evaluation: Evaluation) -> None:
    """Set the end of the members that meet their test at this evaluation."""
    gap = np.maximum(evaluation.exact_total - run.lower, 0.0)
    run.gap = float(np.max(gap))
    done = gap <= run.target(np.where(np.isfinite(gap), evaluation.exact_total, 0.0))
    unbounded = ~run.objective.certifiable(len(gap))
    exact = evaluation.request.smoothing.mu == 0 and evaluation.data_gradient is not None
    if unbounded.any() and exact:
        least = run.tol * run.objective.gradient_norm_at_zero
        done |= unbounded & (norm(evaluation.gradient) <= least)
    run.final.fill(evaluation, gap, done & ~run.final.known)


def _of_all_rows(run: Run, evaluation: Evaluation) -> bool:
    """Whether the evaluation is on all rows, one for each member."""
    return evaluation.request.rows is None and len(evaluation.data) == len(run.lower)


def _may_tighten(run: Run, evaluation: Evaluation) -> bool:
    """Whether there is a dual point of each example for each member, and tighter ones are due."""
    smooth = run.objective.loss.smooth or evaluation.request.smoothing.mu > 0
    due = run.passes >= run.next_tightening and not run.optimizer.stochastic
    has_gradient = evaluation.data_gradient is not None
    return _of_all_rows(run, evaluation) and smooth and due and has_gradient


def _all_hope(run: Run, evaluation: Evaluation, gap: Array) -> bool:
    """Whether members that have not ended would be below the gap if their class sums vanished."""
    return bool(np.all(run.final.known | (evaluation.hoped_gap < gap)))

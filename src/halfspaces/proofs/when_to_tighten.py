"""When tighter dual points pay: the hook that `halfspaces.minimize` hands to the loop."""

import numpy as np

from halfspaces.loop.convergence import of_all_rows, with_bounds
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.proofs.tighten import tighter_bounds
from halfspaces.request import Evaluation
from halfspaces.support.types import Array

PAUSE = 1.05  # times the passes so far, before tighter dual points are computed again
# Times the target of the gap, if the class sums vanished: where tighter dual points are computed
SUMS_WITHIN = 0.5  # by making the class sums vanish alone
STEPS_WITHIN = 2.0  # by steps of the optimizer, too


def tightened(run: Run, evaluation: Evaluation) -> Reason | None:
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
    for lower, visited in tighter_bounds(run.objective, evaluation, step):
        before = run.gap
        run.passes += visited
        reason = with_bounds(run, evaluation, lower)
        if reason is not None or run.gap > 0.5 * before:
            break
    run.next_tightening = PAUSE * run.passes + 0.5
    return reason


def _may_tighten(run: Run, evaluation: Evaluation) -> bool:
    """Whether there is a dual point of each example for each member, and tighter ones are due."""
    smooth = run.objective.loss.smooth or evaluation.request.smoothing.mu > 0
    due = run.passes >= run.next_tightening and not run.optimizer.stochastic
    has_gradient = evaluation.data_gradient is not None
    return of_all_rows(run, evaluation) and smooth and due and has_gradient


def _all_hope(run: Run, evaluation: Evaluation, gap: Array) -> bool:
    """Whether members that have not ended would be below the gap if their class sums vanished."""
    return bool(np.all(run.final.known | (evaluation.hoped_gap < gap)))

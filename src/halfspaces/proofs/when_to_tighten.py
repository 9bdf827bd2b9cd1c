"""When tighter dual points pay: the hook that `halfspaces.minimize` hands to the loop."""

from collections.abc import Iterator

import numpy as np

from halfspaces.loop.convergence import of_all_rows, with_bounds
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.objective.request import Evaluation
from halfspaces.proofs.domains import has_nearest_dual
from halfspaces.proofs.feasible import feasible_bounds
from halfspaces.proofs.tighten import tighter_bounds
from halfspaces.support.types import Array

PAUSE = 1.05  # times the passes so far, before tighter dual points are computed again
# Times the target of the gap, if the class sums vanished: where tighter dual points are computed
SUMS_WITHIN = 0.5  # by making the class sums vanish alone
STEPS_WITHIN = 2.0  # by steps of the optimizer, too
# A gap that rounding may hide: within so many times the rounding of the target, where this is more
# than a part of the target.
ROUNDINGS = 10.0
HIDES = 0.1
SHARP = 1e-2  # of the loss: where rounding is larger, W is too far away for any proof
HIDDEN = 1e-2  # times the rounding: a gap in float64 that the steps' own products cannot show
PAUSE_IN_DOUBLE = 1.3  # times the passes so far


def tightened(run: Run, evaluation: Evaluation) -> Reason | None:
    """A reason if tighter bounds prove that every member has converged, or that none can be proved.

    They come from products in float64, and from tighter dual points of some examples.
    """
    if run.optimizer.stochastic or not of_all_rows(run, evaluation):
        return None
    if not run.objective.score.certified:
        return None
    if evaluation.data_gradient is None or run.passes < run.next_tightening:
        return None
    if _rounding_hides(run, evaluation):
        return _in_double(run, evaluation)
    return _by_tighter_points(run, evaluation)


def _rounding_hides(run: Run, evaluation: Evaluation) -> bool:
    """Whether members that have not ended may have converged, and rounding alone hides it."""
    gap = evaluation.exact_total - run.lower
    target = run.target(evaluation.exact_total)
    rounding = evaluation.rounding
    hidden = (gap <= target + ROUNDINGS * rounding) & (rounding > HIDES * target)
    hidden &= rounding < SHARP * evaluation.exact_total
    return bool(np.all(run.final.known | hidden)) and not run.final.known.all()


def _in_double(run: Run, evaluation: Evaluation) -> Reason | None:
    """A reason if the same evaluation with products in float64 proves convergence.

    NO_PROGRESS if it proves a gap that the rounding of the steps' own products exceeds.
    """
    objective = run.objective
    run.next_tightening = PAUSE_IN_DOUBLE * run.passes + 1
    if objective.blocks.dtype != np.float64:
        exact = objective.in_double.evaluate(evaluation.request)
        run.passes += exact.visited
        reason = with_bounds(run, exact, exact.lower)
        if reason is not None:
            return reason
    hidden = run.gap <= HIDDEN * float(np.max(evaluation.rounding))
    return Reason.NO_PROGRESS if hidden else None


def _by_tighter_points(run: Run, evaluation: Evaluation) -> Reason | None:
    """A reason if tighter dual points of some examples prove that every member has converged."""
    if run.optimizer.squares_the_gap:
        return None  # another turn costs less
    smoothing = evaluation.smoothing
    if smoothing.given or not (run.objective.loss.smooth or smoothing.mu > 0):
        return None  # a kink has no dual point of each example for each member
    target = run.target(evaluation.exact_total)
    model = run.optimizer.dual_model(run.state, run.objective, target)
    step = None
    if not _all_hope(run, evaluation, SUMS_WITHIN * target):
        if model is not None and has_nearest_dual(run.objective.loss):
            bounds = feasible_bounds(run.objective, evaluation, model)
            return _by_bounds(run, evaluation, bounds, 0.7)
        step = run.optimizer.step_of(run.state)
        if step is None or not _all_hope(run, evaluation, STEPS_WITHIN * target):
            return None
    return _by_bounds(run, evaluation, tighter_bounds(run.objective, evaluation, step), 0.5)


def _by_bounds(
    run: Run, evaluation: Evaluation, bounds: Iterator[tuple[Array, float]], enough: float
) -> Reason | None:
    """A reason if bounds prove it; they end where one leaves more than a part of the gap before."""
    reason = None
    for lower, visited in bounds:
        before = run.gap
        run.passes += visited
        reason = with_bounds(run, evaluation, lower)
        if reason is not None or run.gap > enough * before:
            break
    run.next_tightening = PAUSE * run.passes + 0.5
    return reason


def _all_hope(run: Run, evaluation: Evaluation, gap: Array) -> bool:
    """Whether members that have not ended would be below the gap if their class sums vanished."""
    assert evaluation.data_gradient is not None
    bound = run.objective.dual_bound(evaluation.data_gradient, evaluation.steepness)
    hoped = bound.if_the_bias_were_optimal(evaluation.conjugate, evaluation.shortened)
    hoped_gap = np.maximum(evaluation.exact_total - hoped, 0.0)
    return bool(np.all(run.final.known | (hoped_gap < gap)))

"""The stop rule: each member's gap, or its gradient norm where nothing bounds W."""

import numpy as np

from halfspaces.loop.optimizer import norm
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.objective.request import Evaluation
from halfspaces.support.types import Array


def converged(run: Run, evaluation: Evaluation) -> Reason | None:
    """A reason once every member has met its test, each at the evaluation where it did."""
    if not of_all_rows(run, evaluation):
        return None
    if run.optimizer.stochastic:
        run.lower = np.maximum(run.lower, evaluation.lower)
        return None
    return with_bounds(run, evaluation, evaluation.lower)


def with_bounds(run: Run, evaluation: Evaluation, lower: Array) -> Reason | None:
    """A reason once every member has met its test, with further bounds on min L from below (M,)."""
    run.lower = np.maximum(run.lower, lower)
    gap = np.maximum(evaluation.exact_total - run.lower, 0.0)
    run.gap = float(np.max(gap))
    done = gap <= run.target(np.where(np.isfinite(gap), evaluation.exact_total, 0.0))
    unbounded = ~run.objective.certifiable(len(gap))
    smoothing = evaluation.request.smoothing
    exact = smoothing.mu == 0 and not smoothing.given and evaluation.data_gradient is not None
    if unbounded.any() and exact:
        least = run.tol * run.objective.gradient_norm_at_start
        done |= unbounded & (norm(evaluation.gradient) <= least)
    run.final.fill(evaluation, gap, done & ~run.final.known)
    return ended(run)


def ended(run: Run) -> Reason | None:
    """A reason once the end of every member is known."""
    final = run.final
    if not final.known.all():
        return None
    certified = final.gap <= run.target(final.data_loss + final.penalty)
    return Reason.CERTIFIED if certified.all() else Reason.STATIONARY


def of_all_rows(run: Run, evaluation: Evaluation) -> bool:
    """Whether the evaluation is on all rows, without noise, one for each member."""
    request = evaluation.request
    return request.rows is None and request.draw is None and len(evaluation.data) == len(run.lower)

"""The loop of all optimizers: propose, evaluate, update, record, test, call the callbacks."""

# W is a name of the formula, no constant.
# pyright: reportConstantRedefinition=false, reportUnknownArgumentType=false

import copy
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from halfspaces.loop.convergence import converged, ended
from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import Reason, Result
from halfspaces.loop.run import Callback, Run, Tighten
from halfspaces.loop.so_far import Best, Final
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

BLOWN_UP = 2.0  # times the loss at W = 0: a run that ends there has diverged


def minimize(
    objective: Objective,
    optimizer: Optimizer[Any],
    W: Array | None = None,
    *,
    tol: float = 1e-4,
    max_passes: float = 3000,
    validation: Blocks | None = None,
    callbacks: Sequence[Callback] = (),
    resume: Result | None = None,
    state: Any = None,
    tighten: Tighten | None = None,
) -> Result:
    """Minimize an objective by one turn of an optimizer for each evaluation.

    `halfspaces.minimize` is this loop with a progress bar and tighter dual points; the other
    parameters are explained there.

    Parameters
    ----------
    tighten : callable or None
        Called with the run after each evaluation; raises the run's bounds on min L and
        returns a reason if these prove that every member has converged, such as
        `halfspaces.proofs.when_to_tighten.tightened`. None: the bounds of the evaluations alone.

    Returns
    -------
    Result

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.optimizers import LBFGS
    >>> from halfspaces.penalties.l2 import L2
    >>> objective = Objective(Softmax(), L2(0.1), Blocks(np.eye(3), np.arange(3)), n_classes=3)
    >>> minimize(objective, LBFGS(), tol=1e-8).converged
    True
    """
    started = time.perf_counter()
    check_number("tol", tol, at_least=0)
    check_number("max_passes", max_passes, above=0)
    held_out = None if validation is None else objective.on(validation)
    if resume is None:
        run = _begin(objective, optimizer, W, state, tol)
        run.started = started
    else:
        run = _resumed(objective, optimizer, resume, tol)
        run.started = started - resume.seconds
    run.validation = held_out
    # What is not finite is judged by the loop and reported in words: a shorter step, or that the
    # run diverged.
    with np.errstate(over="ignore", invalid="ignore"):
        try:  # a run may be resumed at its end
            reason = ended(run) or _turns(run, max_passes, callbacks, tighten)
        except KeyboardInterrupt:
            reason = Reason.INTERRUPTED
        return _result(run, reason)


def _begin(
    objective: Objective, optimizer: Optimizer[Any], W: Array | None, state: Any, tol: float
) -> Run:
    if state is not None:
        W = state.W
    initial = objective.initial()
    W = initial if W is None else np.array(W, initial.dtype, order="C", like=initial)
    if W.ndim != 3 or W.shape[::2] != initial.shape[::2]:
        shape = "(D+1, M, C) = ({}, M, {})".format(*initial.shape[::2])
        raise ValueError(f"W must have the shape {shape}, got {W.shape}.")
    # Scores that are not linear may be anything at W = 0.
    lowest = np.full(W.shape[1], -objective.chance_value if objective.score.linear else -np.inf)
    return Run(
        objective=objective,
        optimizer=optimizer,
        state=optimizer.init(W, objective) if state is None else state,
        tol=tol,
        final=Final.unknown(W),
        lower=np.full(W.shape[1], -np.inf),
        lowest=Best(lowest, np.zeros_like(W), np.zeros(len(lowest), int)),
    )


def _resumed(objective: Objective, optimizer: Optimizer[Any], resume: Result, tol: float) -> Run:
    if resume.state is None or resume.loop is None:
        raise ValueError("resume=... must be a Result of minimize that still has its state.")
    from halfspaces.system.digest import problem_of

    state, history, so_far = copy.deepcopy((resume.state, resume.history, resume.loop))
    if so_far.problem != problem_of(objective, optimizer):
        raise ValueError("resume=... is of another optimizer, objective or data; give W=result.W.")
    run = Run(
        objective=objective, optimizer=optimizer, state=state, history=history, **vars(so_far)
    )
    if tol < run.tol:
        run.final = Final.unknown(run.W)  # members that had converged may have to go on
    run.tol = tol
    return run


def _turns(
    run: Run, max_passes: float, callbacks: Sequence[Callback], tighten: Tighten | None
) -> Reason:
    """Take turns until there is a reason to stop."""
    from halfspaces.system.read_ahead import read_ahead

    while run.state.done is None:
        if run.passes >= max_passes:
            return Reason.MAX_PASSES
        request = run.optimizer.propose(run.state)
        read_ahead(run.objective.blocks, run.optimizer.rows_ahead(run.state))
        evaluation = run.objective.evaluate(request)
        run.passes += evaluation.visited
        if not (run.optimizer.recovers or np.all(np.isfinite(evaluation.data))):
            return Reason.DIVERGED
        run.offer(evaluation)
        reason = converged(run, evaluation)
        if reason is not None:
            return reason
        before = run.W
        run.state = run.optimizer.update(run.state, evaluation)
        run.record(evaluation, before)
        reason = None if tighten is None else tighten(run, evaluation)
        for callback in callbacks:
            reason = reason or callback(run)
        if reason is not None:
            return reason
    return run.state.done


def _result(run: Run, reason: Reason) -> Result:
    """The end; members without one are evaluated once more, on all rows and the loss itself.

    A method that tests its steps ends with the best point that it has seen, W = 0 included.
    """
    so_far = copy.deepcopy(run.so_far())
    final = run.final if run.chosen is None else Final.unknown(run.chosen)
    if not final.known.all():
        request = Request(run.end, gradient=run.objective.score.certified)
        evaluation = run.objective.evaluate(request)
        run.passes += evaluation.visited
        run.lower = np.maximum(run.lower, evaluation.lower)
        final.fill(evaluation, np.maximum(evaluation.exact_total - run.lower, 0.0), ~final.known)
    loss = final.data_loss + final.penalty
    return Result(
        W=final.W,
        reason=Reason.DIVERGED if _diverged(run, reason, loss) else reason,
        loss=loss,
        data_loss=final.data_loss,
        penalty=final.penalty,
        gap=final.gap,
        passes=run.passes,
        seconds=run.seconds,
        history=run.history,
        state=run.state,
        loop=so_far,
    )


def _diverged(run: Run, reason: Reason, loss: Array) -> bool:
    """Whether a run without a test of its steps ends with a loss well above that at W = 0."""
    limited = reason in (Reason.ALL_STEPS_TAKEN, Reason.MAX_PASSES)
    worst = BLOWN_UP * run.objective.chance_value
    return limited and run.optimizer.can_diverge and bool(np.any(loss > worst))

"""The loop: propose, evaluate, update; stop rules, history, callbacks and progress are written here, once, for all."""

import copy
import hashlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from halfspaces.loop.optimizer import Optimizer, norm, prox_step
from halfspaces.loop.result import Reason, Result
from halfspaces.loop.run import Best, Callback, Final, Run, Tighten
from halfspaces.objective import Objective
from halfspaces.request import Evaluation, Request
from halfspaces.rows.blocks import Blocks
from halfspaces.support.progress import Bar
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

TIGHTEN_PAUSE = 1.05  # times the passes so far, before tighter dual points are computed again
HOPE_OF_SUMS, HOPE_OF_STEPS = (
    0.5,
    2.0,
)  # times the gap to reach, if class sums vanished: where it may be found
BLOWN_UP = 2.0  # times the loss at W = 0: a run that ends there has diverged
REMEMBERED = (
    "tol",
    "final",
    "passes",
    "lower",
    "best",
    "next_assessment",
    "next_tightening",
)  # what a resumed run goes on with


def minimize(
    objective: Objective,
    optimizer: Optimizer,
    W: Array | None = None,
    *,
    tol: float = 1e-4,
    max_passes: float = 1000,
    validation: Blocks | None = None,
    callbacks: Sequence[Callback] = (),
    resume: Result | None = None,
    state: Any = None,
    progress: bool = False,
    tighten: Tighten | None = None,
) -> Result:
    """Minimize an objective by one turn of an optimizer for each evaluation.

    Parameters
    ----------
    objective : Objective
    optimizer : Optimizer
    W : array, shape (D+1, M, C), or None
        Where to start; None starts one member at 0.
    tol : float
        Stop when gap ≤ tol · max(L, L(0)/1000) for every member; where no strength bounds W, when
        ‖∇L‖ ≤ tol · ‖∇L(0)‖. Not for stochastic optimizers, which end with their schedule.
    max_passes : float
    validation : Blocks or None
        Examples to assess the iterate on: once a pass for stochastic optimizers, at each new iterate for the others.
    callbacks : sequence of callables
        Each is given the `Run` after every evaluation and may return a `Reason` to stop.
    resume : Result or None
        Go on from an earlier result of the same optimizer; the same as never having stopped, and the earlier result
        stays as it is. The evaluation with which it ended is not counted again in the passes.
    state : State or None
        Of the optimizer, to begin with in place of `W`: one that was moved to this objective.
    progress : bool
        A progress bar on a terminal once a run takes longer than a second.
    tighten : callable or None
        Computes tighter bounds on min L from an evaluation, each for a part of a pass: such as
        `halfspaces.proofs.tighten.tighter_bounds`, which `halfspaces.minimize` hands in. None: the bounds of the
        evaluations alone.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If `tol` or `max_passes` is out of range or W has another shape.

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.optimizers import LBFGS
    >>> from halfspaces.penalties.l2 import L2
    >>> objective = Objective(Softmax(), L2(0.1), Blocks(np.eye(3), np.arange(3)), n_classes=3)
    >>> result = minimize(objective, LBFGS(), tol=1e-8)
    >>> print(result.reason)
    The objective is within the tolerance of its minimum, by a proven bound.
    """
    check_number("tol", tol, at_least=0)
    check_number("max_passes", max_passes, above=0)
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise TypeError(
            f"callbacks must be a sequence of callables, such as [EarlyStopping()], got {callbacks!r}."
        )
    run = _begin(objective, optimizer, W, tol, validation, resume, state)
    # What is not finite is judged by the loop and told in words: a shorter step, or that the run diverged.
    bar = Bar(type(optimizer).__name__, 1.0, shown=progress)
    with np.errstate(over="ignore", invalid="ignore"), bar:
        try:
            reason = _known(run) or _loop(
                run, max_passes, callbacks, bar, tighten
            )  # a run may be resumed at its end
        except KeyboardInterrupt:
            reason = Reason.INTERRUPTED
        return _result(run, reason)


def _begin(
    objective: Objective,
    optimizer: Optimizer,
    W: Array | None,
    tol: float,
    validation: Blocks | None,
    resume: Result | None,
    state: Any,
) -> Run:
    started = time.perf_counter()
    held_out = None if validation is None else objective.on(validation)
    if resume is not None:
        return _resumed(objective, optimizer, tol, held_out, resume, started)
    if state is not None:
        W = state.W
    W = objective.zeros() if W is None else np.array(W, dtype=np.float64)
    rows, classes = objective.n_features + 1, objective.n_classes
    if W.ndim != 3 or (W.shape[0], W.shape[2]) != (rows, classes):
        raise ValueError(
            f"W must have the shape (D+1, M, C) = ({rows}, M, {classes}), got {W.shape}."
        )
    state = optimizer.init(W, objective) if state is None else state
    lower = np.full(W.shape[1], -np.inf)
    return Run(
        objective, optimizer, state, tol, Final.unknown(W), held_out, lower=lower, started=started
    )


def _resumed(
    objective: Objective,
    optimizer: Optimizer,
    tol: float,
    held_out: Objective | None,
    resume: Result,
    started: float,
) -> Run:
    if resume.state is None or resume.loop is None:
        raise ValueError(
            "resume=... must be a Result of minimize with its state; this one was stripped of it."
        )
    state, history, loop = copy.deepcopy((resume.state, resume.history, resume.loop))
    if loop.pop("problem") != problem_of(objective, optimizer):
        raise ValueError(
            "resume=... goes on with the same optimizer, objective and data; give W=result.W instead."
        )
    run = Run(objective, optimizer, state, validation=held_out, history=history, **loop)
    run.started = started - resume.seconds
    if tol < run.tol:
        run.final = Final.unknown(run.W)  # who had converged may have to go on
    run.tol = tol
    return run


def problem_of(objective: Objective, optimizer: Optimizer) -> str:
    """What must be the same for a state and its bounds to hold: components, sizes, labels, weights and features.

    The class sums that the certificate keeps stand for the features: reading all of X again would cost a pass.
    """
    digest = hashlib.blake2b()
    for told in (objective.blocks.labels(), objective.blocks.weights(), objective.anchor.sums):
        digest.update(told.tobytes())
    sizes = objective.n_examples, objective.n_features, objective.n_classes, objective.fit_intercept
    digest.update(repr((optimizer, objective.loss, objective.penalty, sizes)).encode())
    return digest.hexdigest()


def snapshot(run: Run) -> Result:
    """The run so far, for `minimize(..., resume=)`: what it holds, nothing copied; its losses are not known."""
    nan = np.full(run.W.shape[1], np.nan)
    loop: dict[str, Any] = {name: getattr(run, name) for name in REMEMBERED}
    loop["problem"] = problem_of(run.objective, run.optimizer)
    return Result(
        run.W,
        Reason.STOPPED_BY_CALLBACK,
        nan,
        nan,
        nan,
        nan,
        run.passes,
        run.seconds,
        run.history,
        run.state,
        loop,
    )


def _loop(
    run: Run,
    max_passes: float,
    callbacks: Sequence[Callback],
    bar: Bar,
    tighten: Tighten | None,
) -> Reason:
    """Turns, until there is a reason to stop."""
    while run.state.done is None:
        request = run.optimizer.propose(run.state)
        ahead = run.optimizer.rows_ahead(run.state)
        if ahead is not None:
            run.objective.blocks.read_ahead(ahead)
        evaluation = run.objective.evaluate(request)
        run.passes += evaluation.visited
        if not (run.optimizer.recovers or np.all(np.isfinite(evaluation.data))):
            return Reason.DIVERGED
        reason = _convergence(run, evaluation)
        if reason is not None:
            return reason
        before = run.W
        run.state = run.optimizer.update(run.state, evaluation)
        _record(run, evaluation, before)
        if bar.is_due():
            bar.show(run.fraction_done, run.status)
        reason = None if tighten is None else _tightened(run, evaluation, tighten)
        for callback in callbacks:
            reason = reason or _asked(callback, run)
        reason = reason or run.state.done
        if reason is not None:
            return reason
        if run.passes >= max_passes:
            return Reason.MAX_PASSES
    return run.state.done


def _asked(callback: Callback, run: Run) -> Reason | None:
    reason = callback(run)
    if reason is not None and not isinstance(reason, Reason):
        raise TypeError(
            f"A callback must return a Reason to stop or None to go on, {callback!r} returned {reason!r}."
        )
    return reason


def _convergence(run: Run, evaluation: Evaluation) -> Reason | None:
    """A reason once every member has met its test, each at the evaluation where it did."""
    if evaluation.request.rows is not None or len(evaluation.data) != len(run.lower):
        return None
    run.lower = np.maximum(run.lower, evaluation.lower)
    if run.optimizer.stochastic:
        return None
    _judge(run, evaluation)
    return _known(run)


def _known(run: Run) -> Reason | None:
    """A reason once the end of every member is known."""
    final = run.final
    if not final.known.all():
        return None
    certified = final.gap <= run.target(final.data_loss + final.penalty)
    return Reason.CERTIFIED if certified.all() else Reason.STATIONARY


def _judge(run: Run, evaluation: Evaluation) -> None:
    """Keep the members that meet their test at this evaluation."""
    gap = np.maximum(evaluation.exact_total - run.lower, 0.0)
    run.gap = float(np.max(gap))
    done = gap <= run.target(np.where(np.isfinite(gap), evaluation.exact_total, 0.0))
    unbounded = ~run.objective.certifiable(len(gap))
    if (
        unbounded.any()
        and evaluation.request.smoothing.mu == 0
        and evaluation.data_gradient is not None
    ):
        done |= unbounded & (
            norm(evaluation.gradient) <= run.tol * run.objective.gradient_norm_at_zero
        )
    run.final.fill(evaluation, gap, done & ~run.final.known)


def _tightened(run: Run, evaluation: Evaluation, tighten: Tighten) -> Reason | None:
    """A reason if a few examples' better dual points prove that every member left has converged."""
    if not _may_tighten(run, evaluation):
        return None
    hoped, target = evaluation.hoped_gap, run.target(evaluation.exact_total)
    of_sums, of_steps = (
        np.all(run.final.known | (hoped < hope * target)) for hope in (HOPE_OF_SUMS, HOPE_OF_STEPS)
    )
    step = None if of_sums else run.optimizer.step_of(run.state)
    if not of_sums and (step is None or not of_steps):
        return None
    reason = None
    for lower, visited in tighten(run.objective, evaluation, step):
        before, run.passes = run.gap, run.passes + visited
        run.lower = np.maximum(run.lower, lower)
        _judge(run, evaluation)
        reason = _known(run)
        if reason is not None or run.gap > 0.5 * before:
            break
    run.next_tightening = TIGHTEN_PAUSE * run.passes + 0.5
    return reason


def _may_tighten(run: Run, evaluation: Evaluation) -> bool:
    """Whether the evaluation has a dual point of each example for each member, and better ones are due."""
    whole = evaluation.request.rows is None and len(evaluation.data) == len(run.lower)
    smooth = run.objective.loss.smooth or evaluation.request.smoothing.mu > 0
    due = run.passes >= run.next_tightening and not run.optimizer.stochastic
    return whole and smooth and due and evaluation.data_gradient is not None


def _record(run: Run, evaluation: Evaluation, before: Array) -> None:
    """One row of history for each new iterate; an assessment on the validation data when it is due."""
    if run.W is before and run.history:
        return
    members = run.W.shape[1]
    same = len(evaluation.data) == members
    pick = (
        np.arange(members) if same else np.array([np.argmin(evaluation.total)])
    )  # a batch of draws
    row = {
        "passes": run.passes,
        "seconds": run.seconds,
        "data_loss": evaluation.exact_data[pick],
        "penalty": evaluation.penalty[pick],
        "loss": evaluation.exact_total[pick],
        "gap": evaluation.exact_total[pick] - run.lower,
        "step": run.state.step.copy(),
        "update_ratio": norm(run.W - before) / np.maximum(norm(before), 1e-30),
    }
    if evaluation.data_gradient is not None:
        row["gradient_norm"] = _gradient_norm(run, evaluation)
    run.history.append(**row | _assessment(run))


def _gradient_norm(run: Run, evaluation: Evaluation) -> Array:
    """‖∇L‖; for a penalty with a prox the length of a prox step of size 1, which is 0 at the optimum too."""
    if evaluation.penalty_gradient is not None:
        return norm(evaluation.gradient)
    W = evaluation.request.W
    return norm(W - prox_step(run.objective.penalty, W - evaluation.gradient, 1.0))


def _assessment(run: Run) -> dict[str, Array]:
    if run.validation is None:
        return {}
    if (
        run.optimizer.stochastic
        and run.passes < run.next_assessment - 1e-9
        and run.state.done is None
    ):
        nan = np.full(run.W.shape[1], np.nan)
        return {"validation_loss": nan, "validation_accuracy": nan}
    run.next_assessment = np.floor(run.passes + 1e-9) + 1
    loss, accuracy = run.validation.assess(run.W)
    for name, score in (("validation_loss", -loss), ("validation_accuracy", accuracy)):
        if name not in run.best:
            run.best[name] = Best(score, run.W.copy(), np.zeros(len(score), int))
        else:
            run.best[name].offer(score, run.W)
    return {"validation_loss": loss, "validation_accuracy": accuracy}


def _result(run: Run, reason: Reason) -> Result:
    """The end: members that did not converge are evaluated once more, on all rows and the loss itself."""
    final, W = run.final, run.W
    loop = copy.deepcopy(snapshot(run).loop)
    if run.chosen is not None:
        final, W = Final.unknown(W), run.chosen
    if not final.known.all():
        evaluation = run.objective.evaluate(Request(W))
        run.passes += evaluation.visited
        run.lower = np.maximum(run.lower, evaluation.lower)
        final.fill(evaluation, np.maximum(evaluation.exact_total - run.lower, 0.0), ~final.known)
    loss = final.data_loss + final.penalty
    worst = BLOWN_UP * run.objective.loss.chance_value(run.objective.n_classes)
    if (
        reason in (Reason.ALL_STEPS_TAKEN, Reason.MAX_PASSES)
        and run.optimizer.can_diverge
        and np.any(loss > worst)
    ):
        reason = Reason.DIVERGED
    return Result(
        W=final.W,
        reason=reason,
        loss=loss,
        data_loss=final.data_loss,
        penalty=final.penalty,
        gap=np.maximum(
            final.gap, run.objective.rounding * np.abs(loss)
        ),  # nothing is proved below rounding
        passes=run.passes,
        seconds=run.seconds,
        history=run.history,
        state=run.state,
        loop=loop,
    )

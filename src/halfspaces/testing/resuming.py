"""The laws of optimizers about stopped runs: resuming, checkpoints, another strength."""

import pickle
import tempfile
from dataclasses import replace
from typing import Any

import numpy as np

from halfspaces.files.checkpoint import Checkpoint
from halfspaces.loop.result import Reason
from halfspaces.objective import Objective
from halfspaces.optimizers import Optimizer
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import (
    FACTORS,
    LIMIT,
    TURNS,
    Watch,
    number_of,
    optimum,
    same_bits,
    some_turns,
    stack_of,
    start,
    supports,
    total_at,
    with_number,
)
from halfspaces.testing.words import Law, at_least, register_in, require, same

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)


@_law
def law_resume(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A run that is stopped, pickled and resumed has the bits of an uninterrupted one.

    The result of the stopped run does not change.
    """
    held_out = objective.blocks.subset(np.arange(0, objective.n_examples, 2))
    whole = some_turns(optimizer, objective, validation=held_out)
    for turns in (1, 4, 7):
        stopped = some_turns(optimizer, objective, turns=turns, validation=held_out)
        at_stop = pickle.loads(pickle.dumps(stopped))
        left = TURNS - turns
        resumed = some_turns(optimizer, objective, turns=left, validation=held_out, resume=at_stop)
        what = f"the iterate of the result after turn {turns}, once resumed,"
        same_bits(at_stop.state.W, stopped.state.W, what)
        for name in ("W", "loss", "gap", "passes"):
            what = f"{name} of a run resumed after turn {turns}"
            same_bits(getattr(resumed, name), getattr(whole, name), what)
        for name in set(whole.history) - {"seconds"}:
            same_bits(resumed.history[name], whole.history[name], f"{name} of the resumed history")


@_law
def law_checkpoint(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A run that continues from the file of a `Checkpoint` has the same bits, in float32 too."""
    for dtype in (np.float64, np.float32):
        blocks = replace(objective.blocks, X=objective.blocks.X.astype(dtype))
        given = replace(objective, blocks=blocks)
        whole = some_turns(optimizer, given)
        for turns in (2, 5):
            stored = _stored_run(optimizer, given, turns)
            if stored is None:
                return
            # The file is older than the turn that stopped the run.
            resumed = some_turns(optimizer, given, turns=TURNS - turns + 1, resume=stored)
            what = f"W of {np.dtype(dtype)} rows, from the file of turn {turns - 1},"
            same_bits(resumed.W, whole.W, what)


def _stored_run(optimizer: Optimizer, objective: Objective, turns: int) -> Any:
    """The run in the file of a checkpoint; None for types of others, which files do not name."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(folder, every=0)
        stopped = some_turns(optimizer, objective, turns=turns, callbacks=[checkpoint])
        if not type(stopped.state).__module__.startswith("halfspaces."):
            return None
        stored = Checkpoint(folder).run(objective, optimizer)
    require(stored is not None, f"a run of {turns} turns has no file.")
    return stored


@_law
def law_a_finished_run_stays(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A resumed run that had taken all its steps makes no request and returns the same result."""
    if optimizer.fraction_done(optimizer.init(start(objective), objective)) is None:
        return  # no plan
    result = minimize(objective, optimizer, start(objective), tol=0.0, max_passes=60)
    if result.state.done is not None:
        again = minimize(objective, optimizer, tol=0.0, resume=result)
        same_bits(again.W, result.W, "W of a finished run, resumed,")
        same(again.passes, result.passes, "passes of a finished run, resumed,")


@_law
def law_interrupt(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Ctrl-C ends a run with its last iterate, from which it can be resumed."""
    watch = Watch(3, stop=KeyboardInterrupt)
    result = minimize(objective, optimizer, start(objective), tol=0.0, callbacks=[watch])
    require(result.reason is Reason.INTERRUPTED, f"the reason is {result.reason.name}.")
    same(result.W, watch.iterates[-1], "W after an interrupt", tolerance=0.0)
    resumed = some_turns(optimizer, objective, turns=TURNS - 3, resume=result)
    whole = some_turns(optimizer, objective)
    same_bits(resumed.W, whole.W, "W of a run resumed after an interrupt")


@_law
def law_moved(optimizer: Any, *, objective: Objective, seed: int = 0) -> None:
    """A state that continues with another strength has its best W so far, and finds the optimum."""
    number = number_of(objective.penalty)
    begins_anew = type(optimizer).continued is Optimizer.continued
    if begins_anew or number is None or not supports(optimizer, objective):
        return
    stack, _ = stack_of(objective)
    weaker = [0.5 * factor * number for factor in FACTORS]
    elsewhere = with_number(stack, tuple(weaker))
    alone = [with_number(objective, own) for own in weaker]
    best = np.concatenate([optimum(member).loss for member in alone])
    for turns in (1, 2, 5, 9):
        W = start(objective, len(FACTORS), seed)
        state = some_turns(optimizer, stack, W, turns=turns).state
        trial = stack.evaluate(optimizer.propose(state))
        # The first member's last trial was much too long.
        trial = replace(trial, data=np.array([np.inf, *trial.data[1:]]))
        before = total_at(stack, state.W)
        iterate = state.W[:, 0].copy()
        moved = optimizer.continued(elsewhere, state, trial)
        what = "W of a member whose last trial was worse, once moved,"
        same_bits(moved.W[:, 0], iterate, what)
        if objective.loss.smooth:  # else trials are judged by the smoothed loss
            what = "a member's iterate is below the one that it was moved to"
            at_least(before, total_at(stack, moved.W), what)
        result = minimize(elsewhere, optimizer, state=moved, tol=1e-4, max_passes=LIMIT)
        require(result.converged, f"it does not converge once moved: {result}")
        tolerance = 1e-4 if objective.loss.smooth else 2e-4
        same(result.loss, best, "the optimal value after a move", tolerance=tolerance)

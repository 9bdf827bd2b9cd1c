"""Laws of optimizers that stop and go on: from a result, a file, the end, an interrupt."""

import pickle
import tempfile
from dataclasses import replace

import numpy as np

from halfspaces.files.checkpoint import Checkpoint
from halfspaces.loop.result import Reason
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import Optimizer
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import TURNS, Watch, same_bits, some_turns, start
from halfspaces.testing.words import Law, register_in, require, same

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)


@_law
def law_resume(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A run that is stopped, pickled and resumed ends as if it had never stopped.

    Resuming leaves the stopped result unchanged.
    """
    held_out = objective.blocks.subset(np.arange(0, objective.n_examples, 2))
    whole = some_turns(optimizer, objective, validation=held_out)
    for turns in (1, 4, 7):
        stopped = some_turns(optimizer, objective, turns=turns, validation=held_out)
        at_stop = pickle.loads(pickle.dumps(stopped))
        left = TURNS - turns
        resumed = some_turns(optimizer, objective, turns=left, validation=held_out, resume=at_stop)
        same_bits(
            at_stop.state.W,
            stopped.state.W,
            f"the iterate of the result after turn {turns}, once resumed,",
        )
        for name in ("W", "loss", "gap", "passes"):
            what = f"{name} of a run resumed after turn {turns}"
            same_bits(getattr(resumed, name), getattr(whole, name), what)
        for name in set(whole.history) - {"seconds"}:
            same_bits(resumed.history[name], whole.history[name], f"{name} of the resumed history")


@_law
def law_checkpoint(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A run resumed from the file of a `Checkpoint` has the same bits, in float64 and float32."""
    for dtype in (np.float64, np.float32):
        blocks = replace(objective.blocks, X=objective.blocks.X.astype(dtype))
        given = replace(objective, blocks=blocks)
        whole = some_turns(optimizer, given)
        for turns in (2, 5):
            with tempfile.TemporaryDirectory() as folder:
                saving = [Checkpoint(folder, every=0)]
                stopped = some_turns(optimizer, given, turns=turns, callbacks=saving)
                if not type(stopped.state).__module__.startswith("halfspaces."):
                    return  # files do not name types of other packages
                saved = Checkpoint(folder).run(given, optimizer)
            require(saved is not None, f"a run of {turns} turns has no file.")
            # The turn that stopped the run is not in the file.
            left = TURNS - turns + 1
            resumed = some_turns(optimizer, given, turns=left, resume=saved)
            same_bits(
                resumed.W,
                whole.W,
                f"W of {np.dtype(dtype)} rows, from the file of turn {turns - 1},",
            )


@_law
def law_a_finished_run_stays(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Resuming a run that ended by plan evaluates nothing and returns the same."""
    if optimizer.fraction_done(optimizer.init(start(objective), objective)) is None:
        return  # no plan
    result = minimize(objective, optimizer, start(objective), tol=0.0, max_passes=60)
    if result.state.done is not None:
        again = minimize(objective, optimizer, tol=0.0, resume=result)
        same_bits(again.W, result.W, "W of a finished run, resumed,")
        same(again.passes, result.passes, "passes of a finished run, resumed,")


@_law
def law_interrupt(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Ctrl-C ends a run with its last parameters, and the run can be resumed."""
    watch = Watch(3, stop=KeyboardInterrupt)
    result = minimize(objective, optimizer, start(objective), tol=0.0, callbacks=[watch])
    require(result.reason is Reason.INTERRUPTED, f"the reason is {result.reason.name}.")
    same(result.W, watch.iterates[-1], "W after an interrupt", tolerance=0.0)
    resumed = some_turns(optimizer, objective, turns=TURNS - 3, resume=result)
    same_bits(
        resumed.W, some_turns(optimizer, objective).W, "W of a run resumed after an interrupt"
    )

"""`halfspaces.minimize`: the loop with a progress bar and with tighter dual points.

Tighter dual points prove convergence in fewer passes.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from halfspaces.loop import minimize as loop
from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import Result
from halfspaces.loop.run import Callback, Run
from halfspaces.objective.objective import Objective
from halfspaces.proofs.checked_callbacks import checked_callbacks
from halfspaces.proofs.when_to_tighten import tightened
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.progress import Bar


@one_blas_thread()
def minimize(
    objective: Objective,
    optimizer: Optimizer,
    W: Array | None = None,
    *,
    tol: float = 1e-4,
    max_passes: float = 3000,
    validation: Blocks | None = None,
    callbacks: Sequence[Callback] = (),
    resume: Result | None = None,
    state: Any = None,
    progress: bool = False,
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
        Examples to assess the iterate on: once a pass for stochastic optimizers, at each new
        iterate for the others.
    callbacks : sequence of callables
        Each is given the `Run` after every evaluation and may return a `Reason` to stop.
    resume : Result or None
        Go on from an earlier result of the same optimizer; the same as never having stopped, and
        the earlier result stays as it is. The evaluation with which it ended is not counted again
        in the passes.
    state : State or None
        Of the optimizer, to begin with in place of `W`: one that was moved to this objective.
    progress : bool
        A progress bar on a terminal once a run takes longer than a second.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If `tol` or `max_passes` is out of range, W has another shape, or the score function draws
        noise and the optimizer compares values.

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
    if objective.score.draws and not optimizer.takes_noise:
        raise ValueError(
            f"{type(optimizer).__name__} compares values of one function, and this score function "
            "draws noise anew for each; use SGD or GradientDescent."
        )
    with Bar(type(optimizer).__name__, 1.0, shown=progress) as bar:

        def draw(run: Run) -> None:
            if bar.is_due():
                bar.show(fraction_done(run), status(run))

        return loop.minimize(
            objective,
            optimizer,
            W,
            tol=tol,
            max_passes=max_passes,
            validation=validation,
            callbacks=[draw, *checked_callbacks(callbacks)],
            resume=resume,
            state=state,
            tighten=tightened,
        )


def fraction_done(run: Run) -> float | None:
    """The part of a planned run, or of the logarithm of the gap; None if it is not known."""
    planned = run.optimizer.fraction_done(run.state)
    if planned is not None or not math.isfinite(run.gap) or run.gap <= 0:
        return planned
    gaps = (float(np.max(gap)) for gap in run.history.columns.get("gap", ()))
    first = next((gap for gap in gaps if math.isfinite(gap)), run.gap)
    target = float(np.min(run.target(run.history.last("loss"))))
    if not 0 < target < first:
        return None
    fraction = math.log(first / run.gap) / math.log(first / target)
    return min(1.0, max(0.0, fraction))


def status(run: Run) -> str:
    """Passes, loss, gap and validation accuracy so far, in words."""
    words = [f"{run.passes:.1f} passes"]
    loss = run.history.last("loss")
    if loss is not None:
        words.append(f"loss {float(np.mean(loss)):.5g}")
    if math.isfinite(run.gap):
        words.append(f"gap {run.gap:.2g}")
    accuracy = run.best.get("validation_accuracy")
    if accuracy is not None:
        best = 100 * float(np.max(accuracy.score))
        words.append(f"best validation accuracy {best:.1f} %")
    return ", ".join(words)

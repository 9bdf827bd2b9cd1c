"""The step-size finder: one short run whose step grows from far too small to far too large."""

import math
from dataclasses import dataclass, replace

import numpy as np

from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import SGD, RangeTest
from halfspaces.proofs.minimize import minimize
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

SMOOTHING = 0.9  # of the running mean of the minibatch losses
BLOWN_UP = 4.0  # times the least loss: the test ends


@dataclass(frozen=True, eq=False)
class StepSizes:
    """Step sizes tried, the smoothed minibatch loss at each, and the one to use."""

    steps: Array
    losses: Array
    suggestion: float


def find_step_size(
    objective: Objective,
    optimizer: SGD | None = None,
    *,
    n_steps: int = 200,
    lowest: float = 1e-6,
    highest: float = 1e2,
) -> StepSizes:
    """Range test: minibatch steps grow exponentially; suggests where the loss falls fastest.

    Parameters
    ----------
    objective : Objective
    optimizer : SGD or None
        Its update rule, batch size and seed are used.
    n_steps : int
        Minibatches at most; the test ends early once the loss has blown up.
    lowest, highest : float
        The range of step sizes.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Smith, Cyclical learning rates for training neural networks, 2017,
    https://doi.org/10.1109/WACV.2017.58

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from halfspaces.rows.blocks import Blocks
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.l2 import L2
    >>> X, y = load_digits(return_X_y=True)
    >>> test = find_step_size(Objective(Softmax(), L2(1e-3), Blocks(X / 16, y), n_classes=10))
    >>> 1e-3 < test.suggestion < 10
    True
    """
    check_number("n_steps", n_steps, at_least=10, integer=True)
    optimizer = optimizer or SGD()
    rows = n_steps * optimizer.batch_size
    if rows < objective.n_examples:
        some = np.random.default_rng(optimizer.seed).permutation(objective.n_examples)[:rows]
        objective = replace(objective, blocks=objective.blocks.subset(np.sort(some)))
    epochs = n_steps // math.ceil(objective.n_examples / optimizer.batch_size)
    growing = replace(optimizer, step_size=1.0, schedule=RangeTest(lowest, highest), epochs=epochs)
    least = np.inf
    mean = 0.0
    curve: list[tuple[float, float]] = []

    def watch(run: Run) -> Reason | None:
        nonlocal least, mean
        loss = float(run.history.last("loss")[0])
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smoothed = mean / (1 - SMOOTHING ** (len(curve) + 1))
        curve.append((float(run.state.step[0]), smoothed))
        least = min(least, smoothed)
        return Reason.STOPPED_BY_CALLBACK if smoothed > BLOWN_UP * least else None

    minimize(objective, growing, callbacks=[watch])
    steps, losses = np.array(curve).T
    return StepSizes(steps, losses, _suggestion(steps, losses))


def _suggestion(steps: Array, losses: Array) -> float:
    """The step size at the steepest fall before the least loss."""
    bottom = max(int(np.argmin(losses)), 2)
    falls = np.gradient(losses[: bottom + 1], np.log(steps[: bottom + 1]))
    return float(steps[int(np.argmin(falls))])

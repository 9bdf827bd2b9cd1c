"""Where W lies in a fit: with the rows, for optimizers that take it there."""

from collections.abc import Sequence
from dataclasses import replace

from halfspaces.engines.devices.device_objective import DeviceObjective
from halfspaces.loop.run import Callback
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import LBFGS, Optimizer
from halfspaces.tuning.store import store_in


def resident(
    objective: Objective, optimizer: Optimizer, callbacks: Sequence[Callback] = ()
) -> Objective:
    """The objective with W on the device of its rows, for L-BFGS; any other one as it is.

    Other optimizers run compiled loops over W, and a `Checkpoint` writes arrays of NumPy.

    >>> import numpy as np
    >>> from halfspaces import LinearClassifier
    >>> objective = LinearClassifier().objective(np.eye(3), np.arange(3))
    >>> resident(objective, LBFGS()) is objective
    True
    """
    moves = isinstance(objective, DeviceObjective) and isinstance(optimizer, LBFGS)
    if not moves or store_in(callbacks) is not None:
        return objective
    return replace(objective, resident=True)

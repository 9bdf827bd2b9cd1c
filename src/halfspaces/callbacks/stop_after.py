"""A callback that ends a run after a number of turns."""

from dataclasses import dataclass

from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.support.validation import check_number


@dataclass(eq=False)
class StopAfter:
    """End a run after so many turns of its optimizer.

    A turn is one evaluation, of all rows or of a minibatch.

    Parameters
    ----------
    turns : int ≥ 1

    Raises
    ------
    ValueError
        If `turns` is not a whole number of at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from halfspaces import losses, minimize, objective, optimizers, penalties
    >>> from halfspaces.rows.blocks import Blocks
    >>> blocks = Blocks(np.eye(3), np.arange(3))
    >>> L = objective.Objective(losses.Softmax(), penalties.L2(0.1), blocks, n_classes=3)
    >>> len(minimize(L, optimizers.GradientDescent(), callbacks=[StopAfter(3)]).history)
    3
    """

    turns: int
    taken: int = 0

    def __post_init__(self) -> None:
        check_number("StopAfter(turns=...)", self.turns, at_least=1, integer=True)

    def __call__(self, run: Run) -> Reason | None:
        """Count a turn."""
        self.taken += 1
        if self.taken < self.turns:
            return None
        self.taken = 0  # for the next run
        return Reason.STOPPED_BY_CALLBACK

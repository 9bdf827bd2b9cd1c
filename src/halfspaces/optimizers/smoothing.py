"""Smoothing in stages: losses with kinks are replaced by smooth ones that come ever closer."""

from dataclasses import dataclass, replace

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.objective.request import Evaluation, Smoothing
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

SOLVED_GAP = 2.0  # a stage is solved once its gap is below this times the cost of smoothing
FALLEN = 0.6  # times the cost before: the same μ about a better dual point still pays


@dataclass(eq=False)
class Stage:
    """The stage in which a run is.

    Parameters
    ----------
    smoothing : Smoothing
        For the next request. Where it is to be recentred, the next evaluation begins a stage.
    solved : array, shape (M,)
        Members for which this stage is solved.
    unit : float
        Δ, the margin in units of which μ is chosen.
    cost_before : float
        The cost of smoothing at the end of the stage before, the worst member's.
    """

    smoothing: Smoothing
    solved: Array
    unit: float
    cost_before: float = np.inf

    def began(self, evaluation: Evaluation) -> None:
        """Go on with the smoothing that was evaluated, about the dual point found there."""
        self.smoothing = evaluation.smoothing


@dataclass(frozen=True)
class Stages:
    """Each stage is smooth about the dual point with which the one before ended.

    A stage ends once its own gap is a small part of the cost of smoothing: solving it further would
    not bring the real objective closer. About a better dual point the same μ costs less, so μ stays
    while the cost falls, and with it the condition of the problem; only where the cost does not
    fall is μ made smaller.

    Parameters
    ----------
    start, second : float
        The first μ and the second, in units of the margin.
    factor : float
        From one μ to the next smaller one.
    least : float
        μ is never below this part of the margin.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Nesterov, Smooth minimization of non-smooth functions, 2005,
    https://doi.org/10.1007/s10107-004-0552-5;
    Rockafellar, Augmented Lagrangians and applications of the proximal point algorithm in convex
    programming, 1976, https://doi.org/10.1287/moor.1.2.97
    """

    start: float = 0.5
    second: float = 0.1
    factor: float = 0.2
    least: float = 1e-6

    def __post_init__(self) -> None:
        check_number("Stages(start=...)", self.start, above=0)
        check_number("Stages(second=...)", self.second, above=0)
        check_number("Stages(factor=...)", self.factor, above=0, below=1)
        check_number("Stages(least=...)", self.least, above=0)

    def first(self, loss: Loss, n_members: int) -> Stage:
        """The first stage; for a smooth loss the only one, with μ = 0."""
        mu = 0.0 if loss.smooth else self.start * loss.margin
        return Stage(Smoothing(mu), np.zeros(n_members, bool), loss.margin)

    def again(self, stage: Stage) -> Stage:
        """The first stage under another penalty: the second μ, about the last dual point."""
        smoothing = stage.smoothing
        recentre = self.second * stage.unit if smoothing.mu > 0 else 0.0
        recentred = replace(smoothing, recentre=recentre)
        return Stage(recentred, np.zeros_like(stage.solved), stage.unit)

    def advance(self, stage: Stage, evaluation: Evaluation, members: Array) -> bool:
        """Note which members (a mask) this stage has solved; begin another once it has solved all.

        Returns
        -------
        bool
            Whether another stage begins, with the next evaluation at the iterate.
        """
        mu = stage.smoothing.mu
        if mu == 0:
            return False
        stage.solved |= members & self.solved(evaluation)
        cost = float(np.max(self.cost(evaluation)))
        following = self.next(mu / stage.unit, cost, stage.cost_before)
        if following is None or not stage.solved.all():
            return False
        stage.smoothing = replace(stage.smoothing, recentre=following * stage.unit)
        stage.solved = np.zeros_like(stage.solved)
        stage.cost_before = cost
        return True

    def solved(self, evaluation: Evaluation) -> Array:
        """Members (a mask) for which the stage's own gap is small beside the cost of smoothing."""
        return _stage_gap(evaluation) <= SOLVED_GAP * self.cost(evaluation)

    def cost(self, evaluation: Evaluation) -> Array:
        """The part (M,) of the gap that is due to the smoothing."""
        return evaluation.gap - _stage_gap(evaluation)

    def next(self, mu: float, cost: float, cost_before: float) -> float | None:
        """μ of the next stage, in units of the margin; None after the last stage.

        From μ of this stage, and the costs of the last two.
        """
        if cost_before == np.inf:
            return min(self.second, mu)
        if cost <= FALLEN * cost_before:
            return mu
        return max(mu * self.factor, self.least) if mu > self.least else None


def _stage_gap(evaluation: Evaluation) -> Array:
    """The gap (M,) of the smoothed objective."""
    return np.maximum(evaluation.total - evaluation.stage_lower, 0.0)

"""Smoothing in stages: losses with kinks are replaced by smooth ones that come ever closer."""

from dataclasses import dataclass

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.request import Evaluation
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

ENOUGH = 2.0  # a stage is solved when its gap is below so many times what the smoothing costs
FALLEN = 0.6  # of the cost before: the same μ about a better point still pays


@dataclass(frozen=True)
class Stages:
    """Each stage is smooth about the dual point that the one before ended with.

    A stage ends once its own gap is a small part of what its smoothing costs: solving it further would not bring the
    real objective closer. About a better dual point the same μ costs less, so μ stays while the cost falls, and with it
    how well the problem is conditioned; only where the cost does not fall is μ made smaller.

    Parameters
    ----------
    start, second : float
        The first μ and the second, in units of the margin.
    factor : float
        From one μ to the next smaller one.
    least : float
        μ is never below.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Nesterov, Smooth minimization of non-smooth functions, 2005, https://doi.org/10.1007/s10107-004-0552-5;
    Rockafellar, Augmented Lagrangians and applications of the proximal point algorithm in convex programming, 1976,
    https://doi.org/10.1287/moor.1.2.97
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

    def first(self, loss: Loss) -> float:
        """μ of the first stage; 0 for a smooth loss."""
        return 0.0 if loss.smooth else self.start

    def solved(self, evaluation: Evaluation) -> Array:
        """Members (a mask) for which this stage has done its work: its own gap is small beside what smoothing costs."""
        return evaluation.stage_gap <= ENOUGH * self.cost(evaluation)

    def cost(self, evaluation: Evaluation) -> Array:
        """The part (M,) of the gap that the smoothing causes; a constant that both losses lack cancels."""
        return evaluation.gap - evaluation.stage_gap

    def next(self, smoothing: float, cost: float, cost_before: float) -> float | None:
        """μ of the next stage, by the costs of this one and of that before; None if this is the last one."""
        if cost_before == np.inf:
            return min(self.second, smoothing)
        if cost <= FALLEN * cost_before:
            return smoothing
        return max(smoothing * self.factor, self.least) if smoothing > self.least else None

"""Smoothing in stages: losses with kinks are replaced by smooth ones that come ever closer."""

from dataclasses import dataclass

import numpy as np

from halfspaces._validation import check_number
from halfspaces.losses import Loss
from halfspaces.objective import Evaluation

Array = np.ndarray


@dataclass(frozen=True)
class Stages:
    """μ = first, first · factor, first · factor², ... down to `least`.

    A stage ends once its own gap is a small part of the gap that the smoothing causes: solving it further would not
    bring the real objective closer.

    Parameters
    ----------
    start : float
        The first μ, in units of the margin.
    factor : float
    least : float

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Nesterov, Smooth minimization of non-smooth functions, 2005, https://doi.org/10.1007/s10107-004-0552-5
    """

    start: float = 0.5
    factor: float = 0.2
    least: float = 1e-6

    def __post_init__(self) -> None:
        check_number("Stages(start=...)", self.start, above=0)
        check_number("Stages(factor=...)", self.factor, above=0, below=1)
        check_number("Stages(least=...)", self.least, above=0)

    def first(self, loss: Loss) -> float:
        """μ of the first stage; 0 for a smooth loss."""
        return 0.0 if loss.smooth else self.start

    def solved(self, evaluation: Evaluation) -> Array:
        """Members (a mask) for which this stage has done its work: its own gap is small beside what smoothing costs."""
        # Judged by the proven bounds, which lag behind: a stage left earlier costs more in the next than it saves.
        smoothing_error = evaluation.exact_data - evaluation.data
        return evaluation.stage_gap <= 0.5 * np.maximum(smoothing_error, evaluation.stage_lower - evaluation.lower)

    def next(self, smoothing: float) -> float | None:
        """μ of the next stage; None if this is the last one."""
        return max(smoothing * self.factor, self.least) if smoothing > self.least else None

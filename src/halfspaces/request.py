"""What an optimizer asks of an objective, and the answer."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from halfspaces.support.types import Array, Rows


@dataclass(frozen=True, eq=False)
class Request:
    """What an optimizer wants to know.

    Parameters
    ----------
    W : array, shape (D+1, M, C)
        Where.
    rows : slice, integer array or None
        On which examples: all (None), a minibatch, a growing subset.
    gradient : bool
        Value and gradient, or the value only (about half the work).
    smoothing : float
        μ of the smoothed loss at this stage; 0 for the loss itself.
    offsets : array, shape (N, M, C), or None
        What the smoothed loss adds to the scores to be smooth about a dual point (`Loss.offsets`).
    recentre : float
        Above 0: take the dual point found here, and evaluate the loss that is smoothed by this μ about it. The
        evaluation's `offsets` are its.
    shrink : array, shape (M,), or None
        Factors below 1 by which the penalty may shorten the dual point: near the right one they make bounds tighter
        for losses without kinks.
    soon : integer array or None
        Rows that the next requests will ask for, rising: where they lie on disk they are read ahead.
    """

    W: Array
    rows: Rows = None
    gradient: bool = True
    smoothing: float = 0.0
    offsets: Array | None = field(default=None, repr=False)
    recentre: float = 0.0
    shrink: Array | None = None
    soon: Array | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the objective answers. Values have shape (M,).

    `data` and `data_gradient` are those of the smoothed loss where one was asked for; `exact_data` is
    always the loss itself. `penalty_gradient` is None for penalties that have a prox instead. `lower` is a proven
    bound on min L from below, −∞ where nothing is proved, and `stage_lower` the same for the smoothed objective
    (with offsets a guide for leaving the stage, no proof).
    `prospect` is what `lower` would be if the bias were optimal: no proof, but a sign that a better bias would give it.
    `conjugate` is the mean of L*_i at the dual point.
    """

    request: Request
    data: Array
    exact_data: Array
    data_gradient: Array | None
    penalty: Array
    penalty_gradient: Array | None
    lower: Array
    stage_lower: Array
    prospect: Array
    conjugate: Array
    visited: float  # passes spent: the part of the examples that was visited
    offsets: Array | None = field(
        default=None, repr=False
    )  # of the smoothed loss that was evaluated

    @property
    def total(self) -> Array:
        """Data loss + penalty, of the smoothed loss where one was asked for."""
        return self.data + self.penalty

    @property
    def exact_total(self) -> Array:
        """Data loss + penalty of the loss itself."""
        return self.exact_data + self.penalty

    @property
    def gap(self) -> Array:
        """A proven bound on exact_total − min L, infinite where nothing is proved."""
        return np.maximum(self.exact_total - self.lower, 0.0)

    @property
    def stage_gap(self) -> Array:
        """The same for the smoothed objective."""
        return np.maximum(self.total - self.stage_lower, 0.0)

    @property
    def hoped_gap(self) -> Array:
        """What `gap` would be if the bias were optimal."""
        return np.maximum(self.exact_total - self.prospect, 0.0)

    @cached_property
    def gradient(self) -> Array:
        """∇L (D+1, M, C): of data loss and penalty where the penalty is smooth, else of the data loss alone."""
        if self.data_gradient is None:
            raise ValueError(
                "This evaluation was asked for the value only; ask with Request(gradient=True)."
            )
        if self.penalty_gradient is None:
            return self.data_gradient
        gradient = self.data_gradient.copy()
        gradient[:-1] += self.penalty_gradient
        return gradient

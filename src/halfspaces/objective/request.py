"""The question that an optimizer asks of an objective, and the answer."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from halfspaces.losses.base import Loss, sum_over_classes
from halfspaces.objective.certificate import Shortened
from halfspaces.penalties.base import Penalty
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import Array, Rows


class Losses(NamedTuple):
    """A loss at the scores of B examples and M members."""

    values: Array  # (B, M), of the smoothed loss
    exact: Array  # (B, M), of the loss itself
    conjugate: Array  # (B, M), L* at the slopes; 0 where it was not computed
    along: Array  # (B, M), ⟨slopes, scores⟩
    steepness: Array  # (B, M), ‖slopes‖²
    slopes: Array  # (B, M, C), gradients in the scores, perhaps in the memory of the scores
    offsets: Array | None = None  # (B, M, C), where they were computed anew

    def plus(self, values: Array, slopes: Array) -> "Losses":
        """The losses with those of another term, and its slopes, added."""
        return Losses(self.values + values, self.exact + values, *self[2:5], self.slopes + slopes)


@dataclass(frozen=True, eq=False)
class Smoothing:
    """How a loss with kinks is made smooth.

    Parameters
    ----------
    mu : float
        μ of the smoothed loss; 0 for the loss itself.
    offsets : array, shape (N, M, C), or None
        Times μ added to the scores, a row for each row of X: they make the loss smooth about a dual
        point (`Loss.offsets`). None adds nothing.
    recentre : float
        Above 0: compute the dual point of this loss, and evaluate the loss that is smoothed by
        μ = `recentre` about that point instead.

    Examples
    --------
    >>> from halfspaces.losses.hinge import Hinge
    >>> scores, y, rows = np.array([[[0.0, 0.05]]]), np.array([0]), np.array([0])
    >>> Smoothing(0.5).evaluate(Hinge(), scores, y, rows).values.round(3).tolist()
    [[0.8]]
    """

    mu: float = 0.0
    offsets: Array | None = field(default=None, repr=False)
    recentre: float = 0.0
    given: ClassVar[bool] = False  # whether the slopes are a given dual point, and no gradient

    @property
    def differs_by_row(self) -> bool:
        """Whether examples with the same scores and label may have different losses."""
        return self.offsets is not None or self.recentre > 0

    def of(self, loss: Loss) -> Loss:
        """The smoothed loss, without the offsets."""
        return loss.smoothed(self.mu) if self.mu > 0 else loss

    def recentred(self, offsets: Array) -> "Smoothing":
        """The smoothing that `recentre` asks for, once its offsets are known."""
        return Smoothing(self.recentre, offsets)

    def shifted(self, scores: Array, offsets: Array) -> Array:
        """The scores plus μ times their rows of the offsets."""
        return scores + self.mu * offsets.astype(scores.dtype)

    def evaluate(self, loss: Loss, scores: Array, y: Array, rows: Array) -> Losses:
        """The smoothed loss at scores (B, M, C) of labels (B,); `rows` (B,) select the offsets."""
        if self.mu == 0:
            values, slopes = loss.formula(scores, y)
            zeros = array_namespace(values).zeros_like(values)
            return Losses(values, values, zeros, *_sizes(slopes, scores), slopes)
        smoothed = self.of(loss)
        shifted = scores if self.offsets is None else self.shifted(scores, self.offsets[rows])
        offsets = None
        if self.recentre > 0:
            dual = smoothed.formula(shifted, y)[1]
            offsets = (loss.offsets(dual, y, self.recentre) / self.recentre).astype(np.float16)
            smoothed = loss.smoothed(self.recentre)
            shifted = self.recentred(offsets).shifted(scores, offsets)
        values, slopes = smoothed.formula(shifted, y)
        exact = loss.formula(scores, y)[0]
        conjugate = loss.conjugate(slopes, y)
        return Losses(values, exact, conjugate, *_sizes(slopes, scores), slopes, offsets)


def _sizes(slopes: Array, scores: Array) -> tuple[Array, Array]:
    """⟨slopes, scores⟩ and ‖slopes‖² of each example, (B, M) each."""
    return sum_over_classes(slopes * scores)[..., 0], sum_over_classes(slopes**2)[..., 0]


@dataclass(frozen=True, eq=False)
class Request:
    """The point and the quantities that an optimizer wants to know.

    Parameters
    ----------
    W : array, shape (D+1, M, C)
        The parameters.
    rows : slice, integer array or None
        The examples: all (None), a minibatch, a growing subset.
    gradient : bool
        Value and gradient, or the value only (about half the work).
    smoothing : Smoothing
        Of the loss; none by default.
    dual_scale : array, shape (M,), or None
        Factors below 1 by which the penalty may shorten the dual point (`Penalty.dual_scale`). Near
        the right ones they make bounds tighter for losses without kinks.
    draw : int or None
        The number of the pass whose noise a score function with noise draws; None: no noise.
    spent : float
        The passes that an optimizer took itself to find this point.
    """

    W: Array
    rows: Rows = None
    gradient: bool = True
    smoothing: Smoothing = Smoothing()
    dual_scale: Array | None = None
    draw: int | None = None
    spent: float = 0.0

    @property
    def shortens(self) -> bool:
        """Whether the conjugate of a shortened dual point is asked for."""
        scale = 1 if self.dual_scale is None or self.smoothing.mu > 0 else self.dual_scale
        return bool(np.any(np.less(scale, 1)))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective's answer. Values have shape (M,).

    `data` and `data_gradient` are those of the smoothed loss where one was asked for; `exact_data`
    is the data loss without smoothing. `smoothing` is the one that was evaluated, with its offsets.
    `lower` is a proven lower bound on min L, −∞ where nothing is proved, and `stage_lower` the same
    for the smoothed objective (with offsets it is an estimate for leaving the stage, no proof).
    `conjugate` is the mean of L*_i at the dual point, `shortened` that at a shortened one, and
    `steepness` the mean of ‖∇L_i‖² there, by which rounding errors are bounded. `rounding` was
    added to the conjugates for the rounding of scores and sums: no gap can be proved far below it.
    `visited` is the cost in passes: the part of the examples that was visited. `statistics` are new
    values of the last rows of W, running statistics that training moves without a gradient.
    """

    request: Request
    smoothing: Smoothing = field(repr=False)
    data: Array
    exact_data: Array
    penalty: Array
    visited: float
    lower: Array
    stage_lower: Array
    conjugate: Array
    steepness: Array
    rounding: Array
    data_gradient: Array | None = None
    shortened: Shortened | None = None
    smooth_penalty: Penalty | None = field(default=None, repr=False)
    statistics: Array | None = None

    @property
    def total(self) -> Array:
        """Data loss + penalty, of the smoothed loss where one was asked for."""
        return self.data + self.penalty

    @property
    def exact_total(self) -> Array:
        """Data loss + penalty, without smoothing."""
        return self.exact_data + self.penalty

    @property
    def gap(self) -> Array:
        """A proven bound on exact_total − min L, infinite where nothing is proved."""
        return np.maximum(self.exact_total - self.lower, 0.0)

    @cached_property
    def penalty_gradient(self) -> Array | None:
        """λ ∇R(W) (D, M, C); None for penalties that have a prox instead."""
        return self.smooth_penalty and self.smooth_penalty.gradient(self.request.W[:-1])

    @cached_property
    def gradient(self) -> Array:
        """∇L (D+1, M, C); of the data loss alone where the penalty has no gradient."""
        if self.data_gradient is None:
            raise ValueError("Only the value was asked for; ask with Request(gradient=True).")
        if self.penalty_gradient is None:
            return self.data_gradient
        gradient = self.data_gradient.copy()
        gradient[:-1] += self.penalty_gradient
        return gradient

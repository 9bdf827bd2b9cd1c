"""R = Σ |W|."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from halfspaces.penalties.base import WithStrength, max_per_member, soft_threshold, sum_per_member
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray

ROUNDING = 1e-9  # of a dual point that was scaled into the domain of the conjugate


@dataclass(frozen=True)
class L1(WithStrength):
    """Lasso: λ Σ |W|; the prox is soft-thresholding by λ step.

    Parameters
    ----------
    strength : float or one per member
        λ ≥ 0.

    Raises
    ------
    ValueError
        If a strength is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> L1(0.5).prox(np.array([[[3.0, -0.2]]]), step=1.0).tolist()
    [[[2.5, -0.0]]]
    """

    smooth: ClassVar[bool] = False

    def value(self, W: AnyArray) -> AnyArray:
        """λ Σ |W|."""
        return sum_per_member(self._strength(W) * abs(W))

    def prox(self, W: AnyArray, step: AnyArray | float) -> AnyArray:
        """Soft-thresholding by λ step."""
        return soft_threshold(W, self._strength(W) * step)

    def conjugate(self, dual: AnyArray) -> AnyArray:
        """0 where |dual| ≤ λ everywhere, else infinite."""
        xp = array_namespace(dual)
        largest = max_per_member(dual)
        inside = largest <= self._strength(dual)[:, 0] * (1 + ROUNDING)
        return xp.where(inside, xp.zeros_like(largest), math.inf)

    def dual_scale(self, dual: AnyArray) -> AnyArray:
        """min(1, λ / max |dual|)."""
        xp = array_namespace(dual)
        largest = max_per_member(dual)
        strength = self._strength(dual)[:, 0]
        outside = largest > strength
        return xp.where(outside, strength / xp.where(outside, largest, 1.0), 1.0)

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """λ."""
        return self._strengths(n_members)

"""R = Σ |W|."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from halfspaces.penalties.base import Array, _per_member, _soft_threshold, _Strong, _total


@dataclass(frozen=True)
class L1(_Strong):
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

    def value(self, W: Array) -> Array:
        """λ Σ |W|."""
        return _total(_per_member(self.strength, W) * abs(W))

    def prox(self, W: Array, step: Array | float) -> Array:
        """Soft-thresholding by λ step."""
        return _soft_threshold(W, _per_member(self.strength, W) * step)

    def conjugate(self, dual: Array) -> Array:
        """0 where |dual| ≤ λ everywhere, else infinite."""
        xp = array_namespace(dual)
        largest = xp.max(abs(dual), axis=(0, 2))
        inside = largest <= _per_member(self.strength, dual)[:, 0] * (1 + 1e-9)
        return xp.where(inside, xp.zeros_like(largest), xp.full_like(largest, math.inf))

    def dual_scale(self, dual: Array) -> Array:
        """min(1, λ / max |dual|)."""
        xp = array_namespace(dual)
        largest, strength = xp.max(abs(dual), axis=(0, 2)), _per_member(self.strength, dual)[:, 0]
        outside = largest > strength
        return xp.where(
            outside,
            strength / xp.where(outside, largest, xp.ones_like(largest)),
            xp.ones_like(largest),
        )

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """λ."""
        return self._strengths(n_members)

"""R = Σ W²."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from halfspaces.penalties.base import WithStrength, sum_per_member
from halfspaces.penalties.l1 import L1
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray


@dataclass(frozen=True)
class L2(WithStrength):
    """Weight decay: λ Σ W², with no hidden ½. Gradient 2λW, prox W/(1 + 2λ step).

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
    >>> L2(0.5).value(np.full((2, 1, 1), 3.0)).tolist()
    [9.0]
    """

    smooth: ClassVar[bool] = True

    def value(self, W: AnyArray) -> AnyArray:
        """λ Σ W²."""
        return sum_per_member(self._strength(W) * W**2)

    def gradient(self, W: AnyArray) -> AnyArray:
        """2 λ W."""
        return 2 * self._strength(W) * W

    def prox(self, W: AnyArray, step: AnyArray | float) -> AnyArray:
        """W / (1 + 2 λ step)."""
        return W / (1 + 2 * self._strength(W) * step)

    def conjugate(self, dual: AnyArray) -> AnyArray:
        """Σ dual² / (4λ); where λ = 0, 0 at 0 and infinite elsewhere."""
        xp = array_namespace(dual)
        squares = sum_per_member(dual**2)
        strength = self._strength(dual)[:, 0]
        quotient = squares / xp.where(strength > 0, 4 * strength, 1.0)
        return xp.where((strength > 0) | (squares == 0), quotient, math.inf)

    def dual_scale(self, dual: AnyArray) -> AnyArray:
        """1; where λ = 0 only 0 is in the domain."""
        if min(self._strengths(1)) > 0:
            return super().dual_scale(dual)
        positive = self._strength(dual)[:, 0] > 0
        return array_namespace(dual).where(positive, 1.0, L1(0.0).dual_scale(dual))

    def curvature(self, n_members: int) -> Sequence[float]:
        """2 λ."""
        return tuple(2 * strength for strength in self._strengths(n_members))

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """0: no weights are exactly 0."""
        return (0.0,) * n_members

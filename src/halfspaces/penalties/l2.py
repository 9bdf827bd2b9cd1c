"""R = Σ W²."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from halfspaces.penalties.base import Array, _per_member, _Strong, _total
from halfspaces.penalties.l1 import L1


@dataclass(frozen=True)
class L2(_Strong):
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

    def value(self, W: Array) -> Array:
        """λ Σ W²."""
        return _total(_per_member(self.strength, W) * W**2)

    def gradient(self, W: Array) -> Array:
        """2 λ W."""
        return 2 * _per_member(self.strength, W) * W

    def prox(self, W: Array, step: Array | float) -> Array:
        """W / (1 + 2 λ step)."""
        return W / (1 + 2 * _per_member(self.strength, W) * step)

    def conjugate(self, dual: Array) -> Array:
        """Σ dual² / (4λ); where λ = 0, infinite but at 0."""
        xp = array_namespace(dual)
        squares, strength = _total(dual**2), _per_member(self.strength, dual)[:, 0]
        quotient = squares / xp.where(strength > 0, 4 * strength, xp.ones_like(strength))
        return xp.where((strength > 0) | (squares == 0), quotient, xp.full_like(quotient, math.inf))

    def dual_scale(self, dual: Array) -> Array:
        """1; where λ = 0 nothing but 0 is in the domain."""
        xp = array_namespace(dual)
        strength = _per_member(self.strength, dual)[:, 0]
        return xp.where(strength > 0, xp.ones_like(strength), L1(0.0).dual_scale(dual))

    def curvature(self, n_members: int) -> Sequence[float]:
        """2 λ."""
        return tuple(2 * strength for strength in self._strengths(n_members))

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """0: nothing is held at 0."""
        return (0.0,) * n_members

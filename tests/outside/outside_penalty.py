"""A penalty from outside the package: half the sum of squares, the convention of many libraries."""

from dataclasses import dataclass, replace
from typing import ClassVar

from halfspaces.penalties import L2, PENALTIES, Penalty


@dataclass(frozen=True)
class HalfSquares(Penalty):
    """λ/2 Σ W²."""

    strength: float | tuple[float, ...]
    smooth: ClassVar[bool] = True
    has_strength: ClassVar[bool] = True

    @property
    def _twice(self):
        if isinstance(self.strength, tuple):
            return L2(tuple(strength / 2 for strength in self.strength))
        return L2(self.strength / 2)

    def with_strength(self, strength):
        return replace(self, strength=strength)

    def value(self, W):
        return self._twice.value(W)

    def gradient(self, W):
        return self._twice.gradient(W)

    def prox(self, W, step):
        return self._twice.prox(W, step)

    def conjugate(self, dual):
        return self._twice.conjugate(dual)

    def dual_scale(self, dual):
        return self._twice.dual_scale(dual)

    def curvature(self, n_members):
        return self._twice.curvature(n_members)

    def thresholds(self, n_members):
        return self._twice.thresholds(n_members)


PENALTIES["half_squares"] = HalfSquares

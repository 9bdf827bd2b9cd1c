"""R = Σ (β W² + |W|)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from halfspaces.penalties.base import WithStrength, soft_threshold, sum_per_member
from halfspaces.penalties.l2 import L2
from halfspaces.support.types import AnyArray
from halfspaces.support.validation import check_numbers


@dataclass(frozen=True)
class ElasticNet(WithStrength):
    """λ Σ (β W² + |W|); the prox is soft-thresholding by λ step, then division by 1 + 2λβ step.

    Parameters
    ----------
    strength : float or one per member
        λ ≥ 0.
    beta : float
        β > 0, the weight of the squares.

    Raises
    ------
    ValueError
        If a strength is negative or `beta` is not above 0.

    References
    ----------
    Zou & Hastie, Regularization and variable selection via the elastic net, 2005,
    https://doi.org/10.1111/j.1467-9868.2005.00503.x

    Examples
    --------
    >>> import numpy as np
    >>> ElasticNet(1.0, beta=0.5).value(np.array([[[2.0]]])).tolist()
    [4.0]
    """

    beta: float = 1.0
    smooth: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers("ElasticNet(beta=...)", self.beta, above=0)

    def value(self, W: AnyArray) -> AnyArray:
        """λ Σ (β W² + |W|)."""
        return sum_per_member(self._strength(W) * (self.beta * W**2 + abs(W)))

    def prox(self, W: AnyArray, step: AnyArray | float) -> AnyArray:
        """Soft-thresholding by λ step, then division by 1 + 2λβ step."""
        threshold = self._strength(W) * step
        return soft_threshold(W, threshold) / (1 + 2 * self.beta * threshold)

    def conjugate(self, dual: AnyArray) -> AnyArray:
        """Σ max(0, |dual| − λ)² / (4λβ)."""
        squares = L2(tuple(self.beta * strength for strength in self._strengths(dual.shape[1])))
        return squares.conjugate(soft_threshold(dual, self._strength(dual)))

    def dual_scale(self, dual: AnyArray) -> AnyArray:
        """1; where λ = 0 only 0 is in the domain."""
        return L2(self.strength).dual_scale(dual)

    def curvature(self, n_members: int) -> Sequence[float]:
        """2 λ β."""
        return tuple(2 * self.beta * strength for strength in self._strengths(n_members))

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """λ."""
        return self._strengths(n_members)

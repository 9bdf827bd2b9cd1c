"""R = 0."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from halfspaces.penalties.base import Penalty
from halfspaces.penalties.l1 import L1
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray


@dataclass(frozen=True)
class NoPenalty(Penalty):
    """R = 0: the data loss alone.

    >>> import numpy as np
    >>> NoPenalty().value(np.ones((2, 1, 3))).tolist()
    [0.0]
    """

    smooth: ClassVar[bool] = True

    def value(self, W: AnyArray) -> AnyArray:
        """0."""
        return array_namespace(W).zeros(W.shape[1], dtype=W.dtype, device=W.device)

    def gradient(self, W: AnyArray) -> AnyArray:
        """0."""
        return array_namespace(W).zeros_like(W)

    def prox(self, W: AnyArray, step: AnyArray | float) -> AnyArray:
        """W itself."""
        return W

    def conjugate(self, dual: AnyArray) -> AnyArray:
        """0 at 0, else infinite."""
        return L1(0.0).conjugate(dual)

    def dual_scale(self, dual: AnyArray) -> AnyArray:
        """1 at 0, else 0: only 0 is in the domain."""
        return L1(0.0).dual_scale(dual)

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """0."""
        return (0.0,) * n_members

"""Given scores plus a bias, as a score function of their own."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from halfspaces.scores.base import At, Forward, Score
from halfspaces.support.types import Array


@dataclass(frozen=True)
class Shift(Score):
    """Given scores X (N, M·C) plus a bias W (1, M, C): s = x + W[0]."""

    linear: ClassVar[bool] = True

    def initial(self, n_members: int, n_classes: int) -> Array:
        """W = 0 (1, M, C), float64."""
        return np.zeros((1, n_members, n_classes))

    def at(self, W: Array, dtype: np.dtype, draw: int | None = None, gradient: bool = True) -> At:
        """X + W[0]."""
        c = W.ravel().astype(dtype)
        return At(lambda block: Forward(block.X + c, _summed))

    def pullback(self, sums: tuple[Any, ...], factor: Any, shape: tuple[int, ...]) -> Array:
        """The gradient in W."""
        return (sums[0] * factor).reshape(shape)


def _summed(slopes: Array) -> tuple[Array]:
    return (slopes.sum(axis=0, dtype=np.float64),)

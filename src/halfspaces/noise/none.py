"""No noise."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from halfspaces.noise.base import Noise
from halfspaces.support.types import Array


@dataclass(frozen=True)
class NoNoise(Noise):
    """z̃ = z: the inputs as they are.

    Examples
    --------
    >>> NoNoise().variance(np.ones(2)).tolist()
    [0.0, 0.0]
    """

    keeps_zeros: ClassVar[bool] = True

    def noisy(self, Z: Array, bits: Array) -> Array:
        """A copy of z."""
        return Z.copy()

    def variance(self, Z: Array) -> Array:
        """0."""
        return np.zeros_like(Z)

"""Dropout: an input is 0 with probability p, and divided by 1 − p otherwise."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from halfspaces.noise.base import Noise
from halfspaces.noise.random_bits import VALUES
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class Dropout(Noise):
    """z̃ = z m / (1 − p), where m is 0 with probability p, else 1 (inverted scaling).

    A standardized feature is dropped to its mean: the raw x becomes mean + m (x − mean)/(1 − p).
    The probability is rounded to a multiple of 1/65,536, which is used throughout.

    Parameters
    ----------
    probability : float in [0, 1)
        p, the share of inputs that are dropped.

    Raises
    ------
    ValueError
        If the probability is outside [0, 1).

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, Dropout: a simple way to prevent
    neural networks from overfitting, JMLR 2014, https://jmlr.org/papers/v15/srivastava14a.html

    Examples
    --------
    >>> Z, bits = np.array([1.0, 2.0, 3.0]), np.array([0, 40000, 20000], np.uint16)
    >>> Dropout(0.5).noisy(Z, bits).tolist()
    [2.0, 0.0, 6.0]
    """

    probability: float = 0.5
    keeps_zeros: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("Dropout(probability=...)", self.probability, at_least=0, below=1)

    @property
    def _kept(self) -> int:
        """How many of the 65,536 random numbers keep an input."""
        return max(round((1 - self.probability) * VALUES), 1)

    def noisy(self, Z: Array, bits: Array) -> Array:
        """z m / (1 − p)."""
        kept = Z * (bits <= np.uint16(self._kept - 1))
        kept *= Z.dtype.type(VALUES / self._kept)
        return kept

    def variance(self, Z: Array) -> Array:
        """z² p / (1 − p)."""
        return Z**2 * Z.dtype.type(VALUES / self._kept - 1)

"""Gaussian noise of one scale on all standardized features."""

# scipy.special has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from functools import cache

import numpy as np

from halfspaces.noise.base import Noise
from halfspaces.noise.random_bits import VALUES
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class GaussianNoise(Noise):
    """z̃ = z + scale · ε with ε of the standard normal distribution.

    ε is one of 65,536 equally likely quantiles, scaled to variance 1; the largest is about 4.3.
    A standardized feature has variance 1, so the scale is a share of its standard deviation.

    Parameters
    ----------
    scale : float ≥ 0
        The standard deviation of the noise.

    Raises
    ------
    ValueError
        If the scale is below 0.

    References
    ----------
    Bishop, Training with noise is equivalent to Tikhonov regularization, Neural Computation 1995,
    https://doi.org/10.1162/neco.1995.7.1.108

    Examples
    --------
    >>> bits = np.array([0, 32767, 65535], np.uint16)
    >>> GaussianNoise(0.1).noisy(np.ones(3), bits).round(2).tolist()
    [0.57, 1.0, 1.43]
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        check_number("GaussianNoise(scale=...)", self.scale, at_least=0)

    def noisy(self, Z: Array, bits: Array) -> Array:
        """z + scale · ε."""
        noise = np.take(_quantiles(Z.dtype), bits)
        noise *= Z.dtype.type(self.scale)
        noise += Z
        return noise

    def variance(self, Z: Array) -> Array:
        """scale²."""
        return np.full_like(Z, self.scale**2)


@cache
def _quantiles(dtype: np.dtype) -> Array:
    """The standard normal quantiles at (k + ½)/65,536, scaled to variance 1."""
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(VALUES) + 0.5) / VALUES)
    quantiles /= np.sqrt(np.mean(quantiles**2))
    return quantiles.astype(dtype)

"""Surrogates: convex functions φ of one violation z, the building blocks of margin losses."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from halfspaces.support.validation import check_number

Array = Any  # an array of any library that follows the array API standard
DOMAIN_TOLERANCE = 1e-5  # how far float32 rounding may carry a dual point out of its domain


def entropy_terms(p: Array) -> Array:
    """p log p, with 0 log 0 = 0."""
    xp = array_namespace(p)
    return p * xp.log(xp.where(p > 0, p, xp.ones_like(p)))


def inside(condition: Array, values: Array) -> Array:
    """Values where the condition holds, infinity elsewhere: a convex function with a domain."""
    xp = array_namespace(values)
    return xp.where(condition, values, xp.full_like(values, math.inf))


def _in_unit_interval(values: Array) -> Array:
    return (values >= -DOMAIN_TOLERANCE) & (values <= 1 + DOMAIN_TOLERANCE)


class Surrogate(ABC):
    """A convex, non-decreasing function φ of one violation z, with φ*(0) = 0: the building block of margin losses."""

    @property
    @abstractmethod
    def curvature(self) -> float:
        """A bound on φ''; infinite where φ has a kink."""

    @abstractmethod
    def value_and_slope(self, z: Array) -> tuple[Array, Array]:
        """φ(z) and φ'(z), elementwise."""

    @abstractmethod
    def second_derivative(self, z: Array) -> Array:
        """φ''(z), elementwise; 0 at a kink."""

    @abstractmethod
    def conjugate(self, slope: Array) -> Array:
        """φ*(a) = sup_z a z − φ(z), elementwise, infinite outside its domain."""

    def smoothed(self, mu: float) -> "Surrogate":
        """A smooth surrogate at most μ/2 below this one; itself where it is smooth already."""
        return self


@dataclass(frozen=True)
class Plus(Surrogate):
    """φ(z) = max(0, z); with smoothing μ > 0 the Huberized form z²/(2μ) on [0, μ], z − μ/2 beyond.

    >>> import numpy as np
    >>> Plus().value_and_slope(np.array([-1.0, 0.5, 2.0]))[0].tolist()
    [0.0, 0.5, 2.0]
    """

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_number("Plus(smoothing=...)", self.smoothing, at_least=0)

    @property
    def curvature(self) -> float:
        """1/μ, infinite without smoothing."""
        return 1 / self.smoothing if self.smoothing > 0 else math.inf

    def value_and_slope(self, z: Array) -> tuple[Array, Array]:
        """φ(z) and φ'(z); at the kink z = 0 the slope 0 is taken."""
        xp = array_namespace(z)
        positive = xp.clip(z, 0, None)
        if self.smoothing == 0:
            return positive, xp.astype(z > 0, z.dtype)
        slope = xp.clip(positive / self.smoothing, None, 1)
        return slope * (positive - self.smoothing / 2 * slope), slope

    def second_derivative(self, z: Array) -> Array:
        """1/μ on [0, μ], 0 elsewhere."""
        xp = array_namespace(z)
        return (
            xp.astype((z >= 0) & (z <= self.smoothing), z.dtype) / self.smoothing
            if self.smoothing
            else 0 * z
        )

    def conjugate(self, slope: Array) -> Array:
        """(μ/2) a² on [0, 1]."""
        return inside(_in_unit_interval(slope), self.smoothing / 2 * slope**2)

    def smoothed(self, mu: float) -> "Plus":
        """The Huberized form with μ = mu."""
        return Plus(mu)


@dataclass(frozen=True)
class SquaredPlus(Surrogate):
    """φ(z) = max(0, z)²."""

    @property
    def curvature(self) -> float:
        """2."""
        return 2.0

    def value_and_slope(self, z: Array) -> tuple[Array, Array]:
        """φ(z) and φ'(z) = 2 max(0, z)."""
        positive = array_namespace(z).clip(z, 0, None)
        return positive**2, 2 * positive

    def second_derivative(self, z: Array) -> Array:
        """2 where z > 0."""
        return 2 * array_namespace(z).astype(z > 0, z.dtype)

    def conjugate(self, slope: Array) -> Array:
        """a²/4 for a ≥ 0."""
        return inside(slope >= -DOMAIN_TOLERANCE, slope**2 / 4)


@dataclass(frozen=True)
class Softplus(Surrogate):
    """φ(z) = log(1 + e^z), the logistic loss of one violation."""

    @property
    def curvature(self) -> float:
        """¼."""
        return 0.25

    def value_and_slope(self, z: Array) -> tuple[Array, Array]:
        """φ(z) and φ'(z) = 1/(1 + e^−z), both without overflow."""
        xp = array_namespace(z)
        decay = xp.exp(-abs(z))
        slope = xp.where(z >= 0, xp.ones_like(z), decay) / (1 + decay)
        return xp.clip(z, 0, None) + xp.log1p(decay), slope

    def second_derivative(self, z: Array) -> Array:
        """1/((1 + e^z)(1 + e^−z)), without overflow."""
        decay = array_namespace(z).exp(-abs(z))
        return decay / (1 + decay) ** 2

    def conjugate(self, slope: Array) -> Array:
        """a log a + (1 − a) log(1 − a) on [0, 1]."""
        a = array_namespace(slope).clip(slope, 0, 1)
        return inside(_in_unit_interval(slope), entropy_terms(a) + entropy_terms(1 - a))

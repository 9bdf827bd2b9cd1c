"""Surrogates: convex functions φ of one violation z, the building blocks of margin losses."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray
from halfspaces.support.validation import check_number

DOMAIN_TOLERANCE = 1e-5  # how far float32 rounding may carry a dual point out of its domain


def entropy_terms(p: AnyArray) -> AnyArray:
    """p log p, with 0 log 0 = 0."""
    xp = array_namespace(p)
    return p * xp.log(xp.where(p > 0, p, 1.0))


def complement_terms(p: AnyArray) -> AnyArray:
    """(1 − p) log(1 − p) with all digits for small p, and 0 for p ≥ 1."""
    xp = array_namespace(p)
    return (1 - p) * xp.log1p(xp.where(p < 1, -p, 0.0))


def inside(condition: AnyArray, values: AnyArray) -> AnyArray:
    """The values where the condition holds, infinity elsewhere: a convex function with a domain."""
    return array_namespace(values).where(condition, values, math.inf)


def _in_unit_interval(values: AnyArray) -> AnyArray:
    return (values >= -DOMAIN_TOLERANCE) & (values <= 1 + DOMAIN_TOLERANCE)


class Surrogate(ABC):
    """A convex, non-decreasing function φ of one violation z, with φ*(0) = 0."""

    @property
    @abstractmethod
    def curvature(self) -> float:
        """A bound on φ''; infinite where φ has a kink."""

    @abstractmethod
    def value_and_slope(self, z: AnyArray) -> tuple[AnyArray, AnyArray]:
        """φ(z) and φ'(z), elementwise."""

    @abstractmethod
    def second_derivative(self, z: AnyArray) -> AnyArray:
        """φ''(z), elementwise; 0 at a kink."""

    @abstractmethod
    def conjugate(self, slope: AnyArray) -> AnyArray:
        """φ*(a) = sup_z a z − φ(z), elementwise, infinite outside its domain."""

    def smoothed(self, mu: float) -> "Surrogate":
        """A smooth surrogate at most μ/2 below this one; itself if already smooth."""
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

    def value_and_slope(self, z: AnyArray) -> tuple[AnyArray, AnyArray]:
        """φ(z) and φ'(z); at the kink z = 0 the slope is 0."""
        xp = array_namespace(z)
        positive = xp.clip(z, 0, None)
        if self.smoothing == 0:
            return positive, xp.astype(z > 0, z.dtype)
        slope = xp.clip(positive / self.smoothing, None, 1)
        return slope * (positive - self.smoothing / 2 * slope), slope

    def second_derivative(self, z: AnyArray) -> AnyArray:
        """1/μ on [0, μ], 0 elsewhere."""
        if self.smoothing == 0:
            return 0 * z
        bent = (z >= 0) & (z <= self.smoothing)
        return array_namespace(z).astype(bent, z.dtype) / self.smoothing

    def conjugate(self, slope: AnyArray) -> AnyArray:
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

    def value_and_slope(self, z: AnyArray) -> tuple[AnyArray, AnyArray]:
        """φ(z) and φ'(z) = 2 max(0, z)."""
        positive = array_namespace(z).clip(z, 0, None)
        return positive**2, 2 * positive

    def second_derivative(self, z: AnyArray) -> AnyArray:
        """2 where z > 0."""
        return 2 * array_namespace(z).astype(z > 0, z.dtype)

    def conjugate(self, slope: AnyArray) -> AnyArray:
        """a²/4 for a ≥ 0."""
        return inside(slope >= -DOMAIN_TOLERANCE, slope**2 / 4)


@dataclass(frozen=True)
class Softplus(Surrogate):
    """φ(z) = log(1 + e^z), the logistic loss of one violation."""

    @property
    def curvature(self) -> float:
        """¼."""
        return 0.25

    def value_and_slope(self, z: AnyArray) -> tuple[AnyArray, AnyArray]:
        """φ(z) and φ'(z) = 1/(1 + e^−z), both without overflow."""
        xp = array_namespace(z)
        decay = xp.exp(-abs(z))
        slope = xp.where(z >= 0, 1.0, decay) / (1 + decay)
        return xp.clip(z, 0, None) + xp.log1p(decay), slope

    def second_derivative(self, z: AnyArray) -> AnyArray:
        """1/((1 + e^z)(1 + e^−z)), without overflow."""
        decay = array_namespace(z).exp(-abs(z))
        return decay / (1 + decay) ** 2

    def conjugate(self, slope: AnyArray) -> AnyArray:
        """a log a + (1 − a) log(1 − a) on [0, 1]."""
        a = array_namespace(slope).clip(slope, 0, 1)
        return inside(_in_unit_interval(slope), entropy_terms(a) + complement_terms(a))

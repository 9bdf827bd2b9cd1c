"""Penalties: functions R of the penalized part of the parameters, W[:-1], never of the bias.

A stack has M members, so a strength is one number or one per member, and values have shape (M,).
Smooth penalties have a gradient, the others a prox, argmin_V ½‖V − W‖²/step + λR(V).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from array_api_compat import array_namespace, device

from halfspaces._validation import check_numbers

Array = Any  # an array of any library that follows the array API standard
Strength = float | tuple[float, ...]


def _per_member(numbers: Strength, like: Array) -> Array:
    """One number or one per member, shaped (1, 1) or (M, 1) to broadcast against W (D, M, C)."""
    xp = array_namespace(like)
    values = numbers if isinstance(numbers, tuple) else (numbers,)
    return xp.reshape(xp.asarray(values, dtype=like.dtype, device=device(like)), (-1, 1))


def _total(values: Array) -> Array:
    return array_namespace(values).sum(values, axis=(0, 2))


def _soft_threshold(W: Array, threshold: Array) -> Array:
    xp = array_namespace(W)
    return xp.sign(W) * xp.clip(abs(W) - threshold, 0, None)


class Penalty(ABC):
    """λ R(W) for the penalized part W of shape (D, M, C).

    A new penalty is one frozen dataclass with `value`, `prox` and `conjugate` (and `gradient` where it is smooth)
    and one row in `PENALTIES`; `halfspaces.testing.check_penalty` then holds it to every law.
    """

    smooth: ClassVar[bool]

    @abstractmethod
    def value(self, W: Array) -> Array:
        """λ R(W) of each member, shape (M,); infinite outside a constraint."""

    @abstractmethod
    def prox(self, W: Array, step: Array | float) -> Array:
        """argmin_V Σ (V − W)²/(2 step) + λ R(V).

        `step` is a number, one per member shaped (M, 1), or one per coordinate.
        """

    @abstractmethod
    def conjugate(self, dual: Array) -> Array:
        """sup_W ⟨dual, W⟩ − λ R(W) of each member, shape (M,)."""

    def gradient(self, W: Array) -> Array:
        """λ ∇R(W), shape (D, M, C), where the penalty is smooth."""
        raise TypeError(f"{type(self).__name__} has no gradient; use its prox (optimizer='proximal' or 'sgd').")

    def dual_scale(self, dual: Array) -> Array:
        """Largest factor ≤ 1, shape (M,), that brings `dual` into the domain of the conjugate."""
        xp = array_namespace(dual)
        return xp.ones(dual.shape[1], dtype=dual.dtype, device=device(dual))

    def curvature(self, n_members: int) -> Sequence[float]:
        """The penalty's own curvature, for each member: its strong convexity, too."""
        return (0.0,) * n_members

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """t of each member where the penalty is t Σ|W| + r ΣW², 2r its curvature; None where it is not."""
        return None


@dataclass(frozen=True)
class _Strong(Penalty):
    """A penalty with a strength λ, one number or one per member."""

    strength: Strength

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", _as_strength(self.strength))
        check_numbers(f"{type(self).__name__}(strength=...)", self.strength, at_least=0)

    def _strengths(self, n_members: int) -> tuple[float, ...]:
        return self.strength if isinstance(self.strength, tuple) else (self.strength,) * n_members


def _as_strength(numbers: Any) -> Any:
    """Lists and arrays become tuples, so that components stay comparable and hashable."""
    if isinstance(numbers, (list, tuple)) or getattr(numbers, "ndim", 0) > 0:
        return tuple(float(number) for number in numbers)
    return numbers


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


@dataclass(frozen=True)
class L1(_Strong):
    """Lasso: λ Σ |W|; the prox is soft-thresholding by λ step.

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
    >>> L1(0.5).prox(np.array([[[3.0, -0.2]]]), step=1.0).tolist()
    [[[2.5, -0.0]]]
    """

    smooth: ClassVar[bool] = False

    def value(self, W: Array) -> Array:
        """λ Σ |W|."""
        return _total(_per_member(self.strength, W) * abs(W))

    def prox(self, W: Array, step: Array | float) -> Array:
        """Soft-thresholding by λ step."""
        return _soft_threshold(W, _per_member(self.strength, W) * step)

    def conjugate(self, dual: Array) -> Array:
        """0 where |dual| ≤ λ everywhere, else infinite."""
        xp = array_namespace(dual)
        largest = xp.max(abs(dual), axis=(0, 2))
        inside = largest <= _per_member(self.strength, dual)[:, 0] * (1 + 1e-9)
        return xp.where(inside, xp.zeros_like(largest), xp.full_like(largest, math.inf))

    def dual_scale(self, dual: Array) -> Array:
        """min(1, λ / max |dual|)."""
        xp = array_namespace(dual)
        largest, strength = xp.max(abs(dual), axis=(0, 2)), _per_member(self.strength, dual)[:, 0]
        outside = largest > strength
        return xp.where(outside, strength / xp.where(outside, largest, xp.ones_like(largest)), xp.ones_like(largest))

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """λ."""
        return self._strengths(n_members)


@dataclass(frozen=True)
class ElasticNet(_Strong):
    """λ Σ (β W² + |W|); the prox thresholds softly by λ step and shrinks by 1 + 2λβ step.

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

    def value(self, W: Array) -> Array:
        """λ Σ (β W² + |W|)."""
        return _total(_per_member(self.strength, W) * (self.beta * W**2 + abs(W)))

    def prox(self, W: Array, step: Array | float) -> Array:
        """Soft-thresholding by λ step, then division by 1 + 2λβ step."""
        threshold = _per_member(self.strength, W) * step
        return _soft_threshold(W, threshold) / (1 + 2 * self.beta * threshold)

    def conjugate(self, dual: Array) -> Array:
        """Σ max(0, |dual| − λ)² / (4λβ)."""
        squares = L2(tuple(self.beta * strength for strength in self._strengths(dual.shape[1])))
        return squares.conjugate(_soft_threshold(dual, _per_member(self.strength, dual)))

    def dual_scale(self, dual: Array) -> Array:
        """1; where λ = 0 nothing but 0 is in the domain."""
        return L2(self.strength).dual_scale(dual)

    def curvature(self, n_members: int) -> Sequence[float]:
        """2 λ β."""
        return tuple(2 * self.beta * strength for strength in self._strengths(n_members))

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """λ."""
        return self._strengths(n_members)


@dataclass(frozen=True)
class MaxNorm(Penalty):
    """The constraint ‖w_c‖₂ ≤ r on each class's weight vector; the prox is the projection.

    Parameters
    ----------
    radius : float or one per member
        r > 0.

    Raises
    ------
    ValueError
        If a radius is not above 0.

    References
    ----------
    Srebro, Rennie & Jaakkola, Maximum-margin matrix factorization, NIPS 2004.

    Examples
    --------
    >>> import numpy as np
    >>> MaxNorm(1.0).prox(np.array([[[3.0]], [[4.0]]]), step=1.0).round(2).ravel().tolist()
    [0.6, 0.8]
    """

    radius: Strength = 1.0
    smooth: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", _as_strength(self.radius))
        check_numbers("MaxNorm(radius=...)", self.radius, above=0)

    def value(self, W: Array) -> Array:
        """0 where the constraint holds (to rounding), infinite elsewhere."""
        xp = array_namespace(W)
        excess = xp.max(_class_norms(W) / _per_member(self.radius, W), axis=-1)
        return xp.where(excess <= 1 + 32 * xp.finfo(W.dtype).eps, xp.zeros_like(excess), xp.full_like(excess, math.inf))

    def prox(self, W: Array, step: Array | float) -> Array:
        """W with longer class vectors scaled back to length r; only steps that differ within a class matter."""
        radius = _per_member(self.radius, W)
        if getattr(step, "ndim", 0) == W.ndim:
            W = _shrunk(W, radius, step)
        return W * array_namespace(W).clip(radius / _positive(_class_norms(W)), None, 1)

    def conjugate(self, dual: Array) -> Array:
        """r Σ_c ‖dual_c‖₂."""
        return array_namespace(dual).sum(_class_norms(dual) * _per_member(self.radius, dual), axis=-1)


def _class_norms(W: Array) -> Array:
    xp = array_namespace(W)
    return xp.sqrt(xp.sum(W**2, axis=0))


def _positive(norms: Array) -> Array:
    xp = array_namespace(norms)
    return xp.where(norms > 0, norms, xp.ones_like(norms))


def _shrunk(W: Array, radius: Array, step: Array) -> Array:
    """V = W / (1 + ν step) with the least ν ≥ 0 that gives ‖v_c‖ ≤ r: the projection in the metric of the steps.

    Newton's method on 1/‖v_c‖ − 1/r, which is concave and nearly straight in ν, climbs to the root from ν = 0.
    """
    xp = array_namespace(W)
    nu = xp.zeros_like(_class_norms(W))
    for _ in range(20):
        V = W / (1 + nu * step)
        norms = _class_norms(V)
        slope = xp.sum(step * V**2 / (1 + nu * step), axis=0)
        nu = nu + xp.clip(norms / radius - 1, 0, None) * norms**2 / _positive(slope)
    return W / (1 + nu * step)


@dataclass(frozen=True)
class NoPenalty(Penalty):
    """R = 0: the data loss alone.

    >>> import numpy as np
    >>> NoPenalty().value(np.ones((2, 1, 3))).tolist()
    [0.0]
    """

    smooth: ClassVar[bool] = True

    def value(self, W: Array) -> Array:
        """0."""
        return array_namespace(W).zeros(W.shape[1], dtype=W.dtype, device=device(W))

    def gradient(self, W: Array) -> Array:
        """0."""
        return array_namespace(W).zeros_like(W)

    def prox(self, W: Array, step: Array | float) -> Array:
        """W itself."""
        return W

    def conjugate(self, dual: Array) -> Array:
        """0 at 0, else infinite."""
        return L1(0.0).conjugate(dual)

    def dual_scale(self, dual: Array) -> Array:
        """Nothing but 0 is in the domain."""
        return L1(0.0).dual_scale(dual)

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """0."""
        return (0.0,) * n_members


PENALTIES: dict[str, type[Penalty]] = {
    "l2": L2,
    "l1": L1,
    "elastic_net": ElasticNet,
    "max_norm": MaxNorm,
    "none": NoPenalty,
}

"""What every penalty has: R(W), its prox, its conjugate."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from array_api_compat import array_namespace, device

from halfspaces.support.validation import check_numbers

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
    has_strength: ClassVar[bool] = False  # whether there is a λ to choose

    def with_strength(self, strength: Strength) -> "Penalty":
        """The same penalty with another λ.

        Raises
        ------
        TypeError
            If it has no strength.
        """
        raise TypeError(f"{self!r} has no strength to choose; leave the strength out.")

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
        raise TypeError(
            f"{type(self).__name__} has no gradient; use its prox (optimizer='proximal' or 'sgd')."
        )

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
    has_strength: ClassVar[bool] = True

    def with_strength(self, strength: Strength) -> "Penalty":
        """The same penalty with another λ, one number or one per member."""
        return replace(self, strength=strength)

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

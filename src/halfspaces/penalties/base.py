"""The interface of every penalty: λR(W), its prox, its conjugate."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, wraps
from typing import Any, ClassVar, Self

import numpy as np

from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray
from halfspaces.support.validation import check_numbers

PerMember = float | tuple[float, ...]  # one number for all members of a stack, or one for each


def _of_any_shape(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method for weights (D, C) and (D,), too."""

    @wraps(method)
    def called(self: "Penalty", W: Any, *step: Any, **named: Any) -> Any:
        if getattr(W, "ndim", 0) == 3:
            return method(self, W, *step, **named)
        from halfspaces.system.by_hand import of_one_member

        return of_one_member(partial(method, self), W, *step, **named)

    return called


class Penalty(ABC):
    """λ R(W) for the penalized part W of shape (D, M, C).

    Its functions also take the weights (D, C) or (D,) of one member, then values are numbers.

    A new penalty is one frozen dataclass with `value`, `prox` and `conjugate`, and with `gradient`
    if it is smooth, and one row in `PENALTIES`. With a strength it is a `WithStrength`.
    `halfspaces.testing.check_penalty` tests it against every law.
    """

    smooth: ClassVar[bool]
    has_strength: ClassVar[bool] = False  # whether there is a λ to choose

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in {"value", "prox", "conjugate", "gradient"} & set(vars(cls)):
            setattr(cls, name, _of_any_shape(vars(cls)[name]))

    def with_strength(self, strength: PerMember) -> "Penalty":
        """The penalty with this λ, one number or one per member.

        Raises
        ------
        TypeError
            If it has no strength.
        """
        raise TypeError(f"{self!r} has no strength to choose; leave the strength out.")

    @abstractmethod
    def value(self, W: AnyArray) -> AnyArray:
        """λ R(W) of each member, shape (M,); infinite outside a constraint."""

    @abstractmethod
    def prox(self, W: AnyArray, step: AnyArray | float) -> AnyArray:
        """argmin_V Σ (V − W)²/(2 step) + λ R(V).

        `step` is a number, one per member shaped (M, 1), or one per coordinate.
        """

    @abstractmethod
    def conjugate(self, dual: AnyArray) -> AnyArray:
        """sup_W ⟨dual, W⟩ − λ R(W) of each member, shape (M,)."""

    def gradient(self, W: AnyArray) -> AnyArray:
        """λ ∇R(W), shape (D, M, C), where the penalty is smooth."""
        raise TypeError(
            f"{type(self).__name__} has no gradient; use its prox (optimizer='proximal' or 'sgd')."
        )

    def dual_scale(self, dual: AnyArray) -> AnyArray:
        """Largest factor ≤ 1, shape (M,), that brings `dual` into the domain of the conjugate."""
        xp = array_namespace(dual)
        return xp.ones(dual.shape[1], dtype=dual.dtype, device=dual.device)

    def curvature(self, n_members: int) -> Sequence[float]:
        """ρ of each member, where λR = (ρ/2) ΣW² plus a function without curvature."""
        return (0.0,) * n_members

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        """t of each member if the penalty is t Σ|W| + (curvature/2) ΣW², else None."""
        return None


@dataclass(frozen=True)
class WithStrength(Penalty):
    """A penalty with a strength λ ≥ 0, one number or one per member."""

    strength: PerMember
    has_strength: ClassVar[bool] = True

    def __post_init__(self) -> None:
        store_numbers(self, "strength", at_least=0)

    def with_strength(self, strength: PerMember) -> Self:
        """The penalty with this λ, one number or one per member."""
        return replace(self, strength=strength)

    def _strengths(self, n_members: int) -> tuple[float, ...]:
        return self.strength if isinstance(self.strength, tuple) else (self.strength,) * n_members

    def _strength(self, like: AnyArray) -> AnyArray:
        """λ, shaped to broadcast against W (D, M, C)."""
        return per_member(self.strength, like)


def store_numbers(penalty: Penalty, field: str, **bounds: float) -> None:
    """Check a field that holds one number or one per member; lists and arrays become tuples.

    With tuples components are comparable and hashable.
    """
    numbers: Any = getattr(penalty, field)
    if np.ndim(numbers) > 0:
        numbers = tuple(map(float, numbers))
        object.__setattr__(penalty, field, numbers)
    check_numbers(f"{type(penalty).__name__}({field}=...)", numbers, **bounds)


def per_member(numbers: PerMember, like: AnyArray) -> AnyArray:
    """One number or one per member, shaped (1, 1) or (M, 1) to broadcast against W (D, M, C)."""
    xp = array_namespace(like)
    values = numbers if isinstance(numbers, tuple) else (numbers,)
    return xp.reshape(xp.asarray(values, dtype=like.dtype, device=like.device), (-1, 1))


def sum_per_member(values: AnyArray) -> AnyArray:
    """Sums (M,) of values (D, M, C)."""
    return array_namespace(values).sum(values, axis=(0, 2))


def max_per_member(values: AnyArray) -> AnyArray:
    """Maxima (M,) of the absolute values of (D, M, C)."""
    return array_namespace(values).max(abs(values), axis=(0, 2))


def soft_threshold(W: AnyArray, threshold: AnyArray) -> AnyArray:
    """sign(W) max(0, |W| − threshold)."""
    xp = array_namespace(W)
    return xp.sign(W) * xp.clip(abs(W) - threshold, 0, None)

"""The pairwise losses of Weston and Watkins: Σ_{j≠y} φ(s_j − s_y + Δ)."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from array_api_compat import array_namespace

from halfspaces.losses.base import Array, Loss, _is_right, _over_classes, _right_score, _with_right
from halfspaces.losses.surrogates import (
    DOMAIN_TOLERANCE,
    Plus,
    SquaredPlus,
    Surrogate,
    inside,
)
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class _Pairwise(Loss):
    """Σ_{j≠y} φ(s_j − s_y + Δ)."""

    margin: float = 1.0
    shift_invariant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number(f"{type(self).__name__}(margin=...)", self.margin, above=0)

    @property
    @abstractmethod
    def surrogate(self) -> Surrogate:
        """φ."""

    def value_and_grad(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """The sum over the wrong classes; gradient φ' there and minus their sum at the right class."""
        xp = array_namespace(scores)
        right = _is_right(scores, y)
        value, slope = self.surrogate.value_and_slope(
            scores - _right_score(scores, y) + self.margin
        )
        zero = xp.zeros_like(scores)
        value, slope = xp.where(right, zero, value), xp.where(right, zero, slope)
        return xp.sum(value, axis=-1), xp.where(right, -_over_classes(slope), slope)

    def curvature(self, n_classes: int) -> float:
        """C times that of φ: the largest eigenvalue of the Laplacian of a star with C nodes is C."""
        return self.surrogate.curvature * n_classes

    def hessian(self, scores: Array, label: int, weight: Array) -> Array:
        """Σ w Σ_{j≠y} φ''_j (e_j − e_y)(e_j − e_y)ᵀ."""
        bent = (
            weight @ self.surrogate.second_derivative(scores - scores[:, [label]] + self.margin)
        ).astype(np.float64)
        bent[label] = 0
        total = np.diag(bent)
        total[label] -= bent
        total[:, label] -= bent
        total[label, label] = bent.sum()
        return total

    def conjugate(self, dual: Array, y: Array) -> Array:
        """Σ_{j≠y} φ*(a_j) − Δ a_j, where Σ_j a_j = 0."""
        xp = array_namespace(dual)
        wrong = xp.where(_is_right(dual, y), xp.zeros_like(dual), dual)
        imbalance = abs(_over_classes(dual)[..., 0])
        balanced = imbalance <= DOMAIN_TOLERANCE * (1 + xp.max(abs(dual), axis=-1))
        return inside(
            balanced, xp.sum(self.surrogate.conjugate(wrong) - self.margin * wrong, axis=-1)
        )


@dataclass(frozen=True)
class Hinge(_Pairwise):
    """Multiclass hinge of Weston and Watkins: L = Σ_{j≠y} max(0, s_j − s_y + Δ).

    Gradient: 1 for every wrong class whose margin is violated, minus their number at the right class. At a kink
    the violation is taken as met. With `smoothing` μ > 0 each term is Huberized, at most μ/2 below.

    Parameters
    ----------
    margin : float > 0
        Δ.
    smoothing : float ≥ 0
        μ; 0 is the hinge itself.

    Raises
    ------
    ValueError
        If `margin` or `smoothing` is out of range.

    References
    ----------
    Weston & Watkins, Support vector machines for multi-class pattern recognition, ESANN 1999.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    >>> Hinge().value_and_grad(scores, np.array([0, 1, 2]))[0].round(2).tolist()
    [2.9, 0.0, 12.9]
    """

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("Hinge(smoothing=...)", self.smoothing, at_least=0)

    @property
    def surrogate(self) -> Surrogate:
        """max(0, z), Huberized when smoothing > 0."""
        return Plus(self.smoothing)

    def smoothed(self, mu: float) -> "Hinge":
        """The same hinge with `smoothing=mu`."""
        return replace(self, smoothing=mu)

    def offsets(self, dual: Array, y: Array, mu: float) -> Array:
        """μ a_j of the wrong classes: the distance is ½ Σ_{j≠y} (a_j − dual_j)²."""
        return _with_right(mu * dual, y, 0.0)


@dataclass(frozen=True)
class SquaredHinge(_Pairwise):
    """Multiclass squared hinge: L = Σ_{j≠y} max(0, s_j − s_y + Δ)².

    Parameters
    ----------
    margin : float > 0
        Δ.

    Raises
    ------
    ValueError
        If `margin` is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> SquaredHinge().value_and_grad(np.array([[1.0, 1.5]]), np.array([0]))[0].tolist()
    [2.25]
    """

    @property
    def surrogate(self) -> Surrogate:
        """max(0, z)²."""
        return SquaredPlus()

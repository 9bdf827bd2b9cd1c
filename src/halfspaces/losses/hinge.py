"""The pairwise losses of Weston and Watkins: Σ_{j≠y} φ(s_j − s_y + Δ)."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from halfspaces.losses import base
from halfspaces.losses.surrogates import DOMAIN_TOLERANCE, Plus, SquaredPlus, Surrogate, inside
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray, Array
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class _Pairwise(base.Loss):
    """Σ_{j≠y} φ(s_j − s_y + Δ)."""

    margin: float = 1.0
    shift_invariant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number(f"{type(self).__name__}(margin=...)", self.margin, above=0)

    @property
    @abstractmethod
    def surrogate(self) -> Surrogate:
        """φ."""

    def value_and_grad(self, scores: AnyArray, y: AnyArray) -> tuple[AnyArray, AnyArray]:
        """The sum over the wrong classes; gradient φ' there, −Σ φ' at the right class."""
        xp = array_namespace(scores)
        right = base.right_class_mask(scores, y)
        violations = scores - base.right_class_scores(scores, y) + self.margin
        value, slope = self.surrogate.value_and_slope(violations)
        slope = xp.where(right, 0.0, slope)
        gradient = xp.where(right, -base.sum_over_classes(slope), slope)
        return xp.sum(xp.where(right, 0.0, value), axis=-1), gradient

    def curvature(self, n_classes: int) -> float:
        """C times the curvature of φ: the Laplacian of a star of C nodes has the eigenvalue C."""
        return self.surrogate.curvature * n_classes

    def curvatures(self, scores: Array, y: Array) -> Array:
        """Σ_{j≠y} φ''_j (e_j − e_y)(e_j − e_y)ᵀ."""
        right = base.right_class_mask(scores, y)
        return base.laplacian(self._bends(scores, y)[..., None] * right[..., None, :])

    def hessian(self, scores: Array, y: Array, weight: Array) -> Array:
        """Σ w Σ_{j≠y} φ''_j (e_j − e_y)(e_j − e_y)ᵀ."""
        right = base.right_class_mask(scores, y)
        return base.laplacian(right.T @ (weight[:, None] * self._bends(scores, y)))

    def _bends(self, scores: Array, y: Array) -> Array:
        """φ'' of the violations."""
        violations = scores - base.right_class_scores(scores, y) + self.margin
        return self.surrogate.second_derivative(violations)

    def conjugate(self, dual: AnyArray, y: AnyArray) -> AnyArray:
        """Σ_{j≠y} φ*(a_j) − Δ a_j, where Σ_j a_j = 0."""
        xp = array_namespace(dual)
        wrong = base.with_right_class(dual, y, 0.0)
        imbalance = abs(base.sum_over_classes(dual)[..., 0])
        balanced = imbalance <= DOMAIN_TOLERANCE * (1 + xp.max(abs(dual), axis=-1))
        values = self.surrogate.conjugate(wrong) - self.margin * wrong
        return inside(balanced, xp.sum(values, axis=-1))


@dataclass(frozen=True)
class Hinge(_Pairwise):
    """Multiclass hinge of Weston and Watkins: L = Σ_{j≠y} max(0, s_j − s_y + Δ).

    Gradient: 1 for every wrong class whose margin is violated, minus their number at the right
    class. At a kink the slope is 0. With `smoothing` μ > 0 each term is Huberized, at most μ/2
    below.

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
        """The hinge with `smoothing=mu`."""
        return replace(self, smoothing=mu)

    def offsets(self, dual: AnyArray, y: AnyArray, mu: float) -> AnyArray:
        """μ a_j of the wrong classes: the distance is ½ Σ_{j≠y} (a_j − dual_j)²."""
        return base.with_right_class(mu * dual, y, 0.0)


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

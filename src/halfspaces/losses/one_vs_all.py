"""One two-class loss for each class: Σ_j φ(Δ ∓ s_j), − for the right class."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from halfspaces.losses import base
from halfspaces.losses.surrogates import Plus, Softplus, Surrogate
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray, Array
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class OneVsAll(base.Loss):
    """One binary problem for each class: L = Σ_j φ(Δ − t_j s_j).

    t_j is 1 for the right class and −1 for the others.

    Parameters
    ----------
    surrogate : Surrogate
        φ: `Plus()` (hinge), `SquaredPlus()` (squared hinge) or `Softplus()` (logistic).
    margin : float ≥ 0
        Δ; the logistic loss has 0.

    Raises
    ------
    ValueError
        If `margin` is below 0.

    References
    ----------
    Rifkin & Klautau, In defense of one-vs-all classification, JMLR 2004.

    Examples
    --------
    >>> import numpy as np
    >>> loss = OneVsAll(Softplus(), margin=0)
    >>> loss.value_and_grad(np.zeros((1, 2)), np.array([0]))[0].round(4).tolist()
    [1.3863]
    """

    surrogate: Surrogate = Plus()
    margin: float = 1.0
    separable: ClassVar[bool] = True
    shift_invariant: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not isinstance(self.surrogate, Surrogate):  # pyright: ignore[reportUnnecessaryIsInstance]
            known = "Plus(), SquaredPlus() or Softplus()"
            raise TypeError(f"OneVsAll(surrogate=...) must be {known}, got {self.surrogate!r}.")
        check_number("OneVsAll(margin=...)", self.margin, at_least=0)

    @property
    def probability(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The scores of the logistic loss are log-odds."""
        return "sigmoid" if self.surrogate == Softplus() and self.margin == 0 else None

    def value_and_grad(self, scores: AnyArray, y: AnyArray) -> tuple[AnyArray, AnyArray]:
        """The sum over classes; gradient −t_j φ'(Δ − t_j s_j)."""
        xp = array_namespace(scores)
        right = base.right_class_mask(scores, y)
        violations = xp.where(right, -scores, scores) + self.margin
        value, slope = self.surrogate.value_and_slope(violations)
        return xp.sum(value, axis=-1), xp.where(right, -slope, slope)

    def curvature(self, n_classes: int) -> float:
        """The curvature of φ: the classes do not interact."""
        return self.surrogate.curvature

    def curvatures(self, scores: Array, y: Array) -> Array:
        """φ''(Δ − t_j s_j): the classes do not interact."""
        violations = np.where(base.right_class_mask(scores, y), -scores, scores) + self.margin
        return self.surrogate.second_derivative(violations)

    def conjugate(self, dual: AnyArray, y: AnyArray) -> AnyArray:
        """Σ_j φ*(−t_j a_j) + Δ t_j a_j."""
        xp = array_namespace(dual)
        slope = xp.where(base.right_class_mask(dual, y), -dual, dual)
        return xp.sum(self.surrogate.conjugate(slope) - self.margin * slope, axis=-1)

    def smoothed(self, mu: float) -> "OneVsAll":
        """The loss with the smoothed φ."""
        return replace(self, surrogate=self.surrogate.smoothed(mu))

    def offsets(self, dual: AnyArray, y: AnyArray, mu: float) -> AnyArray:
        """μ · dual: the distance is ½ Σ_j (a_j − dual_j)²."""
        return mu * dual

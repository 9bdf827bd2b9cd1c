"""The hinge of the largest wrong score: max(0, max_{j≠y} s_j − s_y + Δ)."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from halfspaces.losses import base
from halfspaces.losses.surrogates import inside
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class CrammerSinger(base.Loss):
    """Structured SVM of Crammer and Singer: L = max(0, max_{j≠y} s_j − s_y + Δ).

    Gradient: 1 at the worst violator, −1 at the right class; 0 once the margin is met. Equal
    violators share the gradient. With `smoothing` μ > 0 the maximum of the violations v becomes the
    maximum of ⟨q, v⟩ − (μ/2)|q|² over the simplex, at most μ/2 below. Its maximizer q, the gradient
    plus onehot(y), is the projection of v/μ onto the simplex (sparsemax).

    Parameters
    ----------
    margin : float > 0
        Δ.
    smoothing : float ≥ 0
        μ; 0 is the loss itself.

    Raises
    ------
    ValueError
        If `margin` or `smoothing` is out of range.

    References
    ----------
    Crammer & Singer, On the algorithmic implementation of multiclass kernel-based vector machines,
    JMLR 2001; Martins & Astudillo, From softmax to sparsemax, ICML 2016,
    https://arxiv.org/abs/1602.02068

    Examples
    --------
    >>> import numpy as np
    >>> value, grad = CrammerSinger().value_and_grad(np.array([[3.2, 5.1, -1.7]]), np.array([0]))
    >>> value.round(2).tolist()
    [2.9]
    """

    margin: float = 1.0
    smoothing: float = 0.0
    shift_invariant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("CrammerSinger(margin=...)", self.margin, above=0)
        check_number("CrammerSinger(smoothing=...)", self.smoothing, at_least=0)

    def value_and_grad(self, scores: AnyArray, y: AnyArray) -> tuple[AnyArray, AnyArray]:
        """max_j (s_j + Δ [j≠y]) − s_y and its (soft) argmax minus onehot(y)."""
        xp = array_namespace(scores)
        right = base.right_class_mask(scores, y)
        onehot = xp.astype(right, scores.dtype)
        violations = scores - base.right_class_scores(scores, y) + self.margin * (1 - onehot)
        if self.smoothing > 0:
            q = base.project_onto_simplex(violations / self.smoothing)
            value = base.sum_over_classes(q * (violations - self.smoothing / 2 * q))[..., 0]
            others = base.put_right_class(q, y, xp.zeros_like(value[..., None]))
            return value, base.put_right_class(others, y, -base.sum_over_classes(others))
        worst = xp.max(violations, axis=-1, keepdims=True)
        violators = xp.astype((violations == worst) & ((worst <= 0) == right), scores.dtype)
        return worst[..., 0], violators / base.sum_over_classes(violators) - onehot

    def curvature(self, n_classes: int) -> float:
        """1/μ, infinite without smoothing."""
        return 1 / self.smoothing if self.smoothing > 0 else math.inf

    def conjugate(self, dual: AnyArray, y: AnyArray) -> AnyArray:
        """(μ/2) |q|² − Δ Σ_{j≠y} q_j with q = a + onehot(y), on the simplex."""
        q = self._plus_onehot(dual, y)
        distance = self.margin * base.right_class_scores(dual, y)
        value = self.smoothing / 2 * base.sum_over_classes(q**2) + distance
        return inside(base.in_simplex(q), value[..., 0])

    def smoothed(self, mu: float) -> "CrammerSinger":
        """The loss with `smoothing=mu`."""
        return replace(self, smoothing=mu)

    def offsets(self, dual: AnyArray, y: AnyArray, mu: float) -> AnyArray:
        """μ q with q = dual + onehot(y): the distance is ½ |q − q'|²."""
        return mu * self._plus_onehot(dual, y)

    def _plus_onehot(self, dual: AnyArray, y: AnyArray) -> AnyArray:
        return base.with_right_class(dual, y, 1 + base.right_class_scores(dual, y))

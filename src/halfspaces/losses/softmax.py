"""Softmax: the cross-entropy of e^s / Σ e^s."""

# An array of any library, tested to be NumPy's, has an unknown dtype:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from halfspaces.losses import base
from halfspaces.losses.surrogates import complement_terms, entropy_terms, inside
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray, Array
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class Softmax(base.Loss):
    """Cross-entropy of softmax probabilities p = e^s / Σ e^s: L = −Σ_j t_j log p_j.

    Also called the multinomial logistic loss. t is 1 at the right class; with label smoothing ε it
    is (1 − ε) there plus ε/C everywhere. The gradient is p − t. Exponentials do not overflow: any
    finite scores give finite values.

    Parameters
    ----------
    label_smoothing : float in [0, 1)

    Raises
    ------
    ValueError
        If `label_smoothing` is outside [0, 1).

    References
    ----------
    Böhning, Multinomial logistic regression algorithm, 1992, https://doi.org/10.1007/BF00048682
    (the curvature ½).

    Examples
    --------
    >>> import numpy as np
    >>> loss, grad = Softmax().value_and_grad(np.array([[3.2, 5.1, -1.7]]), np.array([0]))
    >>> round(float(loss[0]), 2), grad.round(2).tolist()
    (2.04, [[-0.87, 0.87, 0.0]])
    """

    label_smoothing: float = 0.0
    shift_invariant: ClassVar[bool] = True
    probability: ClassVar[str | None] = "softmax"

    def __post_init__(self) -> None:
        check_number("Softmax(label_smoothing=...)", self.label_smoothing, at_least=0, below=1)

    def value_and_grad(self, scores: AnyArray, y: AnyArray) -> tuple[AnyArray, AnyArray]:
        """−⟨t, log p⟩ and p − t.

        Scores are taken relative to the right class: −log p_y = log(1 + Σ_{j≠y} e^{s_j − s_y}), and
        1 − p_y is that sum over 1 plus itself, so that a small loss loses no digits. Where the
        exponentials would overflow, all are divided by the largest.
        """
        xp = array_namespace(scores)
        relative = scores - base.right_class_scores(scores, y)
        top, own = 0.0, 0.0  # the largest exponent, and e^−top − 1
        if not _all_small(relative):
            top = base.max_over_classes(relative)
            own = xp.expm1(-top)
            relative = relative - top
        others = base.put_right_class(xp.exp(relative), y, xp.zeros_like(scores[..., :1]))
        rest = base.sum_over_classes(others)
        total = 1 + (rest + own)
        loss = top + xp.log1p(rest + own)
        others /= total
        less = rest / total  # 1 − p_y
        gradient = base.put_right_class(others, y, -less)
        if self.label_smoothing > 0:
            everywhere = self.label_smoothing / scores.shape[-1]
            loss = loss - everywhere * base.sum_over_classes(relative) - self.label_smoothing * top
            less = less + everywhere - self.label_smoothing
            gradient = base.put_right_class(gradient - everywhere, y, -less)
        return loss[..., 0], gradient

    @property
    def certainty(self) -> float:
        """1 − ε."""
        return 1 - self.label_smoothing

    def curvature(self, n_classes: int) -> float:
        """½: diag(p) − p pᵀ ⪯ ½ I."""
        return 0.5

    def curvatures(self, scores: Array, y: Array) -> Array:
        """diag(p) − p pᵀ."""
        p = np.exp(scores - base.max_over_classes(scores))
        p /= base.sum_over_classes(p)
        return base.laplacian(p[..., None] * p[..., None, :] / 2)

    def hessian(self, scores: Array, y: Array, weight: Array) -> Array:
        """Σ w (diag(p) − p pᵀ)."""
        p = np.exp(scores - base.max_over_classes(scores))
        p /= base.sum_over_classes(p)
        return base.laplacian(p.T @ (weight[:, None] * p) / 2)

    def conjugate(self, dual: AnyArray, y: AnyArray) -> AnyArray:
        """Σ_j q_j log q_j with q = a + t, on the simplex."""
        xp = array_namespace(dual)
        everywhere = self.label_smoothing / dual.shape[-1]
        less = base.right_class_scores(dual, y) + everywhere - self.label_smoothing  # q_y − 1
        q = base.put_right_class(dual + everywhere, y, 1 + less)
        terms = base.put_right_class(entropy_terms(xp.clip(q, 0, None)), y, complement_terms(-less))
        return inside(base.in_simplex(q), base.sum_over_classes(terms)[..., 0])


def _all_small(exponents: AnyArray) -> bool:
    """Whether the sum of the exponentials does not overflow; known of NumPy's arrays alone."""
    if not isinstance(exponents, np.ndarray):
        return False
    largest = math.log(np.finfo(exponents.dtype).max / exponents.shape[-1])
    return bool(np.max(exponents) < 0.99 * largest)

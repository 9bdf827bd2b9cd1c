"""The interface of every loss, a function of one example's scores and its label, L_i(s, y)."""

# An array of any library, tested to be NumPy's, has an unknown dtype:
# pyright: reportUnknownVariableType=false

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ClassVar

import numpy as np

from halfspaces.losses.surrogates import DOMAIN_TOLERANCE
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray, Array

FEW_CLASSES = 32  # up to this number reductions along the last axis are slow
DIFFERENCE_STEP = 1e-4  # of a score, for differences of gradients


def right_class_mask(scores: AnyArray, y: AnyArray) -> AnyArray:
    """Mask of the right class, shaped to broadcast against the scores: (B, C) or (B, 1, C)."""
    xp = array_namespace(scores)
    # Not in the type of y: class 256 would be class 0 in uint8.
    classes = xp.arange(scores.shape[-1], device=scores.device)
    return classes == xp.reshape(y, (y.shape[0],) + (1,) * (scores.ndim - 1))


@np.errstate(invalid="ignore")  # kernels of BLAS may raise the flag for lanes that they do not use
def sum_over_classes(values: AnyArray) -> AnyArray:
    """Sums (..., 1) over the last axis: by a product, faster than a reduction over few classes."""
    xp = array_namespace(values)
    ones = xp.ones(values.shape[-1], dtype=values.dtype, device=values.device)
    return xp.reshape(xp.reshape(values, (-1, ones.shape[0])) @ ones, (*values.shape[:-1], 1))


def max_over_classes(values: AnyArray) -> AnyArray:
    """Maxima (..., 1) over the last axis."""
    xp = array_namespace(values)
    if values.shape[-1] > FEW_CLASSES:
        return xp.max(values, axis=-1, keepdims=True)
    # Maxima between long rows are faster than maxima within short ones.
    classes_first = xp.asarray(xp.reshape(values, (-1, values.shape[-1])).T, copy=True)
    return xp.reshape(xp.max(classes_first, axis=0), (*values.shape[:-1], 1))


def right_class_scores(scores: AnyArray, y: AnyArray) -> AnyArray:
    """The score of each example's right class, shape (..., 1)."""
    xp = array_namespace(scores)
    if isinstance(scores, np.ndarray):
        return scores[np.arange(len(y)), ..., y][..., None]
    return sum_over_classes(xp.where(right_class_mask(scores, y), scores, xp.zeros_like(scores)))


def with_right_class(values: AnyArray, y: AnyArray, replacement: AnyArray | float) -> AnyArray:
    """The values, replaced at the right classes."""
    return array_namespace(values).where(right_class_mask(values, y), replacement, values)


def put_right_class(values: AnyArray, y: AnyArray, replacement: AnyArray) -> AnyArray:
    """The values, those of the right classes replaced by (..., 1), in their memory if possible."""
    if isinstance(values, np.ndarray):
        values[np.arange(len(y)), ..., y] = replacement[..., 0]
        return values
    return with_right_class(values, y, replacement)


def in_simplex(q: AnyArray) -> AnyArray:
    """Whether q ≥ 0 and Σ q = 1, to rounding."""
    non_negative = array_namespace(q).min(q, axis=-1) >= -DOMAIN_TOLERANCE
    return non_negative & (abs(sum_over_classes(q)[..., 0] - 1) <= DOMAIN_TOLERANCE)


def laplacian(edges: Array) -> Array:
    """Σ_{jk} edges_jk (e_j − e_k)(e_j − e_k)ᵀ, in float64, for weights of pairs (..., C, C).

    The Hessian of a shift-invariant loss is one: its rows sum to 0, without cancellation.
    """
    diagonal = np.eye(edges.shape[-1], dtype=bool)
    both = np.where(diagonal, 0.0, edges.astype(np.float64) + edges.swapaxes(-2, -1))
    return np.where(diagonal, both.sum(axis=-1, keepdims=True), 0.0) - both


def project_onto_simplex(values: AnyArray) -> AnyArray:
    """The nearest point of the simplex: max(0, v − τ) with the τ for which it sums to 1."""
    xp = array_namespace(values)
    shifted = values - max_over_classes(values)
    falling = xp.flip(xp.sort(shifted, axis=-1), axis=-1)
    excess = xp.cumulative_sum(falling, axis=-1) - 1
    counts = xp.arange(1, values.shape[-1] + 1, dtype=values.dtype, device=values.device)
    candidates = xp.where(counts * falling > excess, excess / counts, -math.inf)
    return xp.clip(shifted - xp.max(candidates, axis=-1, keepdims=True), 0, None)


def _by_member(formula: Callable[..., Any]) -> Any:
    """The formula of labels (B,), for labels (B, M) of members that have their own, too."""

    @wraps(formula)
    def called(self: "Loss", values: AnyArray, y: AnyArray, *more: Any) -> Any:
        if y.ndim == 1:
            return formula(self, values, y, *more)
        from halfspaces.system.by_hand import of_examples

        return of_examples(partial(formula, self), values, y, *more)

    return called


def _checked(formula: Callable[..., Any]) -> Any:
    """The formula for arguments of any form, whose labels are checked."""

    @wraps(formula)
    def value_and_grad(self: "Loss", scores: Any, y: Any) -> tuple[AnyArray, AnyArray]:
        from halfspaces.system.by_hand import loss_and_gradient

        return loss_and_gradient(partial(formula, self), scores, y)

    return value_and_grad


class Loss(ABC):
    """A convex function of one example's scores and its label.

    A new loss is one frozen dataclass with the three abstract methods below and one row in
    `LOSSES`. `halfspaces.testing.check_loss` tests it against every law.
    """

    margin: float = 1.0  # Δ, where there is one
    separable: ClassVar[bool] = False  # a sum of functions of one score each
    shift_invariant: ClassVar[bool]  # adding a constant to all scores of an example changes nothing
    # How scores become probabilities: "softmax", "sigmoid", or not at all.
    probability: ClassVar[str | None] = None
    # `value_and_grad` as its class defines it, for arrays that need no check.
    formula: Callable[..., tuple[AnyArray, AnyArray]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in {"value_and_grad", "conjugate", "curvatures", "offsets"} & vars(cls).keys():
            setattr(cls, name, _by_member(vars(cls)[name]))
        if "value_and_grad" in vars(cls):
            cls.formula = cls.value_and_grad
            cls.value_and_grad = _checked(cls.formula)

    @abstractmethod
    def value_and_grad(self, scores: AnyArray, y: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Loss of each example and its (sub)gradient with respect to the scores.

        A class defines it for arrays; whoever calls it may give lists, and (C,) for one example.

        Parameters
        ----------
        scores : array of floats, shape (B, C) or (B, M, C)
        y : array of integers, shape (B,), or (B, M) where members have labels of their own
            The right classes, 0 to C−1. A class defines its formulas for (B,).

        Returns
        -------
        loss : array, shape (B,) or (B, M)
        dscores : array, shape of `scores`

        Raises
        ------
        ValueError
            If y does not hold an integer from 0 to C−1 for each example, or each of each member.
        """

    def value(self, scores: AnyArray, y: AnyArray) -> AnyArray:
        """The loss of each example, (B,) or (B, M); of scores (C,) a number.

        >>> from halfspaces.losses import Hinge
        >>> Hinge().value([3.2, 5.1, -1.7], 0).round(2).item()
        2.9
        """
        return self.value_and_grad(scores, y)[0]

    def grad(self, scores: AnyArray, y: AnyArray) -> AnyArray:
        """The (sub)gradient with respect to the scores, in their shape.

        >>> from halfspaces.losses import Hinge
        >>> Hinge().grad([[3.2, 5.1, -1.7]], [0]).tolist()
        [[-1.0, 1.0, 0.0]]
        """
        return self.value_and_grad(scores, y)[1]

    @abstractmethod
    def curvature(self, n_classes: int) -> float:
        """A bound on the largest eigenvalue of the Hessian in the scores; infinite with kinks."""

    @abstractmethod
    def conjugate(self, dual: AnyArray, y: AnyArray) -> AnyArray:
        """L*(a) = sup_s ⟨a, s⟩ − L(s, y) for each example, infinite outside its domain.

        Shapes are those of `value_and_grad`. L(s) + L*(a) ≥ ⟨a, s⟩, with equality at a = ∇L(s);
        certificates of optimality rest on it.
        """

    @property
    def certainty(self) -> float:
        """A v ≤ 1 such that v(π − onehot(y)) is a dual point for any class frequencies π."""
        return 1.0

    @property
    def smooth(self) -> bool:
        """Whether the loss has a gradient everywhere."""
        return math.isfinite(self.curvature(2))

    def curvatures(self, scores: Array, y: Array) -> Array:
        """∇²L_i in the scores of each example of a smooth loss, (B, C, C) or (B, M, C, C).

        Of a separable loss the diagonals, (B, C) or (B, M, C). By default from centred differences
        of the gradient, in 2 C evaluations.

        Parameters
        ----------
        scores : array of floats, shape (B, C) or (B, M, C)
        y : integer array, shape (B,)

        >>> from halfspaces.losses import Softmax
        >>> Softmax().curvatures(np.zeros((1, 2)), np.array([0])).tolist()
        [[[0.25, -0.25], [-0.25, 0.25]]]
        """
        bumps = DIFFERENCE_STEP * np.eye(scores.shape[-1])
        slopes = [self.formula(scores + b, y)[1] - self.formula(scores - b, y)[1] for b in bumps]
        columns = np.stack(slopes, axis=-1) / (2 * DIFFERENCE_STEP)
        if self.separable:
            return np.diagonal(columns, axis1=-2, axis2=-1)
        if self.shift_invariant:
            return laplacian(-columns / 2)
        return (columns + columns.swapaxes(-2, -1)) / 2

    def hessian(self, scores: Array, y: Array, weight: Array) -> Array:
        """Σ_i w_i ∇²L_i in the scores, shape (C, C), of a smooth loss.

        Parameters
        ----------
        scores : array of floats, shape (B, C)
        y : integer array, shape (B,)
        weight : array, shape (B,)

        >>> from halfspaces.losses import Softmax
        >>> Softmax().hessian(np.zeros((2, 2)), np.arange(2), np.ones(2)).tolist()
        [[0.5, -0.5], [-0.5, 0.5]]
        """
        total = np.tensordot(weight, self.curvatures(scores, y), 1)
        return np.diag(total) if self.separable else total

    def smoothed(self, mu: float) -> "Loss":
        """A smooth loss that tends to this one from below as μ → 0; itself if already smooth."""
        return self

    def offsets(self, dual: AnyArray, y: AnyArray, mu: float) -> AnyArray:
        """What to add to the scores so that `smoothed(mu)` is smoothed about `dual` instead of 0.

        The smoothed loss is L_μ(s) = max_a ⟨a, s⟩ − L*(a) − μ d(a), where d(a) is the size of a.
        With the distance of a from `dual` in its place, the maximum is L_μ(s + offsets), but for a
        constant. This smoothing does not move the minimum once `dual` is the optimal dual point,
        however large μ is. By default 0.
        """
        return 0 * dual

    def chance_value(self, n_classes: int) -> float:
        """The loss when all scores are 0: ln C for softmax, (C−1)Δ for the hinge, ...

        >>> from halfspaces.losses import Hinge
        >>> Hinge().chance_value(10)
        9.0
        """
        return float(self.formula(np.zeros((1, n_classes)), np.zeros(1, dtype=np.int64))[0][0])

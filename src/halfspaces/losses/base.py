"""What every loss has: a function of one example's scores and its label, L_i(s, y)."""

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace, device

from halfspaces.losses.surrogates import (
    DOMAIN_TOLERANCE,
)

Array = Any  # an array of any library that follows the array API standard


FEW_CLASSES = 32  # so many that reductions over them are slow


BUMP = 1e-4  # of a score, for differences of gradients


def _is_right(scores: Array, y: Array) -> Array:
    """Mask of the right class, shaped to broadcast against the scores: (B, C) or (B, 1, C)."""
    xp = array_namespace(scores)
    classes = xp.arange(
        scores.shape[-1], device=device(scores)
    )  # not of y's type: class 256 would be class 0 in uint8
    return classes == xp.reshape(y, (y.shape[0],) + (1,) * (scores.ndim - 1))


def _over_classes(values: Array) -> Array:
    """Sums (..., 1): by a product, which is faster than a reduction over few classes."""
    xp = array_namespace(values)
    return (values @ xp.ones(values.shape[-1], dtype=values.dtype, device=device(values)))[
        ..., None
    ]


def _largest(values: Array) -> Array:
    """Maxima over the classes (..., 1)."""
    xp, classes = array_namespace(values), values.shape[-1]
    if classes > FEW_CLASSES:
        return xp.max(values, axis=-1, keepdims=True)
    first = xp.asarray(
        xp.reshape(values, (-1, classes)).T, copy=True
    )  # maxima along rows, not within short ones
    return xp.reshape(xp.max(first, axis=0), (*values.shape[:-1], 1))


def _right_score(scores: Array, y: Array) -> Array:
    """Of each example, (..., 1)."""
    xp = array_namespace(scores)
    if isinstance(scores, np.ndarray):
        return scores[np.arange(len(y)), ..., y][..., None]
    return _over_classes(xp.where(_is_right(scores, y), scores, xp.zeros_like(scores)))


def _minus_target(p: Array, y: Array, right: float = 1.0, everywhere: float = 0.0) -> Array:
    """p − (right · onehot(y) + everywhere), in the memory of p where it can be."""
    if everywhere:
        p -= everywhere
    if isinstance(p, np.ndarray):
        p[np.arange(len(y)), ..., y] -= right
        return p
    return array_namespace(p).where(_is_right(p, y), p - right, p)


def _with_right(values: Array, y: Array, right: Any) -> Array:
    """The values with others at the right classes."""
    return array_namespace(values).where(_is_right(values, y), right, values)


def _in_simplex(q: Array) -> Array:
    """Whether q ≥ 0 and Σ q = 1, to rounding."""
    xp = array_namespace(q)
    return (xp.min(q, axis=-1) >= -DOMAIN_TOLERANCE) & (
        abs(_over_classes(q)[..., 0] - 1) <= DOMAIN_TOLERANCE
    )


def _nearest_in_simplex(values: Array) -> Array:
    """The point of the simplex nearest to the values: max(0, v − τ), with the τ that makes its sum 1."""
    xp, classes = array_namespace(values), values.shape[-1]
    falling = xp.flip(xp.sort(values - _largest(values), axis=-1), axis=-1)
    excess = xp.cumulative_sum(falling, axis=-1) - 1
    counts = xp.arange(1, classes + 1, dtype=values.dtype, device=device(values))
    positive = counts * falling > excess
    tau = xp.max(
        xp.where(positive, excess / counts, -xp.inf * xp.ones_like(excess)), axis=-1, keepdims=True
    )
    return xp.clip(values - _largest(values) - tau, 0, None)


class Loss(ABC):
    """A convex function of one example's scores and its label.

    A new loss is one frozen dataclass with the three abstract methods below and one row in `LOSSES`;
    `halfspaces.testing.check_loss` then holds it to every law.
    """

    shift_invariant: ClassVar[bool]  # adding a constant to all scores of an example changes nothing
    probability: ClassVar[str | None] = (
        None  # how scores become probabilities: "softmax", "sigmoid", or not at all
    )

    @abstractmethod
    def value_and_grad(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """Loss of each example and its (sub)gradient with respect to the scores.

        Parameters
        ----------
        scores : array of floats, shape (B, C) or (B, M, C)
        y : array of integers, shape (B,)
            The right classes, 0 to C−1.

        Returns
        -------
        loss : array, shape (B,) or (B, M)
        dscores : array, shape of `scores`
        """

    @abstractmethod
    def curvature(self, n_classes: int) -> float:
        """A bound on the largest eigenvalue of the Hessian in the scores; infinite where there is a kink."""

    @abstractmethod
    def conjugate(self, dual: Array, y: Array) -> Array:
        """L*(a) = sup_s ⟨a, s⟩ − L(s, y) for each example, infinite outside the domain; shapes as in `value_and_grad`.

        L(s) + L*(a) ≥ ⟨a, s⟩, with equality at a = ∇L(s): what a certificate of optimality rests on.
        """

    @property
    def certainty(self) -> float:
        """The weight v ≤ 1 for which v(π − onehot(y)) is a dual point for any class frequencies π: what labels say."""
        return 1.0

    @property
    def smooth(self) -> bool:
        """Whether the loss has a gradient everywhere."""
        return math.isfinite(self.curvature(2))

    def hessian(self, scores: Array, label: int, weight: Array) -> Array:
        """Σ_i w_i ∇²L_i in the scores (C, C), of smooth losses: the curvature among the classes.

        By centred differences of the gradient, unless a loss knows better: with 2 C evaluations.

        Parameters
        ----------
        scores : array of floats, shape (B, C)
            Of examples that all have this label.
        label : int
        weight : array, shape (B,)

        >>> import numpy as np
        >>> Softmax().hessian(np.zeros((2, 2)), 0, np.ones(2)).tolist()
        [[0.5, -0.5], [-0.5, 0.5]]
        """
        y = np.full(len(scores), label)
        gradients = (
            [self.value_and_grad(scores + sign * bump, y)[1] for sign in (1, -1)]
            for bump in BUMP * np.eye(scores.shape[1])
        )
        columns = np.stack([weight @ (up - down) / (2 * BUMP) for up, down in gradients])
        return (columns + columns.T) / 2

    def smoothed(self, mu: float) -> "Loss":
        """A smooth loss that tends to this one from below as μ → 0; itself where it is smooth already."""
        return self

    def offsets(self, dual: Array, y: Array, mu: float) -> Array:
        """Added to the scores, they make `smoothed(mu)` smooth about the dual point `dual` instead of about 0.

        L_μ(s) = max_a ⟨a, s⟩ − L*(a) − μ d(a), and with the distance of a from `dual` in place of its size d(a) the
        same but for a constant of L_μ(s + offsets): a smoothing that leaves the minimum where it is once `dual` is the
        best dual point, however large μ. 0 unless a loss knows better.
        """
        return 0 * dual

    def chance_value(self, n_classes: int) -> float:
        """The loss when all scores are 0: ln C for softmax, (C−1)Δ for the hinge, ...

        >>> Hinge().chance_value(10)
        9.0
        """
        loss, _ = self.value_and_grad(np.zeros((1, n_classes)), np.zeros(1, dtype=np.int64))
        return float(loss[0])

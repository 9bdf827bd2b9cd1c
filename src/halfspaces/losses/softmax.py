"""Softmax: the cross-entropy of e^s / Σ e^s."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from array_api_compat import array_namespace

from halfspaces.losses.base import (
    Array,
    Loss,
    _in_simplex,
    _is_right,
    _largest,
    _minus_target,
    _over_classes,
    _right_score,
)
from halfspaces.losses.surrogates import (
    entropy_terms,
    inside,
)
from halfspaces.support.validation import check_number


def _log_softmax(scores: Array) -> tuple[Array, Array, Array]:
    """Scores less the largest, log Σ exp of these (..., 1), and probabilities e^s / Σ e^s."""
    xp = array_namespace(scores)
    shifted = scores - _largest(scores)
    exponentials = xp.exp(shifted)
    total = _over_classes(exponentials)
    exponentials /= total
    return shifted, xp.log(total), exponentials


def _negative_entropy(q: Array) -> Array:
    """Σ_j q_j log q_j on the simplex, infinite outside."""
    xp = array_namespace(q)
    return inside(_in_simplex(q), _over_classes(entropy_terms(xp.clip(q, 0, None)))[..., 0])


@dataclass(frozen=True)
class Softmax(Loss):
    """Cross-entropy of softmax probabilities (multinomial logistic loss): L = −Σ_j t_j log p_j, p = e^s / Σ e^s.

    t is 1 at the right class; with label smoothing ε it is (1 − ε) there plus ε/C everywhere.
    Gradient p − t. Scores are shifted so that the largest is 0: any finite scores give finite values.

    Parameters
    ----------
    label_smoothing : float in [0, 1)

    Raises
    ------
    ValueError
        If `label_smoothing` is outside [0, 1).

    References
    ----------
    Böhning, Multinomial logistic regression algorithm, 1992, https://doi.org/10.1007/BF00048682 (the curvature ½).

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

    def _target(self, scores: Array, y: Array) -> Array:
        onehot = array_namespace(scores).astype(_is_right(scores, y), scores.dtype)
        return (1 - self.label_smoothing) * onehot + self.label_smoothing / scores.shape[-1]

    def value_and_grad(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """−⟨t, log p⟩ and p − t."""
        shifted, log_total, p = _log_softmax(scores)
        epsilon = self.label_smoothing
        score = (1 - epsilon) * _right_score(shifted, y)
        if epsilon > 0:
            score = score + epsilon / scores.shape[-1] * _over_classes(shifted)
        return (log_total - score)[..., 0], _minus_target(
            p, y, 1 - epsilon, epsilon / scores.shape[-1]
        )

    @property
    def certainty(self) -> float:
        """1 − ε."""
        return 1 - self.label_smoothing

    def curvature(self, n_classes: int) -> float:
        """½: diag(p) − p pᵀ ⪯ ½ I."""
        return 0.5

    def hessian(self, scores: Array, label: int, weight: Array) -> Array:
        """Σ w (diag(p) − p pᵀ): its rows sum to 0, which gives the diagonal no digit of which cancels."""
        p = _log_softmax(scores)[2]
        between = (p.T @ (weight[:, None] * p)).astype(np.float64)
        between += between.T.copy()
        between /= 2
        np.fill_diagonal(between, 0)
        return np.diag(between.sum(axis=1)) - between

    def conjugate(self, dual: Array, y: Array) -> Array:
        """Σ_j q_j log q_j with q = a + t, on the simplex."""
        return _negative_entropy(dual + self._target(dual, y))

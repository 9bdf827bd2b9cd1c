"""½ tr(H(s) Var(s̃)) of noisy linear scores, with its gradients in the scores and the weights.

H is the Hessian of a loss in its scores, which must not depend on the label. Var(s̃) is the
covariance of the noisy scores of one example: Σ_j v_j w_j w_jᵀ, with the variance v_j of input j
and its weights w_j, one for each class.
"""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from halfspaces.losses.base import Loss, max_over_classes, sum_over_classes
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.losses.surrogates import Softplus
from halfspaces.noise.base import with_stored
from halfspaces.support.types import Array, Features


class TermOfRows(NamedTuple):
    """The term of B examples for one member."""

    values: Array  # (B,)
    dscores: Array  # (B, C)
    dweights: Callable[[Array], Array]  # of weights (B, 1) of the examples: their sum, (D, C)


Term = Callable[[Array, Array, Features], TermOfRows]  # of scores, weights (D, C) and variances


def softmax_term(scores: Array, W: Array, variance: Features) -> TermOfRows:
    """The term for H = diag(p) − p pᵀ: ½ [Σ_c p_c Var(s̃_c) − Var(Σ_c p_c s̃_c)].

    Parameters
    ----------
    scores : array, shape (B, C)
    W : array, shape (D, C)
    variance : array or csr_array, shape (B, D)
        Of each input.
    """
    p = np.exp(scores - max_over_classes(scores))
    p /= sum_over_classes(p)
    of_mean = _times(variance, p, W)  # v_j Σ_c p_c W_jc, (B, D)
    covariance = of_mean @ W  # of each score with Σ_c p_c s̃_c
    slopes = (variance @ W**2) / 2 - covariance  # in p
    mean_slope = sum_over_classes(p * slopes)
    values = mean_slope + sum_over_classes(p * covariance) / 2

    def dweights(example_weights: Array) -> Array:
        weighted = example_weights * p
        return W * (variance.T @ weighted) - of_mean.T @ weighted

    return TermOfRows(values[:, 0], p * (slopes - mean_slope), dweights)


def logistic_term(scores: Array, W: Array, variance: Features) -> TermOfRows:
    """The term for H = diag(σ(s)(1 − σ(s))): ½ Σ_c H_cc Var(s̃_c).

    The parameters are those of `softmax_term`.
    """
    surrogate = Softplus()
    slope = surrogate.value_and_slope(scores)[1]
    curvature = surrogate.second_derivative(scores)
    variances = variance @ W**2

    def dweights(example_weights: Array) -> Array:
        return W * (variance.T @ (example_weights * curvature))

    values = sum_over_classes(curvature * variances) / 2
    dscores = curvature * (1 - 2 * slope) * variances / 2
    return TermOfRows(values[:, 0], dscores, dweights)


def has_term(loss: Loss) -> bool:
    """Whether the Hessian of the loss does not depend on the label."""
    return isinstance(loss, Softmax) or (
        isinstance(loss, OneVsAll) and loss.probability == "sigmoid"
    )


def term_of(loss: Loss) -> Term:
    """The term of a loss whose Hessian does not depend on the label.

    Raises
    ------
    ValueError
        For any other loss.
    """
    if not has_term(loss):
        raise ValueError(
            "AdaptiveL2 needs a loss whose second derivatives do not depend on the label, softmax "
            f"or ova_logistic, got {loss!r}; use one of these, or draw the noise."
        )
    return softmax_term if isinstance(loss, Softmax) else logistic_term


def _times(variance: Features, p: Array, W: Array) -> Features:
    """The variances times p Wᵀ; of sparse variances only the stored values are computed."""
    if isinstance(variance, np.ndarray):
        products = p @ W.T
        products *= variance
        return products
    rows = np.repeat(np.arange(len(p)), np.diff(variance.indptr))
    products = np.zeros_like(variance.data)
    for of_class, weights in zip(p.T, W.T, strict=True):
        products += of_class[rows] * weights[variance.indices]
    return with_stored(variance, products * variance.data)

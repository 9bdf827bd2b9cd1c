"""The strength at which all weights are (nearly) 0: where a path or a grid begins."""

import numpy as np

from halfspaces.loop.result import Reason
from halfspaces.losses.base import Loss
from halfspaces.objective.certificate import Anchor
from halfspaces.objective.objective import Objective
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array

FIRST_SMOOTHING = 0.5  # of a loss with kinks, which has several gradients at W = 0
L2_GAIN = 0.01  # of the loss at W = 0: gained by the best W at the largest L2 strength


def largest_strength(objective: Objective) -> float:
    """The λ at which the minimum has (nearly) W = 0, the largest of all members.

    For L1 and elastic net that of `largest_strengths`. For L2 that at which the best W gains about
    1 % of the loss at W = 0, from L(0) − min L ≈ ‖g‖²/(4λ), g the gradient in the weights at W = 0
    with the best bias. 1 where g is 0.

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.l1 import L1
    >>> from halfspaces.penalties.l2 import L2
    >>> blocks = Blocks(np.eye(2), np.arange(2))
    >>> largest_strength(Objective(Softmax(), L1(1.0), blocks, n_classes=2))
    0.25
    >>> round(largest_strength(Objective(Softmax(), L2(1.0), blocks, n_classes=2)), 3)
    9.017
    """
    if objective.penalty.smooth:
        at_zero = objective.loss.chance_value(objective.n_classes)
        squares = np.sum(_gradient_at_zero(objective) ** 2, axis=(0, 2))
        largest = float(np.max(squares)) / (4 * L2_GAIN * at_zero)
    else:
        largest = float(np.max(largest_strengths(objective)))
    return largest if largest > 0 else 1.0


def largest_strengths(objective: Objective) -> Array:
    """λ_max of each member, (M,): for L1 the smallest λ at which all weights are 0 at the minimum.

    max |Σ_i w_i x_i ∂L_i/∂s / Σ_i w_i| at W = 0 with the best bias, from the class sums: no visit
    to the data. Elastic net has the same. For a loss with kinks the gradient is that of its first
    smoothing: a slightly smaller λ may have the same minimum.

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.l1 import L1
    >>> objective = Objective(Softmax(), L1(1.0), Blocks(np.eye(2), np.arange(2)), n_classes=2)
    >>> largest_strengths(objective).tolist()
    [0.25]
    """
    return np.max(np.abs(_gradient_at_zero(objective)), axis=(0, 2))


def _gradient_at_zero(objective: Objective) -> Array:
    """The data gradient (D, M, C) in the weights at W = 0 with the best bias."""
    anchor = objective.anchor
    members, classes = anchor.frequencies.shape
    loss = objective.loss
    if not loss.smooth:
        loss = loss.smoothed(FIRST_SMOOTHING)
    bias = np.zeros((members, classes))
    if objective.fit_intercept:
        bias = _best_bias(loss, anchor)
    scores = np.repeat(bias[None], classes, axis=0)
    slopes = loss.value_and_grad(scores, np.arange(classes))[1]
    return np.einsum("dmy,ymc->dmc", anchor.sums, slopes)


def _best_bias(loss: Loss, anchor: Anchor) -> Array:
    """The bias (M, C) that minimizes the loss without weights."""
    members, classes = anchor.frequencies.shape
    frequencies = np.ascontiguousarray(anchor.frequencies.T)
    blocks = Blocks(np.zeros((classes, 1)), np.arange(classes), frequencies)
    constant = Objective(loss, NoPenalty(), blocks, classes)
    result = minimize(constant, LBFGS(), constant.zeros(members), tol=1e-9)
    if result.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    return result.W[-1]

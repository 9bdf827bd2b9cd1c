"""Gap-safe screening: weights that the certificate proves to be 0 at every minimum under L1.

Each loss has an L-Lipschitz gradient, so its conjugate is 1/L-strongly convex, and a dual point
whose dual value is within `gap` of the optimum lies in a sphere about the best one: Σ w_i ‖a_i −
a*_i‖² / Σ w_i ≤ 2 L gap. So

    |G_jc − G*_jc| ≤ std(x_j) √(2 L gap),

the deviation of the feature and not its length where there is a bias, because the class sums of
both vanish. A weight whose |G*_jc| is below λ is 0.

References
----------
Ndiaye, Fercoq, Gramfort & Salmon, Gap safe screening rules for sparsity enforcing penalties, JMLR
2017, https://arxiv.org/abs/1611.05780
"""

import numpy as np

from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array


def gap_safe(objective: Objective, evaluation: Evaluation) -> Array:
    """Mask (D, M, C) of the weights that are proved to be 0 at every minimum.

    Parameters
    ----------
    objective : Objective
        Its penalty `L1` or `ElasticNet`; no weight is proved for other penalties, for losses with
        kinks, and where members differ in their weights of the examples.
    evaluation : Evaluation
        With its gradient, on all rows, of the loss itself. The smaller its gap, the more weights
        are proved to be 0: where λ is small beside √gap, none.

    Examples
    --------
    >>> from halfspaces.rows.blocks import Blocks
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.objective.request import Request
    >>> from halfspaces.penalties.l1 import L1
    >>> objective = Objective(Softmax(), L1(1.0), Blocks(np.eye(2), np.arange(2)), n_classes=2)
    >>> gap_safe(objective, objective.evaluate(Request(objective.zeros()))).tolist()
    [[[True, True]], [[True, True]]]
    """
    members = evaluation.request.W.shape[1]
    thresholds = objective.penalty.thresholds(members)
    weight = objective.blocks.weight
    weights_differ = weight is not None and weight.ndim > 1
    if thresholds is None or not objective.loss.smooth or weights_differ:
        return np.zeros(evaluation.request.W[:-1].shape, bool)
    G, scale = objective.dual_bound(evaluation.gradient, evaluation.steepness).point
    radius = np.sqrt(2 * objective.loss.curvature(objective.n_classes) * evaluation.gap)
    lengths = np.sqrt(_squares(objective))
    reach = np.abs(scale[:, None] * G) + lengths[:, None, None] * radius[:, None]
    return reach < np.asarray(thresholds)[:, None] * (1 - objective.rounding)


def _squares(objective: Objective) -> Array:
    """Mean squares (D,) of the standardized features, about their mean where there is a bias."""
    moments = Moments.of(objective.blocks)
    linear = objective.linear
    squares = moments.squares / moments.count
    if not objective.fit_intercept:
        squares = squares + (moments.mean + linear.center - linear.standardization.mean) ** 2
    return squares / linear.standardization.scale**2

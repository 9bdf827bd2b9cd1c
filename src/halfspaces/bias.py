"""The best bias for given weights: a small convex problem on scores held in memory.

The bias is not penalized, so a dual point proves nothing until its class sums vanish, which they do where the bias is
optimal. An optimizer gets there only as fast as it gets everything else there; this gets there at once, for one
reading of X.
"""

from dataclasses import replace

import numpy as np

from halfspaces.blocks import Blocks
from halfspaces.objective import Objective, Request
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.penalties import NoPenalty
from halfspaces.scores import Linear, Standardization

Array = np.ndarray

MOST_SCORES = 256 << 20  # bytes; beyond, the scores are not held
ENOUGH = 1e-7  # of the gradient norm where the search began
MAX_TURNS = 60


def holds_scores(objective: Objective, n_members: int) -> bool:
    """Whether all scores fit the memory that this may take."""
    size = objective.n_examples * n_members * objective.n_classes * objective.blocks.dtype.itemsize
    return size <= MOST_SCORES


def with_best_bias(objective: Objective, W: Array, smoothing: float = 0.0) -> Array:
    """W with each member's bias moved to the minimum of its data loss, smoothed by `smoothing` where it has kinks.

    Half a pass over X, then L-BFGS on the scores.
    """
    members = W.shape[1]
    moved = W.copy()
    for member in range(members):
        alone = objective.member(member, members)
        V, c = alone.linear.fold(W[:, member : member + 1], alone.blocks.dtype)
        moved[-1, member] += _best_shift(alone, V, c, smoothing)
    return moved

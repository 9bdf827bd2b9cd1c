"""The best bias for given weights: a small convex problem on scores held in memory.

The bias is not penalized, so a dual point proves nothing until its class sums vanish, which they do where the bias is
optimal. An optimizer gets there as slowly as everywhere else; this gets there at once, for one reading of X.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from halfspaces.blocks import Blocks
from halfspaces.objective import Objective, Request
from halfspaces.optimizers.base import norm
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.penalties import NoPenalty
from halfspaces.scores import Shift

Array = np.ndarray

MOST_SCORES = 256 << 20  # bytes; beyond, the scores are not held
ENOUGH = 1e-6  # of the largest gradient norm that a bias can have
MAX_TURNS = 100


@dataclass(frozen=True, eq=False)
class _Shifted(Objective):
    """The data loss of given scores as a function of the bias alone."""

    @cached_property
    def linear(self) -> Shift:
        """Scores + bias."""
        return Shift()


def holds_scores(objective: Objective, n_members: int) -> bool:
    """Whether all scores fit into the memory that `with_best_bias` may take."""
    size = objective.n_examples * n_members * objective.n_classes * objective.blocks.dtype.itemsize
    return size <= MOST_SCORES


def with_best_bias(objective: Objective, request: Request) -> Array:
    """The request's W with the bias of each member at the minimum of its data loss, smoothed as in the request.

    Half a pass over X for the scores, then L-BFGS on them.
    """
    W = request.W
    loss = objective.loss.smoothed(request.smoothing) if request.smoothing > 0 else objective.loss
    given = objective.blocks
    weight = None if given.weight is None else given.weights()
    scores = objective.scores(W)
    if request.offsets is not None:
        scores += given.of_rows(request.offsets).reshape(scores.shape)
    blocks = Blocks(scores, given.labels(), weight, n_jobs=given.n_jobs)
    shifted = _Shifted(loss, NoPenalty(), blocks, objective.n_classes)
    optimizer = LBFGS(memory=20)
    state = optimizer.init(np.zeros((1, *W.shape[1:])), shifted)
    for _ in range(MAX_TURNS):
        evaluation = shifted.evaluate(replace(optimizer.propose(state), rows=slice(None)))
        state = optimizer.update(state, evaluation)
        if state.done is not None or np.all(norm(evaluation.gradient) <= ENOUGH):
            break
    moved = W.copy()
    moved[-1] += state.W[0]
    return moved

"""Better dual points for a part of the examples: a proof without another pass.

The dual point of an iterate, a_i = ∇L_i(s_i), proves little until the gradient of the whole objective is nearly 0: its
class sums must vanish while the bias is free, and Σ w_i x_i a_iᵀ/Σ w_i must be that of the penalty, or ‖∇L‖²/(4λ) is
lost. But any point of the domain will do, and a few of the examples can make up for all: these take the dual point of
scores that are moved, a_i = ∇L_i(s_i + x_i V + δ): in the domain whatever V and δ are. V is the optimizer's own
step for the gradient that is left, larger by as much as the examples are fewer; δ makes the class sums vanish, the
minimum of a small convex problem on scores held in memory. X is read for these rows alone; the next part of the rows
goes on with what is left then.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from halfspaces.loop.optimizer import norm
from halfspaces.losses.base import Loss
from halfspaces.objective import Objective
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.penalties.none import NoPenalty
from halfspaces.request import Evaluation
from halfspaces.rows.blocks import Blocks
from halfspaces.scores import Shift
from halfspaces.support.types import Array

PARTS = 8
LEAST_ROWS = 4096  # of a part
MOST_STEPS = 3
ENOUGH = 1e-6  # class sums, beside the largest that there can be
MAX_TURNS = 60


def tighter_bounds(
    objective: Objective,
    evaluation: Evaluation,
    step: Callable[[Array], Array] | None,
    parts: int | None = None,
) -> Iterator[tuple[Array, float]]:
    """Proven bounds on min L from below (M,), one after the other, and the passes that each cost.

    Parameters
    ----------
    objective : Objective
    evaluation : Evaluation
        On all rows, with a gradient.
    step : callable or None
        The step (D+1, M, C) that an optimizer takes for a gradient of the objective; None closes the class sums alone.
    parts : int, optional
        Into how many the rows are split, at random: each bound costs one of them.
    """
    gradient, left = evaluation.data_gradient, evaluation.gradient.copy()
    assert gradient is not None
    G, conjugate = gradient.copy(), evaluation.conjugate.copy()
    parts = parts or max(1, min(PARTS, objective.n_examples // LEAST_ROWS))
    # Not every eighth row: folds and labels that follow each other in turn would leave a part without some member.
    order = np.random.default_rng(0).permutation(objective.n_examples)
    for part in range(min(parts, MOST_STEPS) if step else 1):
        rows = np.sort(order[part::parts])
        share = _share(objective, rows)
        if not share.any(axis=0).all():
            continue  # rows without weight prove nothing
        V = None if step is None else parts * step(left)
        change, gain, visited = _moved(objective, evaluation, rows, share, V, G[-1])
        G, left, conjugate = G + change, left + change, conjugate + gain
        yield objective.dual_bound(G).proved(conjugate), visited


def _share(objective: Objective, rows: Array) -> Array:
    """Of the weight of all examples that of each of these rows, (B, M) or (B, 1)."""
    given = objective.blocks
    weight = np.ones(len(rows)) if given.weight is None else given.of_rows(given.weight, rows)
    return weight.reshape(len(rows), -1) / objective.total_weight


def _moved(
    objective: Objective,
    evaluation: Evaluation,
    rows: Array,
    share: Array,
    V: Array | None,
    sums: Array,
) -> tuple[Array, Array, float]:
    """What moved dual points of these rows change: Σ w x aᵀ (D+1, M, C) and Σ w L*(a) (M,), both over Σ w; passes."""
    given, request = objective.blocks, evaluation.request
    loss, y = evaluation.smoothing.of(objective.loss), given.labels(rows)
    both = [request.W] if V is None else [request.W, V]
    scores = objective.scores(np.concatenate(both, axis=2), rows).reshape(
        len(y), request.W.shape[1], -1
    )
    here, *step = np.split(scores, len(both), axis=2)
    if evaluation.smoothing.offsets is not None:
        here = here + given.of_rows(evaluation.smoothing.offsets, rows)
    there = here + step[0] if step else here
    before = loss.value_and_grad(here.copy(), y)[1]
    if objective.fit_intercept:
        left = sums - np.einsum("bm,bmc->mc", np.broadcast_to(share, before.shape[:2]), before)
        there = there + _shift(
            Blocks(there.reshape(len(y), -1), y, share, n_jobs=given.n_jobs), loss, -left
        )
    after = loss.value_and_grad(there.astype(here.dtype), y)[1]
    gain = np.sum(
        share * (objective.loss.conjugate(after, y) - objective.loss.conjugate(before, y)), axis=0
    )
    moved = ((after - before) * share[:, :, None]).astype(here.dtype)
    change = _pulled(objective, moved, rows)
    visited = (1.5 if V is not None else 1.0) * len(y) / objective.n_examples
    return change, gain, visited


def _shift(scores: Blocks, loss: Loss, sums: Array) -> Array:
    """The shift (M, C) of these scores for which their weighted sums of ∇L are `sums`."""
    members, n_classes = sums.shape
    shifted = Objective(loss, NoPenalty(), scores, n_classes, score_function=Shift())
    part = np.broadcast_to(
        shifted.total_weight, (members,)
    )  # of the weight of all examples, that of these
    tilt = sums / part[:, None]
    optimizer = LBFGS(memory=20)
    state = optimizer.init(np.zeros((1, members, n_classes)), shifted)
    for _ in range(MAX_TURNS):
        evaluation = shifted.evaluate(replace(optimizer.propose(state), rows=slice(None)))
        assert evaluation.data_gradient is not None
        data = evaluation.data - np.sum(tilt * evaluation.request.W, axis=(0, 2))
        evaluation = replace(evaluation, data=data, data_gradient=evaluation.data_gradient - tilt)
        if np.all(part * norm(evaluation.gradient) <= ENOUGH):
            return evaluation.request.W[0]
        state = optimizer.update(state, evaluation)
        if state.done is not None:
            break
    return state.W[0]


def _pulled(objective: Objective, moved: Array, rows: Array) -> Array:
    """Σ x̃_i ⊗ moved_i over the rows, (D+1, M, C)."""
    linear, given = objective.linear, objective.blocks
    index = rows if given.index is None else given.index[rows]
    numbers = np.zeros(len(given.y), np.int64)
    numbers[index] = np.arange(len(index))
    columns = moved.reshape(len(moved), -1)
    dV, dc = given.sum(
        lambda block: linear.pull(block.X, columns[numbers[block.rows]]), rows, columns.shape[1]
    )
    return linear.pullback(dV, dc, (objective.n_features + 1, *moved.shape[1:]))

"""Tighter dual points for a part of the examples: a proof without another pass.

The dual point of an iterate, a_i = ∇L_i(s_i), proves little until the gradient of the whole
objective is nearly 0: its class sums must vanish while the bias is free, and Σ w_i x_i a_iᵀ/Σ w_i
must be that of the penalty, or ‖∇L‖²/(4λ) is lost. But any point of the domain serves, and a few of
the examples can make up for all. These take the dual point of shifted scores, a_i = ∇L_i(s_i + x_i
V + δ), which is in the domain for any V and δ. V is the optimizer's own step for the remaining
gradient, larger by as much as the examples are fewer. δ makes the class sums vanish: the minimum of
a small convex problem on scores held in memory. X is read for these rows alone; the next part of
the rows continues with the gradient that remains then.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.part import Part
from halfspaces.proofs.shift import Shift
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array

Step = Callable[[Array], Array]  # the step (D+1, M, C) that an optimizer takes for a gradient

PARTS = 8
LEAST_ROWS = 4096  # of a part
MOST_VALUES = 1 << 26  # in the dual points of a part
MOST_STEPS = 3
CLASS_SUMS = 1e-5  # that remain at most, of the room of a class
MOST_TURNS = 60  # of the optimizer that makes them vanish
# In the Hessians of the examples: for so few, Newton's method is faster than L-BFGS, up to five
# times; with many classes it is slower.
FEW_CURVATURES = 1 << 21
LEAST_CURVATURE = 1e-6  # of the largest of the loss


def tighter_bounds(
    objective: Objective, evaluation: Evaluation, step: Step | None, parts: int | None = None
) -> Iterator[tuple[Array, float]]:
    """Proven bounds on min L from below (M,), each with the passes that it cost.

    Parameters
    ----------
    objective : Objective
    evaluation : Evaluation
        On all rows, with a gradient.
    step : callable or None
        The step (D+1, M, C) that an optimizer takes for a gradient of the objective; None makes the
        class sums vanish alone.
    parts : int, optional
        Number of parts of the rows, split at random: each bound costs one of them.
    """
    gradient = evaluation.data_gradient
    assert gradient is not None
    G = gradient.copy()
    remaining = evaluation.gradient.copy()
    conjugate = evaluation.conjugate.copy()
    steepness = evaluation.steepness.copy()
    of_memory = objective.n_examples * conjugate.size * objective.n_classes // MOST_VALUES
    parts = parts or max(1, min(PARTS, objective.n_examples // LEAST_ROWS), of_memory)
    # Not every eighth row: folds and labels that follow each other in turn would leave a part
    # without some member.
    order = np.arange(objective.n_examples, dtype=np.min_scalar_type(objective.n_examples))
    np.random.default_rng(0).shuffle(order)
    for number in range(min(parts, MOST_STEPS) if step else 1):
        part = Part.of(objective, evaluation, np.sort(order[number::parts]))
        if not part.share.any(axis=0).all():
            continue  # rows without weight prove nothing
        V = None if step is None else parts * step(remaining)
        before, after = _dual_points(part, V, G[-1])
        # In float64: near 0 the conjugate changes much with the last digits of a dual point.
        change = part.gradient_of(np.subtract(after, before, dtype=np.float64))
        G = G + change
        remaining = remaining + change
        conjugate = conjugate + part.conjugate_change(before, after)
        visits = (1.0 if V is None else 1.5) * len(part.rows)
        steepness = steepness + np.sum(part.share * np.vecdot(after, after), axis=0)
        bound = objective.dual_bound(G, steepness)
        yield bound.proved(conjugate), visits / objective.n_examples


def _dual_points(part: Part, V: Array | None, sums: Array) -> tuple[Array, Array]:
    """Dual points (B, M, C) of these rows now, and after scores have moved by x V + δ.

    `sums` (M, C) are the class sums of all rows now; after, they vanish where there is a bias.
    """
    y = part.labels
    here, there = part.scores(V)
    before = part.slopes(here)
    if part.objective.fit_intercept:
        loss = part.evaluation.smoothing.of(part.objective.loss)
        share = np.broadcast_to(part.share, before.shape[:2])
        others = sums - np.einsum("bm,bmc->mc", share, before)
        room = part.objective.anchor.room
        if there.size * there.shape[2] <= FEW_CURVATURES:
            there += _shift_by_newton(there, y, share, loss, -others, room)
        else:
            n_jobs = part.objective.blocks.n_jobs
            moved = Blocks(there.reshape(len(y), -1), y, part.share, n_jobs=n_jobs)
            there += _shift(moved, loss, -others, room)
    return before, part.slopes(there)


def _shift(scores: Blocks, loss: Loss, sums: Array, room: Array) -> Array:
    """The common shift (M, C) of scores for which their weighted sums of ∇L are `sums`.

    To a part of each class's `room` (M, C).
    """
    enough = CLASS_SUMS * np.where(room > 0, room, 1.0)
    members, n_classes = sums.shape
    shifted = Objective(loss, NoPenalty(), scores, n_classes, score_function=Shift())
    # The weight of these rows over that of all examples.
    part = np.broadcast_to(shifted.total_weight, (members,))
    tilt = sums / part[:, None]
    optimizer = LBFGS(memory=20)
    state = optimizer.init(np.zeros((1, members, n_classes)), shifted)
    for _ in range(MOST_TURNS):
        evaluation = shifted.evaluate(optimizer.propose(state))
        assert evaluation.data_gradient is not None
        data = evaluation.data - np.sum(tilt * evaluation.request.W, axis=(0, 2))
        evaluation = replace(evaluation, data=data, data_gradient=evaluation.data_gradient - tilt)
        if np.all(part[:, None] * np.abs(evaluation.gradient[-1]) <= enough):
            return evaluation.request.W[0]
        state = optimizer.update(state, evaluation)
        if state.done is not None:
            break
    return state.W[0]


def _shift_by_newton(
    scores: Array, y: Array, share: Array, loss: Loss, sums: Array, room: Array
) -> Array:
    """The shift (M, C) of scores (B, M, C) with the shares (B, M), by steps of Newton's method."""
    scores = scores.astype(np.float64)
    n_classes = scores.shape[2]
    enough = CLASS_SUMS * np.where(room > 0, room, 1.0)
    curvature = loss.curvature(n_classes) * share.sum(axis=0)[:, None, None]
    # Where a constant is added to all scores, a shift-invariant loss has no curvature.
    more = curvature * (LEAST_CURVATURE * np.eye(n_classes) + loss.shift_invariant / n_classes)
    shift = np.zeros_like(sums)
    lowest = np.full(len(sums), np.inf)
    step = np.zeros_like(sums)
    for _ in range(MOST_TURNS):
        trial = shift + step
        values, slopes = loss.formula(scores + trial, y)
        remaining = np.einsum("bm,bmc->mc", share, slopes) - sums
        if np.all(np.abs(remaining) <= enough):
            return trial
        value = np.sum(share * values, axis=0) - np.sum(sums * trial, axis=1)
        lower = value <= lowest
        lowest = np.where(lower, value, lowest)
        shift = np.where(lower[:, None], trial, shift)
        moved = scores + trial
        members = range(len(shift))
        labels = np.broadcast_to(y.reshape(len(y), -1), share.shape)
        hessians = np.stack([loss.hessian(moved[:, m], labels[:, m], share[:, m]) for m in members])
        newton = -np.linalg.solve(hessians + more, remaining[:, :, None])[:, :, 0]
        step = np.where(lower[:, None], newton, step / 2)
    return shift

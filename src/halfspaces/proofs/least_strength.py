"""Bounds that tell whether a strength is too small: from below by class means, from above by a W.

λ is *too small* if the minimum of L is below a thousandth of L(0), where `minimize` ceases to
measure its tolerance by the loss itself.

* min L is at least the minimum over the C class means, weighted by the class frequencies, as L_i is
  convex in x_i (Jensen). That takes the class sums, which every fit needs anyway.
* min L is at most L(tW) for a W that separates the classes and any t.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from halfspaces.loop.result import Reason
from halfspaces.loop.run import LEAST_LOSS, Run
from halfspaces.losses.base import Loss
from halfspaces.objective.certificate import Anchor
from halfspaces.objective.objective import Objective
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array

LARGE_SCORE = 30.0  # of the right class: every margin is met
MEANS_PASSES = 200.0  # over C class means each: next to nothing
BINS = 256  # of margins
SCALES = 40  # lengths of W to try
POINT_VALUES = 1 << 22  # in dual points that are computed together


def least_loss(objective: Objective) -> float:
    """L(0)/1000: a minimum below this makes a strength too small."""
    return LEAST_LOSS * objective.loss.chance_value(objective.n_classes)


def strength_of(penalty: Penalty) -> float | None:
    """λ, the least of a stack's; 0 without a penalty; None for a constraint."""
    if isinstance(penalty, NoPenalty):
        return 0.0
    if not penalty.has_strength:
        return None
    strong: Any = penalty
    return float(np.min(strong.strength))


def with_strength(penalty: Penalty, strength: float) -> Penalty:
    """The penalty with another λ; L2 where there is none."""
    return L2(strength) if isinstance(penalty, NoPenalty) else penalty.with_strength(strength)


def falls_forever(loss: Loss, n_classes: int) -> bool:
    """Whether the loss of an example tends to 0 and never gets there, however right its scores are.

    >>> from halfspaces.losses.hinge import Hinge
    >>> from halfspaces.losses.softmax import Softmax
    >>> [falls_forever(loss, 3) for loss in (Softmax(), Softmax(label_smoothing=0.1), Hinge())]
    [True, False, False]
    """
    scores = LARGE_SCORE * (2 * np.eye(1, n_classes) - 1)
    value, slope = loss.formula(scores, np.zeros(1, dtype=np.int64))
    return bool(value[0] <= LEAST_LOSS * loss.chance_value(n_classes) and np.any(slope != 0))


def may_be_too_small(objective: Objective, strength: float) -> bool:
    """Whether min L may be below L(0)/1000, as far as the class means can tell."""
    member = replace(objective, penalty=with_strength(objective.penalty, strength))
    floor = least_loss(objective)
    if bound_at_zero(member, objective.anchor) > floor:
        return False
    return _bound_of_means(member, objective.anchor, floor) <= floor


def bound_at_zero(member: Objective, anchor: Anchor) -> float:
    """A bound on min L from below: the best of a few dual points t (π − onehot(y_i)).

    It is no better than that of the class means, but settles ordinary strengths in no time.
    """
    t = np.geomspace(1e-3, 1, 7)
    frequencies = anchor.frequencies[0]
    conjugate = np.zeros(len(t))
    size = max(1, POINT_VALUES // (len(t) * member.n_classes))
    for start in range(0, member.n_classes, size):
        labels = np.arange(start, min(start + size, member.n_classes))
        onehot = labels[:, None] == np.arange(member.n_classes)
        points = t[:, None] * (anchor.frequencies - onehot[:, None, :])
        values = member.loss.conjugate(points, labels)
        counts = frequencies[labels] > 0
        conjugate += frequencies[labels][counts] @ values[counts]
    G = t[:, None] * anchor.pull(1.0, np.zeros_like(anchor.frequencies))
    return float(np.max(-conjugate - member.penalty.conjugate(-G)))


def _bound_of_means(member: Objective, anchor: Anchor, floor: float) -> float:
    """A bound on min L from below by the class means, until its side of `floor` is known."""
    frequencies = anchor.frequencies[0]
    means = (anchor.sums[:, 0] / np.where(frequencies > 0, frequencies, 1.0)).T
    if isinstance(member.penalty, L2):
        # Rotated into at most C dimensions: ΣW² does not change.
        means = np.asarray(np.linalg.qr(means.T, mode="r")).T
    labels = np.arange(member.n_classes)
    blocks = Blocks(np.ascontiguousarray(means), labels, frequencies, n_jobs=1)
    few = replace(member, blocks=blocks, standardization=None)

    def settled(run: Run) -> Reason | None:
        known = run.lower[0] > floor or run.history.last("loss")[0] <= floor
        return Reason.STOPPED_BY_CALLBACK if known else None

    optimizer = choose_for(few).optimizer
    result = minimize(few, optimizer, tol=1e-2, max_passes=MEANS_PASSES, callbacks=[settled])
    return float(result.loss[0] - result.gap[0])


def least_strength(objective: Objective, W: Array, margins: Array, weights: Array) -> float:
    """The largest λ with L(tW) ≤ L(0)/1000 for some t, of a loss that falls forever.

    0 for a constraint. Such a loss rises with the wrong scores: an example costs at most as much as
    if all wrong scores were as near as the nearest.
    """
    if strength_of(objective.penalty) is None:
        return 0.0
    order = np.argsort(margins)
    # Bins that widen with the rank, each at its least margin: safe, and exact where the loss is.
    first = np.unique(np.append(0, np.geomspace(1, len(order), BINS).astype(int) - 1))
    least = margins[order[first]]
    masses = np.add.reduceat(weights[order], first) / weights.sum()
    template = np.eye(1, objective.n_classes)
    if not objective.loss.shift_invariant:
        template = 2 * template - 1
    labels = np.zeros(len(first), dtype=np.int64)
    unit = with_strength(objective.penalty, 1.0)
    strengths = []
    for t in np.geomspace(1 / least[-1], LARGE_SCORE / least[0], SCALES):
        data = masses @ objective.loss.value_and_grad(t * least[:, None] * template, labels)[0]
        strengths.append((least_loss(objective) - data) / unit.value(t * W[:-1])[0])
    return max(0.0, float(max(strengths)))

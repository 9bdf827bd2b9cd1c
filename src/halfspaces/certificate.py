"""Certificates: a proven upper bound on L(W) − min L, from Fenchel duality.

For dual points a_i in the domain of L*_i with Σ w_i a_i = 0 (the bias is free), every W satisfies

    min L  ≥  −Σ w_i L*_i(a_i)/Σ w_i − (λR)*(−G),    G = Σ w_i x_i a_iᵀ/Σ w_i.

The natural point a_i = ∇L_i(s_i) costs nothing, but its class sums g = Σ w_i a_i/Σ w_i vanish only once the bias is
optimal; until then it proves nothing. So it is mixed with an anchor that pulls the sums back to zero,

    a'_i = (1 − t) a_i + t β(y_i),    β(y) = v (π − onehot(y)) − (1 − t)/t · g,

where π are the class frequencies: Σ w_i (π − onehot(y_i)) = 0. L* is convex, so L*(a'_i) ≤ (1 − t) L*(a_i) + t L*(β),
and G moves by class means that were summed once: no further visit to the data. Any t > 0 that keeps β in the domain
is valid; the least one is t/(1 − t) = max_c |g_c|/(v min(π_c, 1 − π_c)). v is 1, and 1 − ε for labels smoothed by ε.

References
----------
Rockafellar, Convex Analysis, 1970, §31; Shalev-Shwartz & Zhang, Stochastic dual coordinate ascent, JMLR 2013.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.penalties.base import Penalty
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Centroids
from halfspaces.scores import Linear
from halfspaces.support.types import Array, Block, Visit


@dataclass(frozen=True, eq=False)
class Anchor:
    """Class frequencies π (M, C) and class sums of standardized features Σ_{y_i = c} w_i x_i / Σ w_i, (D, M, C)."""

    frequencies: Array
    sums: Array

    @property
    def room(self) -> Array:
        """min(π, 1 − π) (M, C): how far a class sum can be pulled."""
        return np.minimum(self.frequencies, 1 - self.frequencies)

    def pull(self, v: float, kick: Array) -> Array:
        """Σ_y (class sum of x)_y ⊗ (v (π − onehot(y)) − kick), shape (D, M, C): a rank-one term less the class sums."""
        return self.sums.sum(axis=2)[:, :, None] * (v * self.frequencies - kick) - v * self.sums

    @classmethod
    def of(cls, blocks: Blocks, linear: Linear, n_classes: int) -> "Anchor":
        """From the class means where there is one weight an example, else by one visit."""
        if blocks.weight is None or blocks.weight.ndim == 1:
            members, masses, means = 1, *Centroids.of(blocks).padded(n_classes)
            sums = (masses[:, None] * means).T
        else:
            members = blocks.weight.shape[1]
            sums, masses = blocks.sum(_class_sums(members, n_classes), columns=members * n_classes)
        shape = (members, n_classes)
        count = np.repeat(masses.reshape(shape).sum(axis=1), n_classes)
        features = linear.pullback(sums / count, masses / count, (len(sums) + 1, *shape))[:-1]
        return cls((masses / count).reshape(shape), features)


def _class_sums(members: int, n_classes: int) -> Visit[tuple[Array, Array]]:
    """A block's Σ w x and Σ w of each class, for weights (B, M)."""

    def visit(block: Block) -> tuple[Array, Array]:
        rows = np.arange(len(block.y))
        onehot = np.zeros((len(rows), members, n_classes))
        onehot[rows, :, block.y] = block.weight
        onehot = onehot.reshape(len(rows), -1)
        return (block.X.T @ onehot).astype(np.float64), onehot.sum(axis=0)

    return visit


def lower_bound(
    loss: Loss, penalty: Penalty, gradient: Array, anchor: Anchor, *, fit_intercept: bool
) -> Callable[..., tuple[Array, Array]]:
    """A function of the dual point's mean conjugate Σ w_i L*_i(a_i)/Σ w_i (M,).

    It gives a proven bound on min L from below, and what the bound would be if the class sums vanished: no proof.
    `gradient` (D+1, M, C) is the data gradient, and so the dual point's G over its class sums g. Where the dual point
    must be shortened to fit the penalty, the mean conjugate of a shortened one, too, makes the bound tighter: its
    second argument is a pair of the factor s₀ (M,) and the mean conjugate (M,) of s₀ a.
    """
    gradient = _without_shift(loss, gradient)
    labels, nothing = (
        np.arange(gradient.shape[2]),
        np.zeros((gradient.shape[2], *gradient.shape[1:])),
    )
    rest = _mean_conjugate(loss, nothing, labels, anchor.frequencies)
    unmixed = np.zeros_like(rest)
    hoped = _dual_value(penalty, gradient[:-1], rest, unmixed, unmixed)
    if not fit_intercept:
        return lambda conjugate, shortened=None: (
            hoped(conjugate, shortened),
            hoped(conjugate, shortened),
        )
    v = loss.certainty
    t, kick = _least_mixing(gradient[-1], v * anchor.room)
    beta = v * (anchor.frequencies - np.eye(len(labels))[:, None, :]) - kick
    with np.errstate(invalid="ignore"):
        anchored = np.where(t > 0, t * _mean_conjugate(loss, beta, labels, anchor.frequencies), 0.0)
    proved = _dual_value(penalty, _mixed(gradient, anchor, v, t, kick), rest, t, anchored)
    return lambda conjugate, shortened=None: (
        proved(conjugate, shortened),
        hoped(conjugate, shortened),
    )


def dual_point(
    loss: Loss, penalty: Penalty, gradient: Array, anchor: Anchor, *, fit_intercept: bool
) -> tuple[Array, Array]:
    """G (D, M, C) of the point by which `lower_bound` proves its bound, and the factor (M,) that the penalty allows."""
    gradient = _without_shift(loss, gradient)
    G, v = gradient[:-1], loss.certainty
    if fit_intercept:
        G = _mixed(gradient, anchor, v, *_least_mixing(gradient[-1], v * anchor.room))
    return G, penalty.dual_scale(G)


def _without_shift(loss: Loss, gradient: Array) -> Array:
    """Over the classes a dual point sums to 0; what rounding leaves of the sum would grow by (1 − t)/t in β."""
    return gradient - gradient.mean(axis=2, keepdims=True) if loss.shift_invariant else gradient


def _mixed(gradient: Array, anchor: Anchor, v: float, t: Array, kick: Array) -> Array:
    """G of the mixture with the anchor."""
    return (1 - t)[:, None] * gradient[:-1] + t[:, None] * anchor.pull(v, kick)


def _dual_value(
    penalty: Penalty, G: Array, rest: Array, t: Array, anchored: Array
) -> Callable[..., Array]:
    """The dual objective (M,) of a' = (1 − t) a + t β with this G, scaled into the penalty's domain by s.

    By the mean conjugate of a; `anchored` is t times that of β. L* is convex, so that of s a' is at most the mean of
    those of any points that s a' is a mean of: a, β, the dual point 0, and s₀ a, which is nearer to it than 0.
    0 is always there: no loss is below −`rest` = −Σ π L*(0), which is 0 but for smoothed labels.
    """
    scale = penalty.dual_scale(G)
    regularized = penalty.conjugate(-scale[:, None] * G)

    def value(conjugate: Array, shortened: tuple[Array, Array] | None) -> Array:
        mean = scale * (1 - t) * conjugate + scale * anchored + (1 - scale) * rest
        if shortened is not None:
            shorter, its_conjugate = shortened
            left = 1 - scale * t  # the weights of a, s₀ a and 0 together
            with np.errstate(divide="ignore", invalid="ignore"):
                part = np.fmin((1 - scale) / (1 - shorter), scale * (1 - t) / shorter)
            whole = np.clip(scale * (1 - t) - part * shorter, 0, None)
            nearer = (
                whole * conjugate
                + part * its_conjugate
                + scale * anchored
                + (left - whole - part) * rest
            )
            mean = np.fmin(mean, nearer)
        return np.fmax(-(mean + regularized), -rest)

    return value


def _least_mixing(g: Array, room: Array) -> tuple[Array, Array]:
    """The least mixing weight t (M,) for the room that each class has, and the kick (1 − t)/t · g (M, C)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.max(np.where(g == 0, 0.0, np.abs(g) / room), axis=-1)
        t = np.where(np.isinf(ratio), 1.0, ratio / (1 + ratio))
        return t, np.where((t > 0) & (t < 1), 1 / ratio, 0.0)[:, None] * g


def _mean_conjugate(loss: Loss, dual: Array, labels: Array, frequencies: Array) -> Array:
    """Σ_y π_y L*(dual_y, y), shape (M,), over the labels that occur."""
    values = loss.conjugate(dual, labels)
    occurs = frequencies.T > 0
    return np.sum(np.where(occurs, frequencies.T * np.where(occurs, values, 0.0), 0.0), axis=0)

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

from halfspaces.blocks import Blocks, Features
from halfspaces.losses import Loss
from halfspaces.penalties import Penalty
from halfspaces.scores import Linear

Array = np.ndarray


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
        """One visit to the data."""
        members = 1 if blocks.weight is None or blocks.weight.ndim == 1 else blocks.weight.shape[1]

        def visit(X: Features, y: Array, weight: Array | None) -> tuple[Array, Array]:
            onehot = np.zeros((len(y), members, n_classes), dtype=X.dtype)
            onehot[np.arange(len(y)), :, y] = 1 if weight is None else weight.reshape(len(y), -1)
            onehot = onehot.reshape(len(y), -1)
            return (X.T @ onehot).astype(np.float64), onehot.sum(axis=0, dtype=np.float64)

        sums, masses = blocks.sum(visit)
        shape = (members, n_classes)
        count = np.repeat(masses.reshape(shape).sum(axis=1), n_classes)
        features = linear.pullback(sums / count, masses / count, (len(sums) + 1, *shape))[:-1]
        return cls((masses / count).reshape(shape), features)


def lower_bound(
    loss: Loss, penalty: Penalty, gradient: Array, anchor: Anchor, *, fit_intercept: bool
) -> Callable[[Array], tuple[Array, Array]]:
    """A function of the dual point's mean conjugate Σ w_i L*_i(a_i)/Σ w_i (M,).

    It gives a proven bound on min L from below, and what the bound would be if the class sums vanished: no proof.
    `gradient` (D+1, M, C) is the data gradient, and so the dual point's G over its class sums g.
    """
    if loss.shift_invariant:
        # Over the classes a dual point sums to 0; what rounding leaves of the sum would grow by (1 − t)/t in β.
        gradient = gradient - gradient.mean(axis=2, keepdims=True)
    labels, nothing = np.arange(gradient.shape[2]), np.zeros((gradient.shape[2], *gradient.shape[1:]))
    rest = _mean_conjugate(loss, nothing, labels, anchor.frequencies)
    hoped = _dual_value(penalty, gradient[:-1], rest)
    if not fit_intercept:
        return lambda conjugate: (hoped(conjugate), hoped(conjugate))
    v = loss.certainty
    t, kick = _least_mixing(gradient[-1], v * anchor.room)
    beta = v * (anchor.frequencies - np.eye(len(labels))[:, None, :]) - kick
    with np.errstate(invalid="ignore"):
        anchored = np.where(t > 0, t * _mean_conjugate(loss, beta, labels, anchor.frequencies), 0.0)
    proved = _dual_value(penalty, (1 - t)[:, None] * gradient[:-1] + t[:, None] * anchor.pull(v, kick), rest)
    return lambda conjugate: (proved((1 - t) * conjugate + anchored), hoped(conjugate))


def _dual_value(penalty: Penalty, G: Array, rest: Array) -> Callable[[Array], Array]:
    """The dual objective (M,) of a point with this G, scaled into the penalty's domain, by its mean conjugate.

    The dual point 0 is always there: no loss is below −`rest` = −Σ π L*(0), which is 0 but for smoothed labels.
    """
    scale = penalty.dual_scale(G)
    regularized = penalty.conjugate(-scale[:, None] * G)
    return lambda conjugate: np.fmax(-(scale * conjugate + (1 - scale) * rest + regularized), -rest)


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

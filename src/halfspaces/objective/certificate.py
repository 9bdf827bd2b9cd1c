"""Certificates: a proven upper bound on L(W) − min L, from Fenchel duality.

For dual points a_i in the domain of L*_i with Σ w_i a_i = 0 (the bias is free), every W satisfies

    min L  ≥  −Σ w_i L*_i(a_i)/Σ w_i − (λR)*(−G),    G = Σ w_i x_i a_iᵀ/Σ w_i.

The natural point a_i = ∇L_i(s_i) costs nothing, but its class sums g = Σ w_i a_i/Σ w_i vanish only
once the bias is optimal; until then it proves nothing. So it is mixed with an anchor that pulls the
sums back to zero,

    a'_i = (1 − t) a_i + t β(y_i),    β(y) = v (π − onehot(y)) − (1 − t)/t · g,

where π are the class frequencies: Σ w_i (π − onehot(y_i)) = 0. L* is convex, so
L*(a'_i) ≤ (1 − t) L*(a_i) + t L*(β), and G moves by class means that were summed once: no further
visit to the data. Any t > 0 that keeps β in the domain is valid; the least one is
t/(1 − t) = max_c |g_c|/(v min(π_c, 1 − π_c)). v is 1, and 1 − ε for labels smoothed by ε.

Rounding. The scores of a row are off by about u ‖x_i‖ ‖W‖, u the unit roundoff, and G by about
e = u √(mean ‖x_i‖²) √(mean ‖a_i‖²). So the bound is computed for a G that is longer by e. Where
W lies so far away that the two terms of a conjugate cancel, nothing is proved.

References
----------
Rockafellar, Convex Analysis, 1970, §31; Shalev-Shwartz & Zhang, Stochastic dual coordinate ascent,
JMLR 2013.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.penalties.base import Penalty
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Centroids
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array

VALUES = 1 << 22  # in dual points of labels that are taken together


@dataclass(frozen=True, eq=False)
class Anchor:
    """Class frequencies and class sums.

    Parameters
    ----------
    frequencies : array, shape (M, C)
        π.
    sums : array, shape (D, M, C)
        Σ_{y_i = c} w_i x_i / Σ w_i, of standardized features.
    """

    frequencies: Array
    sums: Array

    @property
    def room(self) -> Array:
        """min(π, 1 − π) (M, C): how far a class sum can be pulled."""
        return np.minimum(self.frequencies, 1 - self.frequencies)

    def pull(self, v: float, kick: Array) -> Array:
        """Σ_y (class sum of x)_y ⊗ (v (π − onehot(y)) − kick), shape (D, M, C)."""
        total = self.sums.sum(axis=2)[:, :, None]
        return total * (v * self.frequencies - kick) - v * self.sums

    @classmethod
    def of(cls, blocks: Blocks, linear: Linear, n_classes: int) -> "Anchor":
        """From the class means where the members share weights and labels, else by one visit."""
        members = blocks.members or 1
        if blocks.members is None:
            masses, means = Centroids.of(blocks).padded(n_classes)
            sums = (masses[:, None] * means).T
        else:
            from halfspaces.kernels.class_sums import class_sums

            sums, masses = blocks.sum(class_sums(members, n_classes), columns=members * n_classes)
        shape = (members, n_classes)
        count = np.repeat(masses.reshape(shape).sum(axis=1), n_classes)
        features = linear.pullback((sums / count, masses / count), 1.0, (len(sums) + 1, *shape))
        features = features[:-1]
        return cls((masses / count).reshape(shape), features)


class Shortened(NamedTuple):
    """A shortened dual point s₀ a: its factor s₀ and the mean conjugate of L* there, (M,) each."""

    factor: Array
    conjugate: Array


@dataclass(frozen=True, eq=False)
class DualBound:
    """Lower bounds on min L from a dual point a.

    Parameters
    ----------
    loss : Loss
    penalty : Penalty
    gradient : array, shape (D+1, M, C)
        Of the data loss: the dual point's G above its class sums g.
    anchor : Anchor
    at_zero : array, shape (M,)
        Σ π L*(0): 0 except for smoothed labels.
    fit_intercept : bool
        Whether there is a bias, so that only vanishing class sums prove anything.
    error : array, shape (M,), or 0
        How far rounding may have moved G.
    """

    loss: Loss
    penalty: Penalty
    gradient: Array
    anchor: Anchor
    at_zero: Array
    fit_intercept: bool
    error: Array | float = 0.0

    def proved(self, conjugate: Array, shortened: Shortened | None = None) -> Array:
        """A proven lower bound on min L (M,).

        `conjugate` (M,) is the dual point's Σ w_i L*_i(a_i)/Σ w_i. Where the dual point must be
        shortened to fit the penalty, a point that is shortened already makes the bound tighter.
        """
        return self._value(self._mixed, conjugate, shortened)

    def if_the_bias_were_optimal(
        self, conjugate: Array, shortened: Shortened | None = None
    ) -> Array:
        """The bound (M,) if the class sums vanished: no proof."""
        return self._value(self._unmixed, conjugate, shortened)

    @property
    def point(self) -> tuple[Array, Array]:
        """G (D, M, C) of the mixed dual point, and the factor (M,) that the penalty allows."""
        return self._mixed.G, self._mixed.scale

    @cached_property
    def _natural(self) -> Array:
        """The gradient, summing to 0 over the classes.

        A dual point does; rounding in that sum would grow by (1 − t)/t in β. Where a class without
        examples has a column of its own, that column is 0: its bias may fall forever.
        """
        if not self.loss.shift_invariant:
            return np.where(self._absent, 0.0, self.gradient)
        # Without examples nothing pulls back: a class sum that is 0 stays 0.
        still = (self.anchor.frequencies == 0) & (self.gradient[-1] == 0) & self.fit_intercept
        moved = np.maximum(np.sum(~still, axis=1, keepdims=True), 1)
        mean = self.gradient.sum(axis=2, keepdims=True) / moved
        return self.gradient - np.where(still, 0.0, mean)

    @cached_property
    def _absent(self) -> Array:
        """Classes (M, C) without examples whose columns of the dual point are made 0."""
        return (self.anchor.frequencies == 0) & (self.fit_intercept and self.loss.separable)

    def _value(self, point: "_DualPoint", conjugate: Array, shortened: Shortened | None) -> Array:
        """The bound (M,), both mean conjugates raised since those columns were made 0."""
        if shortened is not None:
            rise = self._rise(shortened.factor)
            shortened = shortened._replace(conjugate=shortened.conjugate + rise)
        return point.value(conjugate + self._rise(np.ones_like(conjugate)), shortened)

    def _rise(self, factor: Array) -> Array:
        """How much (M,) the mean conjugate of factor · a may rise: L* is convex (Jensen)."""
        if not self._absent.any():
            return np.zeros_like(factor)
        dual = np.where(self._absent, factor[:, None] * self.gradient[-1], 0.0)
        present = np.argmax(self.anchor.frequencies, axis=1)
        return np.where(self._absent.any(axis=1), -self.loss.conjugate(dual, present), 0.0)

    @cached_property
    def _unmixed(self) -> "_DualPoint":
        nothing = np.zeros(self.gradient.shape[1])
        return self._point(self._natural[:-1], nothing, nothing)

    @cached_property
    def _mixed(self) -> "_DualPoint":
        if not self.fit_intercept:
            return self._unmixed
        v = self.loss.certainty
        t, kick = _least_mixing(self._natural[-1], v * self.anchor.room)
        G = (1 - t)[:, None] * self._natural[:-1] + t[:, None] * self.anchor.pull(v, kick)
        mean = mean_conjugate(self.loss, self.anchor, v * self.anchor.frequencies - kick, v)
        return self._point(G, t, t * np.where(t > 0, mean, 0.0))

    def _point(self, G: Array, t: Array, anchored: Array) -> "_DualPoint":
        """The dual point whose G is longer by its error."""
        length = np.sqrt(np.einsum("dmc,dmc->m", G, G))
        longer = 1 + self.error / np.where(length > 0, length, 1.0)
        return _DualPoint(self.penalty, longer[:, None] * G, self.at_zero, t, anchored)


def mean_conjugate(loss: Loss, anchor: Anchor, dual: Array, v: float) -> Array:
    """Σ_y π_y L*(dual − v onehot(y), y), shape (M,), over the labels that occur."""
    mean = np.zeros(len(dual))
    classes = np.arange(int(dual.shape[1]))
    for y in np.array_split(classes, 1 + classes.size * dual.size // VALUES):
        pi = anchor.frequencies.T[y]
        values = loss.conjugate(dual - v * (classes == y[:, None, None]), y)
        mean += np.sum(pi * np.where(pi > 0, values, 0.0), axis=0)
    return mean


@dataclass(frozen=True, eq=False)
class _DualPoint:
    """a' = (1 − t) a + t β, scaled into the penalty's domain by s.

    Parameters
    ----------
    penalty : Penalty
    G : array, shape (D, M, C)
        Of a'.
    at_zero : array, shape (M,)
        The mean conjugate of the dual point 0. No loss is below −`at_zero`.
    t : array, shape (M,)
    anchored : array, shape (M,)
        t times the mean conjugate of β.
    """

    penalty: Penalty
    G: Array
    at_zero: Array
    t: Array
    anchored: Array

    @cached_property
    def scale(self) -> Array:
        """s (M,)."""
        return self.penalty.dual_scale(self.G)

    def value(self, conjugate: Array, shortened: Shortened | None) -> Array:
        """The dual objective (M,), from the mean conjugate of a."""
        of_penalty = self.penalty.conjugate(-self.scale[:, None] * self.G)
        of_data = self._conjugate_bound(conjugate, shortened)
        return np.fmax(-(of_data + of_penalty), -self.at_zero)

    def _conjugate_bound(self, conjugate: Array, shortened: Shortened | None) -> Array:
        """At least the mean conjugate of s a'.

        L* is convex, so its value at s a' is at most the mean of its values at any points of which
        s a' is a mean: a, β, 0, and s₀ a, which is nearer to s a than 0.
        """
        scale = self.scale
        a_weight = scale * (1 - self.t)
        bound = a_weight * conjugate + scale * self.anchored + (1 - scale) * self.at_zero
        if shortened is None:
            return bound
        total_weight = 1 - scale * self.t  # of a, s₀ a and 0 together
        with np.errstate(divide="ignore", invalid="ignore"):
            nearer_weight = np.fmin(
                (1 - scale) / (1 - shortened.factor), a_weight / shortened.factor
            )
        a_weight = np.clip(a_weight - nearer_weight * shortened.factor, 0, None)
        nearer_bound = (
            a_weight * conjugate
            + nearer_weight * shortened.conjugate
            + scale * self.anchored
            + (total_weight - a_weight - nearer_weight) * self.at_zero
        )
        return np.fmin(bound, nearer_bound)


def _least_mixing(g: Array, room: Array) -> tuple[Array, Array]:
    """The least mixing weight t (M,) for the classes' room, and the kick (1 − t)/t · g (M, C)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.max(np.where(g == 0, 0.0, np.abs(g) / room), axis=-1)
        t = np.where(np.isinf(ratio), 1.0, ratio / (1 + ratio))
        return t, np.where((t > 0) & (t < 1), 1 / ratio, 0.0)[:, None] * g

"""The constraint ‖w_c‖₂ ≤ r on each class's weights."""

import math
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from halfspaces.penalties.base import Array, Penalty, Strength, _as_strength, _per_member
from halfspaces.support.validation import check_numbers


@dataclass(frozen=True)
class MaxNorm(Penalty):
    """The constraint ‖w_c‖₂ ≤ r on each class's weight vector; the prox is the projection.

    Parameters
    ----------
    radius : float or one per member
        r > 0.

    Raises
    ------
    ValueError
        If a radius is not above 0.

    References
    ----------
    Srebro, Rennie & Jaakkola, Maximum-margin matrix factorization, NIPS 2004.

    Examples
    --------
    >>> import numpy as np
    >>> MaxNorm(1.0).prox(np.array([[[3.0]], [[4.0]]]), step=1.0).round(2).ravel().tolist()
    [0.6, 0.8]
    """

    radius: Strength = 1.0
    smooth: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", _as_strength(self.radius))
        check_numbers("MaxNorm(radius=...)", self.radius, above=0)

    def value(self, W: Array) -> Array:
        """0 where the constraint holds (to rounding), infinite elsewhere."""
        xp = array_namespace(W)
        excess = xp.max(_class_norms(W) / _per_member(self.radius, W), axis=-1)
        return xp.where(
            excess <= 1 + 32 * xp.finfo(W.dtype).eps,
            xp.zeros_like(excess),
            xp.full_like(excess, math.inf),
        )

    def prox(self, W: Array, step: Array | float) -> Array:
        """W with longer class vectors scaled back to length r; only steps that differ within a class matter."""
        radius = _per_member(self.radius, W)
        if getattr(step, "ndim", 0) == W.ndim:
            W = _shrunk(W, radius, step)
        return W * array_namespace(W).clip(radius / _positive(_class_norms(W)), None, 1)

    def conjugate(self, dual: Array) -> Array:
        """r Σ_c ‖dual_c‖₂."""
        return array_namespace(dual).sum(
            _class_norms(dual) * _per_member(self.radius, dual), axis=-1
        )


def _class_norms(W: Array) -> Array:
    xp = array_namespace(W)
    return xp.sqrt(xp.sum(W**2, axis=0))


def _positive(norms: Array) -> Array:
    xp = array_namespace(norms)
    return xp.where(norms > 0, norms, xp.ones_like(norms))


def _shrunk(W: Array, radius: Array, step: Array) -> Array:
    """V = W / (1 + ν step) with the least ν ≥ 0 that gives ‖v_c‖ ≤ r: the projection in the metric of the steps.

    Newton's method on 1/‖v_c‖ − 1/r, which is concave and nearly straight in ν, climbs to the root from ν = 0.
    """
    xp = array_namespace(W)
    nu = xp.zeros_like(_class_norms(W))
    for _ in range(20):
        V = W / (1 + nu * step)
        norms = _class_norms(V)
        slope = xp.sum(step * V**2 / (1 + nu * step), axis=0)
        nu = nu + xp.clip(norms / radius - 1, 0, None) * norms**2 / _positive(slope)
    return W / (1 + nu * step)

"""The constraint ‖w_c‖₂ ≤ r on each class's weights."""

import math
from dataclasses import dataclass
from typing import ClassVar

from halfspaces.penalties.base import Penalty, PerMember, per_member, store_numbers
from halfspaces.support.arrays import array_namespace
from halfspaces.support.types import AnyArray

ROUNDING_UNITS = 32  # by which a norm may exceed the radius
NEWTON_STEPS = 20


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

    radius: PerMember = 1.0
    smooth: ClassVar[bool] = False

    def __post_init__(self) -> None:
        store_numbers(self, "radius", above=0)

    def value(self, W: AnyArray) -> AnyArray:
        """0 where the constraint holds (to rounding), infinite elsewhere."""
        xp = array_namespace(W)
        ratio = xp.max(_class_norms(W) / per_member(self.radius, W), axis=-1)
        inside = ratio <= 1 + ROUNDING_UNITS * xp.finfo(W.dtype).eps
        return xp.where(inside, xp.zeros_like(ratio), math.inf)

    def prox(self, W: AnyArray, step: AnyArray | float) -> AnyArray:
        """W with longer class vectors scaled to length r.

        The step matters only where it differs between the weights of a class.
        """
        radius = per_member(self.radius, W)
        differs = getattr(step, "ndim", 0) == W.ndim
        V = _weighted_projection(W, radius, step) if differs else W
        return V * array_namespace(V).clip(radius / _positive(_class_norms(V)), None, 1)

    def conjugate(self, dual: AnyArray) -> AnyArray:
        """r Σ_c ‖dual_c‖₂."""
        products = _class_norms(dual) * per_member(self.radius, dual)
        return array_namespace(dual).sum(products, axis=-1)


def _class_norms(W: AnyArray) -> AnyArray:
    xp = array_namespace(W)
    return xp.sqrt(xp.sum(W**2, axis=0))


def _positive(norms: AnyArray) -> AnyArray:
    """The norms, 1 instead of 0."""
    return array_namespace(norms).where(norms > 0, norms, 1.0)


def _weighted_projection(W: AnyArray, radius: AnyArray, step: AnyArray) -> AnyArray:
    """The projection in the metric of steps (D, M, C).

    V = W / (1 + ν step) with the least ν ≥ 0 that gives ‖v_c‖ ≤ r. Newton's method on
    1/‖v_c‖ − 1/r, which is concave and nearly linear in ν, increases ν from 0 to the root.
    """
    xp = array_namespace(W)
    nu = xp.zeros_like(_class_norms(W))
    for _ in range(NEWTON_STEPS):
        V = W / (1 + nu * step)
        norms = _class_norms(V)
        slope = xp.sum(step * V**2 / (1 + nu * step), axis=0)
        nu = nu + xp.clip(norms / radius - 1, 0, None) * norms**2 / _positive(slope)
    return W / (1 + nu * step)

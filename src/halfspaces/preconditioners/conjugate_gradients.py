"""Preconditioned conjugate gradients for a symmetric positive definite system.

References
----------
Hestenes & Stiefel, Methods of conjugate gradients for solving linear systems, 1952,
https://doi.org/10.6028/jres.049.044
"""

from collections.abc import Callable

import numpy as np

from halfspaces.support.types import Array

Map = Callable[[Array], Array]


def conjugate_gradients(
    product: Map,
    right: Array,
    *,
    precondition: Map,
    enough: Callable[[Array, float, float], bool],
    max_steps: int,
) -> Array:
    """Solve A x = right, from x = 0, until it is accurate enough or A is not positive along a step.

    Parameters
    ----------
    product : callable
        A times an array of the shape of `right`.
    right : array
    precondition : callable
        An approximation M⁻¹ of A⁻¹ times an array.
    enough : callable
        Whether to stop, from the residual r, its energy ⟨r, M⁻¹ r⟩, and that of `right`.
    max_steps : int

    Examples
    --------
    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradients(
    ...     lambda x: A @ x,
    ...     np.array([1.0, 2.0]),
    ...     precondition=lambda r: r / np.diag(A),
    ...     enough=lambda r, energy, first: energy <= 1e-20 * first,
    ...     max_steps=10,
    ... ).round(4).tolist()
    [0.0909, 0.6364]
    """
    x = np.zeros_like(right)
    residual = right.copy()
    z = precondition(residual)
    direction = z
    energy = first = _inner(residual, z)
    for _ in range(max_steps):
        if enough(residual, energy, first):
            break
        bent = product(direction)
        curvature = _inner(direction, bent)
        if not (energy > 0 and curvature > 0):  # rounding
            break
        x += (energy / curvature) * direction
        residual -= (energy / curvature) * bent
        z = precondition(residual)
        before = energy
        energy = _inner(residual, z)
        direction = z + (energy / before) * direction
    return x


def _inner(left: Array, right: Array) -> float:
    return float(np.vdot(left, right))

"""The numerical gradient, and the check of an analytic one."""

from collections.abc import Callable

import numpy as np

from halfspaces.support.types import Array


def numerical_gradient(f: Callable[[Array], float], W: Array, h: float = 1e-5) -> Array:
    """The centred differences of f at W, in the shape of W."""
    gradient = np.zeros(W.shape)
    for place in np.ndindex(*W.shape):
        above, below = W.copy(), W.copy()
        above[place] += h
        below[place] -= h
        gradient[place] = (f(above) - f(below)) / (2 * h)
    return gradient


def relative_error(a: Array, b: Array) -> float:
    """The largest difference, relative to the largest entry of both."""
    size = max(np.abs(a).max(), np.abs(b).max())
    return float(np.abs(a - b).max() / size) if size > 0 else 0.0


def gradient_is_right(
    f: Callable[[Array], float], gradient: Callable[[Array], Array], W: Array
) -> bool:
    """Whether an analytic gradient agrees with the numerical one."""
    return relative_error(gradient(W), numerical_gradient(f, W)) < 1e-5

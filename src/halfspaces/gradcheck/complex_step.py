"""Slopes by complex steps: exact, for functions that compute with complex numbers."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from halfspaces.gradcheck.differences import Line, Noise
from halfspaces.gradcheck.parameters import Layout, Parameters
from halfspaces.support.types import AnyArray

STEP = 2.0**-70  # no difference is taken, so that no digit is lost
NEAR = 1e-3  # relative distance from a difference below which complex slopes are believed
_DIFFERENCE = 2.0**-20


def complex_gradient(f: Callable[[np.ndarray], Any], W: AnyArray) -> np.ndarray:
    """Slope of f along every coordinate by a complex step: Im f(x + ih) / h, exact to rounding.

    Parameters
    ----------
    f : callable
        Takes a complex128 array like W and returns one number. Functions such as exp, log and
        products of matrices take complex numbers; abs, comparisons and norms do not.
    W : array of any shape

    Returns
    -------
    gradient : float64 array, shape of W

    Raises
    ------
    TypeError
        If f does not compute with complex numbers.

    References
    ----------
    Squire & Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review
    1998, https://doi.org/10.1137/S003614459631241X

    Examples
    --------
    >>> complex_gradient(lambda W: (W**3).sum(), [1.0, -2.0]).tolist()
    [3.0, 12.0]
    """
    W = np.array(W, dtype=np.complex128)
    gradient = np.empty(W.shape)
    for index in np.ndindex(W.shape):
        moved = W.copy()
        moved[index] += 1j * STEP
        value: Any = np.asarray(f(moved))
        if value.dtype.kind != "c":
            raise TypeError(
                "complex_gradient needs a function of complex numbers, and its value is real: use "
                "numerical_gradient."
            )
        gradient[index] = float(value.imag) / STEP
    return gradient


@dataclass(frozen=True)
class ComplexStep:
    """Slopes of f at W along directions; only used if they agree with a difference of f."""

    f: Callable[[Parameters], Any]
    layout: Layout
    at: np.ndarray

    @classmethod
    def of(
        cls,
        f: Callable[[Parameters], Any],
        layout: Layout,
        at: np.ndarray,
        ray: Line,
        direction: np.ndarray,
        noise: Noise,
    ) -> "ComplexStep | None":
        """Complex steps of f at W, or None unless they agree with a difference along a ray."""
        if not layout.is_numpy:
            return None
        step = cls(f, layout, at)
        slope = step.slope(direction)
        if not np.isfinite(slope) or slope == 0:
            return None
        difference = (ray(_DIFFERENCE) - ray(-_DIFFERENCE)) / (2 * _DIFFERENCE)
        agrees = abs(slope - difference) <= NEAR * abs(slope) + noise.bound / _DIFFERENCE
        return step if agrees else None

    def slope(self, direction: np.ndarray) -> float:
        """Im f(W + ihd) / h; nan where f takes no complex numbers."""
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of imaginary parts that f discards
                value: Any = np.asarray(self.f(self.layout.unpack(self.at + 1j * STEP * direction)))
        except Exception:
            return np.nan
        if value.dtype.kind != "c" or value.size != 1:
            return np.nan
        return float(value.reshape(()).imag) / STEP

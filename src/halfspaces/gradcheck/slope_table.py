"""The lecture's table: each coordinate moved by h, the loss there, and the slope."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from halfspaces.gradcheck.parameters import Layout, Parameters, scalar
from halfspaces.support.validation import check_number

STEP = 1e-4  # the lecture's h


class SlopeRow(NamedTuple):
    """One coordinate moved: its name, x, x + h, f there, and (f(W + h) − f(W)) / h."""

    name: str
    at: float
    moved: float
    value: float
    slope: float


def slope_rows(
    f: Callable[[Parameters], Any], W: Parameters, *, step: float = STEP
) -> Iterator[SlopeRow]:
    """The numerical gradient as a table, coordinate by coordinate, by forward differences.

    Parameters
    ----------
    f : callable
        Takes parameters like W and returns one number.
    W : array, or (nested) mapping or list of them
    step : float > 0
        h.

    Raises
    ------
    ValueError
        If `step` is not above 0.

    Examples
    --------
    >>> W, f = worked_example()
    >>> for row in slope_rows(f, W):
    ...     print(f"{row.name}: f({row.moved:.4f}, ...) = {row.value:.5f}, slope {row.slope:.1f}")
    W[0, 0]: f(0.3401, ...) = 1.25322, slope -2.5
    W[0, 1]: f(-1.1099, ...) = 1.25353, slope 0.6
    W[0, 2]: f(0.7801, ...) = 1.25347, slope 0.0
    W[1, 0]: f(0.1201, ...) = 1.25372, slope 2.5
    W[1, 1]: f(0.5501, ...) = 1.25341, slope -0.6
    W[1, 2]: f(2.8101, ...) = 1.25347, slope 0.0
    """
    check_number("slope_rows(step=...)", step, above=0)
    layout = Layout.of(W, None)
    at = layout.pack_real(W, "W")
    here = scalar(f(layout.unpack(at)))
    for position in range(layout.size):
        moved = at.copy()
        moved[position] += step
        value = scalar(f(layout.unpack(moved)))
        # x + h is rounded: the divisor is the difference and not h.
        slope = (value - here) / (moved[position] - at[position])
        name = layout.name(position)
        yield SlopeRow(name, float(at[position]), float(moved[position]), value, slope)


def slope_along(
    f: Callable[[Parameters], Any], W: Parameters, direction: Parameters, *, step: float = STEP
) -> float:
    """The slope of f along a direction d, by a centred difference: it is d · ∇f.

    The direction of unit length in which f rises most steeply is that of the gradient.

    >>> f, W, d = lambda W: (W**2).sum(), np.array([1.0, -2.0]), np.array([0.6, -0.8])
    >>> round(slope_along(f, W, d), 6)
    4.4
    """
    check_number("slope_along(step=...)", step, above=0)
    layout = Layout.of(W, None)
    at = layout.pack_real(W, "W")
    along = layout.pack_real(direction, "direction")
    high = scalar(f(layout.unpack(at + step * along)))
    low = scalar(f(layout.unpack(at - step * along)))
    return (high - low) / (2 * step)


def worked_example() -> tuple[np.ndarray, Callable[[np.ndarray], float]]:
    """W and f with the numbers of the lecture: f(W) = 1.25347, slopes −2.5, 0.6 and 0 at first.

    f is the hinge loss max(0, s_1 − s_0 + Δ) of one example x with scores s = W x, whose right
    class is 0.
    """
    W = np.array([[0.34, -1.11, 0.78], [0.12, 0.55, 2.81]])
    x = np.array([2.5, -0.6, 0.0])
    margin = 2.79947  # Δ, so that f(W) is 1.25347

    def f(W: np.ndarray) -> float:
        scores = W @ x
        return max(0.0, scores[1] - scores[0] + margin)

    return W, f

"""The numerical gradient, and its comparison with an analytic one."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from halfspaces.gradcheck.differences import (
    Judge,
    Layout,
    Line,
    Noise,
    Parameters,
    Scheme,
    check_scheme,
    replaced,
    scalar,
    taylor_rate,
)
from halfspaces.gradcheck.report import Coordinate, GradientReport
from halfspaces.support.types import AnyArray
from halfspaces.support.validation import check_number


def numerical_gradient(
    f: Callable[[np.ndarray], Any], W: AnyArray, step: float = 1e-5, scheme: Scheme = "centered"
) -> np.ndarray:
    """Slope of f along every coordinate: (f(x + h) − f(x − h))/2h, or forward (f(x + h) − f(x))/h.

    Parameters
    ----------
    f : callable
        Takes a float64 array like W and returns one number. It must not store or change the array.
    W : array of any shape
        Copied and converted to float64, never modified.
    step : float > 0
        h, the same for all coordinates.
    scheme : "centered" or "forward"
        The error is of order h² or h, the number of evaluations 2n or n + 1.

    Returns
    -------
    gradient : float64 array, shape of W

    Raises
    ------
    ValueError
        If `step` or `scheme` is invalid.
    TypeError
        If f returns an array of several numbers.

    Examples
    --------
    >>> numerical_gradient(lambda W: (W**2).sum(), [1.0, -2.0]).round(6).tolist()
    [2.0, -4.0]
    """
    check_number("numerical_gradient(step=...)", step, above=0)
    check_scheme(scheme)
    W = np.array(W, dtype=np.float64)
    forward = scheme == "forward"
    here = scalar(f(W)) if forward else math.nan
    gradient = np.empty_like(W)
    for index in np.ndindex(W.shape):
        at = W[index]
        # x + h is rounded: the divisor is upper − lower and not h.
        upper = at + step
        lower = at if forward else at - step
        W[index] = upper
        high = scalar(f(W))
        W[index] = lower
        low = here if forward else scalar(f(W))
        W[index] = at
        gradient[index] = (high - low) / (upper - lower)
    return gradient


def check_gradient(
    f: Callable[[Parameters], Any],
    gradient: Parameters | Callable[[Parameters], Parameters],
    W: Parameters,
    *,
    step: float | None = None,
    scheme: Scheme = "centered",
    samples: int = 50,
    blocks: Mapping[str, Any] | None = None,
    tolerance: float | None = None,
    kink: bool = True,
    seed: int = 0,
) -> GradientReport:
    """Compare an analytic gradient with differences of f.

    Parameters
    ----------
    f : callable
        Takes parameters like W, in float64, and returns one number.
    gradient : callable, array or mapping
        ∇f as a function of the parameters, or its value at W.
    W : array, or mapping of block names to arrays
        Where to check; float32 is converted. For a mapping f and `gradient` receive a dict.
    step : float > 0, optional
        h is `step` times max(1, |coordinate|). By default the cube root (forward: the square root)
        of f's relative rounding noise, which balances rounding and truncation.
    scheme : "centered" or "forward"
    samples : int ≥ 1
        Coordinates drawn from each block; a smaller block is checked completely.
    blocks : mapping of names to indices, optional
        Parts of one array that are sampled and reported separately: `WEIGHTS_AND_BIAS` for
        parameters (D+1, M, C).
    tolerance : float > 0, optional
        Largest relative error that passes: 1e-6 (forward: 1e-5), or more if f or the gradient is
        not in float64.
    kink : bool
        Whether to look for kinks. If False, every coordinate is judged by one difference.
    seed : int
        Seed of the coordinates and of the random direction.

    Returns
    -------
    report : GradientReport
        `report.ok`, `report.verdict`, `report.worst`, ...

    Raises
    ------
    ValueError
        If f(W) is not finite, or shapes and blocks do not fit W.
    TypeError
        If f returns an array of several numbers.

    References
    ----------
    Moré & Wild, Estimating computational noise, SIAM J. Sci. Comput. 2011,
    https://doi.org/10.1137/100786125

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([1.0, 2.0, 3.0])
    >>> print(check_gradient(lambda W: (W**2).sum(), lambda W: 4 * W, W).verdict)
    The gradient is wrong: at W[...] it is ..., where the slope is ... (relative error 3.3e-01);
    3 of the 3 checked coordinates disagree. The ratio analytic/numerical is 2 everywhere: a factor
    2 too many, or a ½ that only f has.
    """
    check_number("check_gradient(samples=...)", samples, at_least=1, integer=True)
    check_scheme(scheme)
    layout = Layout.of(W, blocks)
    at = layout.pack(W, "W")
    given = gradient(layout.unpack(at)) if callable(gradient) else gradient
    analytic = layout.pack(given, "gradient")
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(at.size)
    direction /= np.linalg.norm(direction)
    ray = Line(lambda t: f(layout.unpack(at + t * direction)), at=0.0)
    noise = Noise.of(ray, given)
    judge = Judge.of(noise, analytic, scheme=scheme, step=step, tolerance=tolerance, kink=kink)

    def check(block: str, position: int) -> Coordinate:
        line = Line(lambda x: f(layout.unpack(replaced(at, position, x))), at=float(at[position]))
        slope = float(analytic[position])
        return Coordinate(block, *layout.index(position), line.at, slope, *judge(line, slope))

    coordinates = tuple(
        check(block, int(position))
        for block, positions in layout.blocks.items()
        for position in np.sort(rng.permutation(positions)[:samples])
    )
    slope = float(analytic @ direction)
    finding = judge(ray, slope)
    return GradientReport(
        coordinates=coordinates,
        direction=Coordinate("direction", "a random direction", (), 0.0, slope, *finding),
        rate=taylor_rate(ray, slope, noise),
        tolerance=judge.tolerance,
        weakness=noise.weakness(judge.tolerance),
    )

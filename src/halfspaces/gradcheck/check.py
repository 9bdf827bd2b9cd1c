"""The numerical gradient, and its comparison with an analytic one."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from halfspaces.gradcheck.calls import call_f, call_gradient
from halfspaces.gradcheck.complex_step import ComplexStep
from halfspaces.gradcheck.differences import (
    Noise,
    Probe,
    Scheme,
    check_scheme,
    taylor_rate,
)
from halfspaces.gradcheck.groups import Rest, check_together
from halfspaces.gradcheck.judge import REACH, Coordinate, Judge
from halfspaces.gradcheck.long_steps import LongSteps
from halfspaces.gradcheck.parameters import EPS, Layout, Parameters, scalar
from halfspaces.gradcheck.point import Point
from halfspaces.gradcheck.report import GradientReport
from halfspaces.support.types import AnyArray
from halfspaces.support.validation import check_number
from halfspaces.system.progress import tracked

_WEAK = 1e-9  # relative noise above which f is not float64 arithmetic
_WRONG_OF_HALF = 24  # wrong coordinates of a block that are enough, with long steps
_GROUPS = 64  # checks of several coordinates together, at most


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
    """Compare an analytic gradient with differences of f: right, wrong, or cannot tell.

    Each coordinate is judged at its own scale. The numerical slope n comes with a bound e on its
    error, of truncation (from several steps) and rounding (from the measured noise of f). The
    analytic slope a is right if |a − n| ≤ e and e is at most 3 % of the slope, wrong if |a − n| is
    above 2e, and undecided otherwise. Coordinates that are not sampled are compared together, along
    random directions, and those that disagree are searched for.

    Parameters
    ----------
    f : callable
        Takes parameters like W and returns one number.
    gradient : callable, or parameters like W
        ∇f as a function of the parameters, or its value at W.
    W : array, tensor, or (nested) mapping or list of them
        Where to check. f and `gradient` receive the same structure, with new arrays of float64, or
        with new tensors of the same type.
    step : float > 0, optional
        The largest step, relative to the size of the coordinate. By default the steps are chosen
        so that the error is small.
    scheme : "centered" or "forward"
        Whether slopes are limits of centred or of forward differences.
    samples : int ≥ 1
        Coordinates drawn from each block; a smaller block is checked completely.
    blocks : mapping of names to indices, optional
        Parts of one array that are sampled and reported separately: `WEIGHTS_AND_BIAS` for
        parameters (D+1, M, C).
    tolerance : float in (0, 0.1), optional
        Relative error that is ignored: 1e-6 (forward: 1e-5), or more if the gradient is not in
        float64.
    kink : bool
        Whether to look for kinks. If False, every coordinate is judged by one slope.
    seed : int
        Seed of the coordinates and of the random directions.

    Returns
    -------
    report : GradientReport
        `report.outcome`, `report.ok`, `report.verdict`, `report.worst`, ...

    Raises
    ------
    ValueError
        If f(W) is not finite, or shapes and blocks do not fit W.
    TypeError
        If f returns an array of several numbers or a complex number, or W is complex.

    References
    ----------
    Moré & Wild, Estimating computational noise, SIAM J. Sci. Comput. 2011,
    https://doi.org/10.1137/100786125; Ridders, Accurate computation of F'(x) and F'(x)F''(x),
    Advances in Engineering Software 1982, https://doi.org/10.1016/S0141-1195(82)80057-0

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
    if step is not None:
        check_number("check_gradient(step=...)", step, above=0)
    if tolerance is not None:
        check_number("check_gradient(tolerance=...)", tolerance, above=0, below=0.1)
    layout = Layout.of(W, blocks)
    point = Point.of(f, layout, layout.pack_real(W, "W"))
    rng = np.random.default_rng(seed)
    direction = point.random_direction(rng)
    ray = point.line(direction)
    value = call_f(f, layout, point.at)
    slopes, analytic = call_gradient(gradient, layout, point.at, point.scales, direction)
    doubts = tuple(filter(None, (value.doubt, slopes.doubt)))
    noise = Noise.of(ray, value.unit, value.value, math.inf if doubts else value.spread)
    if tolerance is None:
        tolerance = 1e-6 if scheme == "centered" else 1e-5
        if slopes.unit > EPS:
            tolerance = max(tolerance, min(1e3 * slopes.unit, REACH))
    probe = Probe(noise, scheme, kink, tolerance / 4)
    if step is not None:
        probe = replace(probe, steps=(step, step / 4, step / 16), most=step)
    judge = Judge(probe, analytic, tolerance)
    complex_step = None if doubts else ComplexStep.of(f, layout, point.at, ray, direction, noise)
    check = partial(point.check, judge, complex_step=complex_step)
    long_steps = None
    if callable(gradient) and judge.is_half and not doubts and step is None:

        def slopes_at(at: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return np.real(layout.pack(gradient(layout.unpack(at)), "gradient"))

        long_steps = LongSteps(point, slopes_at, judge)
        check = long_steps.check
    orders = {block: rng.permutation(each) for block, each in layout.blocks.items()}
    chosen = [(block, k) for block, order in orders.items() for k in np.sort(order[:samples])]
    shown = tracked(chosen, "Gradient check", len(chosen), "coordinates")
    coordinates = _checked(check, shown, math.inf if long_steps is None else _WRONG_OF_HALF)
    if not doubts and long_steps is None:
        coordinates = point.checked_again(judge, coordinates, [int(k) for _, k in chosen])
    rest = Rest(0, 0, ())
    if all(coordinate.outcome != "wrong" for coordinate in coordinates):
        others = np.concatenate([order[samples:] for order in orders.values()])
        if long_steps is not None:
            rest = Rest(0, len(others), tuple(long_steps.suspects(others, rng)))
        else:
            rest = check_together(judge, others, point.scales, point.line, budget=_GROUPS, rng=rng)
        coordinates += [check(layout.block(position), position) for position in rest.suspects]
    return GradientReport(
        coordinates=tuple(coordinates),
        agree=rest.agree,
        unseen=rest.unseen,
        rate=taylor_rate(ray, float(analytic.values @ direction), noise),
        tolerance=tolerance,
        weakness="" if doubts else _weakness(coordinates, judge, slopes.unit),
        defects=tuple(filter(None, (value.defect, slopes.defect))),
        doubts=doubts,
        has_long_steps=long_steps is not None,
    )


def _checked(
    check: Callable[[str, int], Coordinate], chosen: Iterable[tuple[str, int]], most: float
) -> list[Coordinate]:
    """The verdicts, until `most` coordinates of a block are wrong."""
    coordinates: list[Coordinate] = []
    wrong = Counter[str]()
    for block, position in chosen:
        if wrong[block] < most:
            coordinates.append(check(block, int(position)))
            wrong[block] += coordinates[-1].outcome == "wrong"
    return coordinates


def _weakness(coordinates: list[Coordinate], judge: Judge, gradient_unit: float) -> str:
    """Why small errors are invisible; empty if they are visible."""
    noise = judge.probe.noise
    if judge.is_half:
        why = "f has the noise of float16: slopes are means over long steps; compute it in float64."
    elif noise.unit > EPS:
        why = "f has the noise of float32 or float16; compute it in float64."
    elif noise.relative > _WEAK:
        why = f"f is accurate to {noise.relative:.0e} only."
    elif gradient_unit > EPS:
        why = "the gradient is given in float32 or float16."
    else:
        return ""
    right = [c for c in coordinates if c.outcome == "right"]
    bounds = [c.bound / abs(c.numerical) for c in right if c.bound < abs(c.numerical)]
    least = REACH if judge.is_half else max([judge.tolerance, *bounds])
    return f"The check is weak, errors below {least:.0e} cannot be seen: {why}"

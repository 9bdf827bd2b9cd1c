"""Slopes of f along lines, each with a bound on its error: truncation plus rounding noise."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from halfspaces.gradcheck.parameters import EPS, scalar
from halfspaces.system.names import nearest

Scheme = Literal["centered", "forward"]

LARGER = 2.0  # ratio of a larger step to the last one
SMALLER = 4.0
LARGEST_STEP = 2.0**40  # steps are relative to the size of the coordinate
FLAT_STEP = 2.0**20  # the largest where f has not changed at all
SMALLEST_STEP = 2.0**-44
FIRST_STEPS = (2.0**-7, 2.0**-9, 2.0**-11)
_SPACINGS = 4  # in which rounded values are searched for
_FINER = 12  # parts of each
_DEPTH = 3  # of the extrapolation
_IDLE = 5  # further steps without a better slope after which the search ends
_RESOLVED = 0.01  # of a jump of the slope: rounding at which a kink is still visible
_SAMPLES = 24  # values of f from which its noise is estimated
_NOISE_FACTOR = 1.5  # from the median of the differences to their standard deviation
_LEAST = 1e-290  # values of f below which products underflow
_HALF = 1e-4  # relative noise above it is that of 16-bit numbers
_HALF_SPACINGS = (2.0**-7, 2.0**-5)  # at which W and f change by more than such rounding
SAFETY = 4.0  # standard deviations within which rounding errors lie


def check_scheme(scheme: str) -> None:
    """Raise ValueError for an unknown scheme of differences."""
    if scheme not in ("centered", "forward"):
        raise ValueError(
            f"scheme={scheme!r} is not known: {nearest(scheme, ('centered', 'forward'))}"
        )


def relative_error(analytic: float, numerical: float, scale: float = 0.0) -> float:
    """|a − n| / max(|a| + |n|, scale), with 0/0 = 0.

    >>> relative_error(2.0, 1.0), relative_error(0.0, 0.0)
    (0.3333333333333333, 0.0)
    >>> relative_error(1e-12, -1e-12, scale=1e-6)
    2e-06
    """
    difference = abs(analytic - numerical)
    if not math.isfinite(difference):
        return math.inf
    return difference / max(abs(analytic) + abs(numerical), scale) if difference else 0.0


@dataclass(frozen=True)
class Line:
    """f along one coordinate or one direction: t ↦ f(x + td)."""

    f: Callable[[float], Any]

    def __call__(self, t: float) -> float:
        """f as a float; nan outside its domain."""
        try:
            with np.errstate(all="ignore"):
                return scalar(self.f(t))
        except (ArithmeticError, ValueError):
            return math.nan


def _spacing(ray: Line, here: float) -> float:
    """The smallest spacing at which rounded values of f differ from each other."""
    spacing = 2.0**-40
    while spacing < 2.0**-4:
        values = [here, *(ray(spacing * k) for k in range(1, 6))]
        if np.count_nonzero(np.diff(values)) >= 4:
            return spacing
        spacing *= 8
    return spacing


def _grid(ray: Line, here: float, spacing: float) -> float:
    """The jumps of values that were rounded, to six digits say; 0 if f has none.

    Within a few spacings f changes by many rounding units, and rounded values repeat between
    single jumps. Where f only begins to change, at a kink, the values differ one after the other.
    """
    values = [ray(spacing * k / _FINER) for k in range(_SPACINGS * _FINER + 1)]
    jumps = np.abs(np.diff(values))
    is_jump = jumps > 0
    single = np.count_nonzero(is_jump) - np.count_nonzero(is_jump[1:] & is_jump[:-1])
    enough = _SPACINGS - 1 <= np.count_nonzero(is_jump) <= len(jumps) // 2
    clear = 8 * EPS * abs(here) * len(jumps) < np.sum(jumps) < math.inf
    if enough and clear and single >= 0.75 * np.count_nonzero(is_jump):
        return float(np.max(jumps))
    return 0.0


def _own_unit(values: np.ndarray) -> float:
    """The rounding unit of the narrowest type that holds all values of a varying f."""
    if np.unique(values).size < _SAMPLES // 3:
        return EPS
    for kind in (np.float16, np.float32):
        with np.errstate(over="ignore"):
            if np.array_equal(values.astype(kind).astype(np.float64), values):
                return float(np.finfo(kind).eps)
    return EPS


def _far(ray: Line) -> tuple[float, float]:
    """The size and the noise of f, if it has 16 bits: close values are equal, and W is rounded."""
    size = scatter = 0.0
    for spacing in _HALF_SPACINGS:
        values = np.array([ray(spacing * (k - _SAMPLES // 2)) for k in range(_SAMPLES)])
        fourth = np.abs(np.diff(values[np.isfinite(values)], n=4))
        if fourth.size:
            scatter = max(scatter, _NOISE_FACTOR * float(np.median(fourth)) / math.sqrt(70))
            size = float(np.median(np.abs(values[np.isfinite(values)])))
    return size, SAFETY * scatter


@dataclass(frozen=True)
class Noise:
    """f(W), a bound on its rounding noise there, and the rounding unit of its arithmetic."""

    here: float
    bound: float
    unit: float
    is_half: bool = False  # whether it is that of 16 bits, also beside f's values around W

    @classmethod
    def of(cls, ray: Line, unit: float, here: float, spread: float) -> "Noise":
        """Measure along a ray, from fourth differences of close values (Moré & Wild).

        They are zero for a smooth f without rounding. The median is robust against kinks; √70 is
        the norm of the coefficients 1, −4, 6, −4, 1. `spread` is that of several calls at W.
        """
        spacing = _spacing(ray, here)
        values = np.array([ray(spacing * k) for k in range(_SAMPLES)])
        fourth = np.abs(np.diff(values[np.isfinite(values)], n=4))
        scatter = 0.0
        if fourth.size:
            scatter = _NOISE_FACTOR * float(np.median(fourth)) / math.sqrt(70)
        unit = max(unit, _own_unit(values))
        grid = _grid(ray, here, spacing)
        bound = max(unit / 2 * abs(here), SAFETY * max(scatter, spread), grid)
        is_half = False
        if bound > _HALF * abs(here):
            size, far_scatter = _far(ray)
            is_half = _HALF * max(size, abs(here)) < bound < math.inf
            bound = max(bound, unit * abs(here), far_scatter) if is_half else bound
        if 0 < abs(here) < _LEAST:
            bound = math.inf
        return cls(here, bound, unit, is_half)

    def at(self, value: float) -> float:
        """The bound where f has another value."""
        return max(self.bound, self.unit * abs(value))

    @property
    def coarse(self) -> float:
        """The rounding unit of the arithmetic within f, as its noise shows it."""
        return max(self.unit, self.relative)

    @property
    def relative(self) -> float:
        """The bound relative to f(W)."""
        return self.bound / abs(self.here) if self.here else 0.0


class Limit(NamedTuple):
    """The limit of a difference as its step goes to 0, with a bound on the error."""

    value: float
    error: float
    rounding: float  # the part of the error that is f's rounding noise


_UNKNOWN = Limit(math.nan, math.inf, math.inf)


def limit(steps: list[float], values: list[float], rounding: list[float], order: int) -> Limit:
    """Extrapolate differences for falling steps, whose error is a series in powers of step^order.

    Richardson's extrapolation by Neville's scheme; the error is estimated as Ridders does, by the
    change from the estimates of lower order, plus rounding, and it is at least the change from the
    estimate that ends at the next smaller step: two orders may agree by chance. An estimate that
    contradicts those from smaller steps is discarded, since f has another scale there, such as a
    kink nearby.
    """
    rows: list[list[Limit]] = []
    for k, value in enumerate(values):
        row = [Limit(value, math.inf, rounding[k])]
        for j, coarse in enumerate(rows[-1][:_DEPTH] if rows else (), start=1):
            fine = row[-1]
            weight = 1 / ((steps[k - j] / steps[k]) ** order - 1)
            better = fine.value + weight * (fine.value - coarse.value)
            noise = (1 + weight) * fine.rounding + weight * coarse.rounding
            error = max(abs(better - fine.value), abs(better - coarse.value)) + noise
            row.append(Limit(better, error, noise))
        rows.append(row)
    best = _UNKNOWN
    finer = _UNKNOWN  # the best estimate that ends at the next smaller step
    least, most = -math.inf, math.inf  # the limit, as far as smaller steps tell
    for row in reversed(rows[1:]):
        confirmed = row[1:]
        if finer is not _UNKNOWN:
            confirmed = [
                x._replace(error=max(x.error, abs(x.value - finer.value))) for x in row[1:]
            ]
        fitting = [x for x in confirmed if x.value + x.error >= least and x.value - x.error <= most]
        least = max([least, *(x.value - x.error for x in fitting)])
        most = min([most, *(x.value + x.error for x in fitting)])
        best = min([best, *fitting], key=lambda x: x.error)
        finer = min(row[1:], key=lambda x: x.error)
    return best


class Slope(NamedTuple):
    """The slope of f along a line: one limit, or at a kink two different one-sided limits."""

    slope: Limit
    backward: Limit
    forward: Limit
    kink: bool
    flat: bool  # f does not change beyond rounding, at any step
    bend: float  # one-sided difference at the first step that changes f
    unseen: float  # slope that rounding may hide at the step before

    @property
    def error(self) -> float:
        """A bound on the error of the slope in use."""
        return max(self.backward.error, self.forward.error) if self.kink else self.slope.error

    def nearest(self, value: float) -> float:
        """The slope; at a kink the nearest value between the one-sided slopes."""
        if not self.kink:
            return self.slope.value
        low, high = sorted((self.backward.value, self.forward.value))
        return min(max(value, low), high)


class Pair(NamedTuple):
    """The one-sided differences of f at a step, and bounds on their rounding."""

    step: float
    backward: float
    forward: float
    rounding: float  # of their mean


@dataclass(frozen=True)
class Probe:
    """Measures slopes: chooses the steps at which truncation and rounding are small."""

    noise: Noise
    scheme: Scheme
    kink: bool
    aim: float  # relative error of a slope that is exact enough
    steps: tuple[float, ...] = FIRST_STEPS  # falling; others are added
    least: float = SMALLEST_STEP
    most: float = LARGEST_STEP

    def __call__(self, line: Line, enough: float) -> Slope:
        """Add larger steps while rounding dominates the error, and smaller ones while truncation
        does or while the one-sided slopes differ, until the error is at most `enough`.
        """
        pairs = [self.pair(line, t) for t in self.steps]
        slope = self._slope(pairs)
        idle = 0
        while idle < _IDLE and math.isfinite(self.noise.bound):
            exact = max(enough, self.aim * abs(slope.slope.value))
            if not slope.kink and slope.slope.error <= exact:
                break
            if slope.flat and self.noise.here == 0:
                break  # f is 0 without rounding: where it changes, far from here, is a kink
            larger = slope.slope.rounding > slope.slope.error / 2 and not slope.kink
            step = pairs[0].step * LARGER if larger else pairs[-1].step / SMALLER
            jump = abs(slope.forward.value - slope.backward.value)
            visible = not slope.kink or self.noise.bound / step <= _RESOLVED * jump
            most = min(self.most, FLAT_STEP) if slope.flat else self.most
            if not (self.least <= step <= most and visible):
                break
            pairs.insert(0 if larger else len(pairs), self.pair(line, step))
            after = self._slope(pairs)
            better = after.slope.error < 0.9 * slope.slope.error
            idle = idle + 1 if larger and not better and not after.flat else 0
            slope = after
        if slope.flat:
            # Far steps that show nothing tell little of the slope here: f may be bounded.
            error = max(slope.slope.error, self.noise.bound)
            slope = slope._replace(slope=slope.slope._replace(error=error))
        return slope

    def pair(self, line: Line, step: float) -> Pair:
        """The one-sided differences at a step."""
        here = self.noise.here
        high = line(step)
        low = line(-step)
        rounding = self.noise.at(max(abs(high), abs(low)))
        return Pair(step, (here - low) / step, (high - here) / step, rounding / step)

    def _slope(self, pairs: list[Pair]) -> Slope:
        """The limits of the differences, at steps below those that leave f's domain."""
        outside = [k for k, pair in enumerate(pairs) if not all(map(math.isfinite, pair))]
        inside = pairs[outside[-1] + 1 :] if outside else pairs
        steps = [pair.step for pair in inside]
        rounding = [pair.rounding for pair in inside]
        one_sided = [pair.rounding + self.noise.bound / pair.step for pair in inside]
        backward = limit(steps, [pair.backward for pair in inside], one_sided, order=1)
        forward = limit(steps, [pair.forward for pair in inside], one_sided, order=1)
        slope = forward
        if self.scheme == "centered":
            middle = [(pair.backward + pair.forward) / 2 for pair in inside]
            slope = limit(steps, middle, rounding, order=2)
        apart = abs(forward.value - backward.value) > 2 * (forward.error + backward.error)
        sides = [max(abs(pair.backward), abs(pair.forward)) for pair in inside]
        changes = [k for k, side in enumerate(sides) if side > 2 * one_sided[k]]
        last = changes[-1] if changes else -1
        return Slope(
            slope=slope,
            backward=backward,
            forward=forward,
            kink=self.kink and apart,
            flat=not changes,
            bend=sides[last] if changes else 0.0,
            unseen=rounding[last + 1] if last + 1 < len(steps) else math.inf,
        )


def taylor_rate(ray: Line, slope: float, noise: Noise) -> float:
    """Exponent p of |f(x + td) − f(x) − t⟨g, d⟩| ~ t^p, at the smallest t with a clear remainder.

    Infinite if no remainder is above the noise, since f is linear; nan if too few are.
    """
    t = 10.0 ** -np.arange(1, 5.5, 0.5)
    remainder = np.array([abs(ray(step) - noise.here - step * slope) for step in t.tolist()])
    clear = remainder > 100 * noise.bound
    if np.count_nonzero(clear) < 3:
        return math.nan if clear.any() else math.inf
    rate, _ = np.polyfit(np.log(t[clear][-4:]), np.log(remainder[clear][-4:]), 1)
    return float(rate)

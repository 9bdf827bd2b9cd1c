"""Slopes of an f of 16 bits: its change over long steps, and the integral of the gradient there.

f(b) − f(a) is the integral of the gradient from a to b, also across bends and kinks: steps may be
so long that f changes by many of its rounding units.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from halfspaces.gradcheck.differences import SAFETY, Line, relative_error
from halfspaces.gradcheck.judge import REACH, ZERO_REACH, Coordinate, Finding, Judge, Outcome
from halfspaces.gradcheck.point import Point

LONGEST = 16.0  # step, relative to the largest size of a coordinate
FIRST = 8  # parts of a side in which the gradient is integrated
MOST = 48  # of its points
ENDS = 8  # points at the end of a step that show the noise of f there
NEAR_END = 2.0**-6  # their distance, relative to the step
SHORTER = 4.0  # ratio of a step to a second one, where the first one tells nothing
LARGER = 3.0  # values of f, relative to that at W, beyond which its rounding is another
TOGETHER = 64  # coordinates that were not sampled, along one direction
_UNIT = 2.0**-10  # of float16


class Side(NamedTuple):
    """f's change over a step to one side of W, what the gradient says, and errors of both."""

    change: float
    integral: float
    rounding: float  # of f
    error: float  # probable, of the comparison
    most: float  # possible

    @property
    def off(self) -> float:
        """The difference of the two."""
        return abs(self.change - self.integral)

    @property
    def size(self) -> float:
        """The larger one."""
        return max(abs(self.change), abs(self.integral))

    @property
    def is_off(self) -> bool:
        """Whether the difference is above twice its possible error."""
        return self.off > 2 * self.most


class Sides(NamedTuple):
    """Both sides of W, and the step."""

    left: Side
    right: Side
    step: float


@dataclass(frozen=True, eq=False)
class LongSteps:
    """Judges slopes by long steps; `slopes` is the gradient, a vector, as a function of one."""

    point: Point
    slopes: Callable[[np.ndarray], np.ndarray]
    judge: Judge

    def check(self, block: str, position: int) -> Coordinate:
        """The verdict on one coordinate; its slopes are means over the step."""
        scale = float(self.point.scales[position])
        at = float(self.point.at[position])
        slope = float(self.judge.analytic.values[position])
        finding = Finding("wrong", math.nan, math.nan, math.nan, math.inf, math.inf, kink=False)
        if math.isfinite(slope):
            slope, finding = self._compared(position, scale)
        return Coordinate(block, *self.point.layout.index(position), at, slope, *finding)

    def suspects(self, positions: np.ndarray, rng: np.random.Generator) -> list[int]:
        """Positions that disagree, of those along random directions that do."""
        pending = np.array_split(positions, max(1, math.ceil(len(positions) / TOGETHER)))
        found: list[int] = []
        while pending and not found:
            group = pending.pop()
            if not len(group):
                continue
            direction = np.zeros_like(self.point.at)
            signs = rng.choice((-1.0, 1.0), len(group))
            direction[group] = self.point.scales[group] * signs * rng.uniform(0.5, 1, len(group))
            if self._judged(direction, LONGEST)[0] != "wrong":
                continue
            if len(group) == 1:
                found.append(int(group[0]))
            else:
                pending += np.array_split(group, 2)
        return found

    def _compared(self, position: int, scale: float) -> tuple[float, Finding]:
        """The mean of the gradient's slopes over the step, and the comparison with f."""
        outcome, sides = self._judged(self.point.unit(position), self._step(position))
        left, right, step = sides
        width = 2 * step * scale
        analytic = (left.integral + right.integral) / width
        numerical = (left.change + right.change) / width
        bound = (left.error + right.error) / width
        least = bound / self.judge.tolerance if outcome == "right" else 0.0
        error = relative_error(analytic, numerical, least)
        backward, forward = (side.change / (step * scale) for side in (left, right))
        finding = Finding(outcome, numerical, backward, forward, bound, error, kink=False)
        return analytic, finding

    def _step(self, position: int) -> float:
        """A step over which f changes by much more than its rounding."""
        slope = abs(float(self.judge.analytic.values[position] * self.point.scales[position]))
        longest = LONGEST * float(np.max(self.point.scales) / self.point.scales[position])
        needed = 8 * self.judge.probe.noise.bound / REACH
        if needed >= longest * slope:
            return longest
        return 2.0 ** max(0, math.ceil(math.log2(needed / slope))) if needed else 1.0

    def _judged(self, direction: np.ndarray, step: float) -> tuple[Outcome, Sides]:
        """The outcome, wrong only if half the step says so, too, and the sides.

        Far from W sums overflow, and probabilities and their logarithms lose their digits.
        """
        first = self._sides(direction, step)
        shorter = first.step / SHORTER
        sides = first
        while True:
            outcome = self._outcome(sides)
            if outcome == "wrong":
                half = self._sides(direction, sides.step / 2)
                outcome = "wrong" if self._outcome(half) == "wrong" else "cannot tell"
            if outcome != "cannot tell" or sides.step <= shorter or shorter < 1:
                return outcome, first if outcome == "cannot tell" else sides
            sides = self._sides(direction, shorter)

    def _outcome(self, sides: Sides) -> Outcome:
        left, right, step = sides
        tolerance = self.judge.tolerance
        for side in (left, right):
            if side.is_off and side.off > tolerance * side.size:
                return "wrong"
        off = abs(left.change + right.change - left.integral - right.integral)
        if off > max(2 * max(left.most, right.most), tolerance * (left.size + right.size)):
            return "wrong"
        if any(side.off > max(side.error, tolerance * side.size) for side in (left, right)):
            return "cannot tell"
        errors, size = left.error + right.error, left.size + right.size
        if not (left.integral or right.integral):
            # A slope beside the others would have been seen.
            slopes = np.abs(self.judge.analytic.values * self.point.scales)
            size = 2 * step * float(np.max(slopes[np.isfinite(slopes)], initial=0.0))
            return "right" if errors <= ZERO_REACH * size else "cannot tell"
        return "right" if errors <= REACH * size else "cannot tell"

    def _sides(self, direction: np.ndarray, step: float) -> Sides:
        """Both sides of W, with shorter steps where f is not finite or much larger."""
        noise = self.judge.probe.noise
        line = self.point.line(direction)
        most = LARGER * max(abs(noise.here), noise.bound / (8 * _UNIT))
        while True:
            ends = (line(-step), line(step))
            if step <= 1 / LARGER or all(abs(end) <= most for end in ends):
                break
            step /= 2
        if not all(map(math.isfinite, ends)):
            unknown = Side(0.0, 0.0, math.inf, math.inf, math.inf)
            return Sides(unknown, unknown, step)
        left, right = (
            self._side(direction, sign * step, end, self._scatter(line, sign * step))
            for sign, end in zip((-1, 1), ends, strict=True)
        )
        return Sides(left, right, step)

    def _scatter(self, line: Line, step: float) -> float:
        """The noise of f at the end, where a small probability has few digits, say."""
        values = [line(step * (1 - NEAR_END * k)) for k in range(ENDS)]
        return SAFETY * float(np.max(np.abs(np.diff(values, n=4)))) / 70**0.5

    def _side(self, direction: np.ndarray, step: float, end: float, scatter: float) -> Side:
        """One side; the gradient is integrated with as many points as its error needs."""
        noise = self.judge.probe.noise
        change = float((end - noise.here) * np.sign(step))
        rounding = noise.bound + max(noise.at(end), scatter)
        moves = np.flatnonzero(direction)
        along = direction[moves]
        own, most = (
            abs(step) * float(each[moves] @ np.abs(along))
            for each in (self.judge.analytic.rounding, self.judge.analytic.most_rounding)
        )
        unit = max(noise.unit, min(noise.coarse, _UNIT))
        shifted = unit * (abs(step) + 2)  # W, too, is rounded

        def slope(part: float) -> float:
            return float(along @ self.slopes(self.point.at + step * part * direction)[moves])

        curve = Curve.of(slope)
        while True:
            integral, inexact = abs(step) * curve.integral, abs(step) * curve.error
            if not math.isfinite(integral):
                return Side(change, change, rounding, math.inf, math.inf)
            error = rounding + inexact + shifted * curve.largest
            side = Side(change, integral, rounding, error + own, error + most)
            enough = max(rounding, REACH * side.size) / 4
            if inexact <= enough or side.is_off or len(curve.parts) >= MOST:
                return side
            curve = curve.refined(slope, enough / abs(step))


class Curve(NamedTuple):
    """The gradient's slope at points of a side, between 0 and 1, rising."""

    parts: np.ndarray
    slopes: np.ndarray

    @classmethod
    def of(cls, slope: Callable[[float], float]) -> "Curve":
        """At equal distances."""
        parts = np.linspace(0, 1, FIRST + 1)
        return cls(parts, np.array([slope(part) for part in parts.tolist()]))

    @property
    def integral(self) -> float:
        """By the trapezoidal rule."""
        return float(np.diff(self.parts) @ (self.slopes[1:] + self.slopes[:-1]) / 2)

    @property
    def largest(self) -> float:
        """The largest absolute slope."""
        return float(np.max(np.abs(self.slopes)))

    @property
    def errors(self) -> np.ndarray:
        """Of each interval: a jump anywhere in it is seen in its change, which neighbours lack."""
        widths = np.diff(self.parts)
        changes = np.diff(self.slopes)
        bends = np.abs(np.diff(changes / widths))
        bends = np.maximum(np.append(bends[:1], bends), np.append(bends, bends[-1:]))
        return widths * np.minimum(np.abs(changes), widths * bends) / 2

    @property
    def error(self) -> float:
        """Of the integral, twice that of a single jump; several add up like independent errors."""
        errors = self.errors
        return min(2 * float(errors.sum()), SAFETY * float(np.linalg.norm(errors)))

    def refined(self, slope: Callable[[float], float], enough: float) -> "Curve":
        """With points in the middle of the intervals with large errors."""
        errors = self.errors
        large = np.flatnonzero(errors > min(enough / len(errors), np.max(errors) / 2))
        middles = (self.parts[large] + self.parts[large + 1]) / 2
        slopes = [slope(part) for part in middles.tolist()]
        return Curve(
            np.insert(self.parts, large + 1, middles), np.insert(self.slopes, large + 1, slopes)
        )

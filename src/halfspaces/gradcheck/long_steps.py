"""Slopes of an f of 16 bits: its change over long steps, and the integral of the gradient there.

f(b) − f(a) is the integral of the gradient from a to b, also across bends and kinks: steps may be
so long that f changes by many of its rounding units.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from halfspaces.gradcheck.differences import relative_error
from halfspaces.gradcheck.judge import HALF, REACH, Coordinate, Finding, Judge, Outcome
from halfspaces.gradcheck.point import Point

LONGEST = 16.0  # step, relative to the size of the coordinate
PARTS = (4, 16, 64)  # of each side, in which the gradient is integrated
LARGER = 4.0  # values of f, relative to that at W, beyond which its rounding is another
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
            if self._outcome(self._sides(direction, LONGEST)) != "wrong":
                continue
            if len(group) == 1:
                found.append(int(group[0]))
            else:
                pending += np.array_split(group, 2)
        return found

    def _compared(self, position: int, scale: float) -> tuple[float, Finding]:
        """The mean of the gradient's slopes over the step, and the comparison with f."""
        sides = self._sides(self.point.unit(position), self._step(position))
        outcome = self._outcome(sides)
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
        needed = 4 * self.judge.probe.noise.bound / REACH
        if needed >= LONGEST * slope:
            return LONGEST
        return 2.0 ** max(0, math.ceil(math.log2(needed / slope))) if needed else 1.0

    def _outcome(self, sides: tuple[Side, Side, float]) -> Outcome:
        left, right, step = sides
        tolerance = self.judge.tolerance
        for side in (left, right):
            if side.off > max(2 * side.most, tolerance * side.size):
                return "wrong"
        off = abs(left.change + right.change - left.integral - right.integral)
        if off > max(2 * max(left.most, right.most), tolerance * (left.size + right.size)):
            return "wrong"
        if any(side.off > max(side.error, tolerance * side.size) for side in (left, right)):
            return "cannot tell"
        errors, size = left.error + right.error, left.size + right.size
        if not size:
            # f and the gradient show nothing: slopes beside the others would have been seen.
            slopes = np.abs(self.judge.analytic.values * self.point.scales)
            size = 2 * step * float(np.max(slopes[np.isfinite(slopes)], initial=0.0))
        return "right" if 0 < errors <= REACH * size else "cannot tell"

    def _sides(self, direction: np.ndarray, step: float) -> tuple[Side, Side, float]:
        """Both sides of W, with shorter steps where f is not finite or much larger."""
        noise = self.judge.probe.noise
        line = self.point.line(direction)
        most = LARGER * abs(noise.here) + LARGER * noise.bound
        while True:
            ends = (line(-step), line(step))
            if step <= 1 / LARGER or all(abs(end) <= most for end in ends):
                break
            step /= 2
        if not all(map(math.isfinite, ends)):
            unknown = Side(0.0, 0.0, math.inf, math.inf, math.inf)
            return unknown, unknown, step
        left, right = (
            self._side(direction, sign * step, end) for sign, end in zip((-1, 1), ends, strict=True)
        )
        return left, right, step

    def _side(self, direction: np.ndarray, step: float, end: float) -> Side:
        """One side, with as many parts as its error needs."""
        noise = self.judge.probe.noise
        change = (end - noise.here) * np.sign(step)
        rounding = noise.bound + noise.at(end)
        unit = max(noise.unit, min(noise.coarse, _UNIT))
        moves = np.flatnonzero(direction)
        along = direction[moves]
        side = Side(change, math.nan, rounding, math.inf, math.inf)
        for parts in PARTS:
            slopes = np.array(
                [
                    along @ self.slopes(self.point.at + step * k / parts * direction)[moves]
                    for k in range(parts + 1)
                ]
            )
            if not np.isfinite(slopes).all():
                break
            width = abs(step) / parts
            integral = width * float(slopes.sum() - (slopes[0] + slopes[-1]) / 2)
            # Twice the error of a jump anywhere between two points, much more than that of a bend.
            inexact = width / 2 * float(np.abs(np.diff(slopes, n=2)).sum())
            largest = float(np.max(np.abs(slopes)))
            shifted = unit * (abs(step) + 2) * largest  # W, too, is rounded
            own = abs(step) * float(self.judge.analytic.rounding[moves] @ np.abs(along))
            most = abs(step) * float(self.judge.analytic.most_rounding[moves] @ np.abs(along))
            error = rounding + inexact + shifted
            side = Side(change, integral, rounding, error + own, error + most)
            if inexact <= max(rounding / 4, REACH / 4 * side.size):
                break
        if math.isnan(side.integral):
            return Side(change, change, rounding, math.inf, math.inf)
        return side


def is_half(judge: Judge) -> bool:
    """Whether f has the noise of 16 bits."""
    return HALF < judge.probe.noise.coarse < math.inf

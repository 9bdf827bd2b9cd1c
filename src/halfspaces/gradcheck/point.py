"""The point at which a gradient is checked, and the lines through it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from halfspaces.gradcheck.complex_step import ComplexStep
from halfspaces.gradcheck.differences import Line
from halfspaces.gradcheck.dither import dithered_slope
from halfspaces.gradcheck.judge import REACH, Coordinate, Finding, Judge
from halfspaces.gradcheck.parameters import Layout, Parameters

EXACT = 1e-10  # relative error of a complex step
NEIGHBOURHOOD = 1024.0  # rounding units within which neighbours lie
FARTHEST = 2.0**-5  # relative to the sizes of the coordinates
NOISY = 1e-12  # relative noise of f above which rounding may look like a kink
POINTS = 32768  # of all means together
POINTS_OF_HALF = 1024  # the same for an f of 16 bits
RESOLVED = 0.9  # of the largest error at which a value is called right
FEW = 16  # undecided coordinates that are checked by means over neighbours


@dataclass(frozen=True, eq=False)
class Point:
    """f at W, as a function along lines; `scales` are the sizes of the coordinates."""

    f: Callable[[Parameters], Any]
    layout: Layout
    at: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, f: Callable[[Parameters], Any], layout: Layout, at: np.ndarray) -> "Point":
        """The point W as a vector."""
        return cls(f, layout, at, layout.scales(at))

    def line(self, direction: np.ndarray) -> Line:
        """f along a direction."""
        return Line(lambda t: self.f(self.layout.unpack(self.at + t * direction)))

    def unit(self, position: int) -> np.ndarray:
        """The direction of one coordinate, of its size."""
        direction = np.zeros_like(self.at)
        direction[position] = self.scales[position]
        return direction

    def random_direction(self, rng: np.random.Generator) -> np.ndarray:
        """A direction of all coordinates, each of about its size."""
        direction = np.zeros_like(self.at)
        for positions in self.layout.blocks.values():
            lengths = rng.uniform(0.5, 1, positions.size) * rng.choice((-1.0, 1.0), positions.size)
            direction[positions] = self.scales[positions] * lengths
        return direction

    def neighbour(self, number: int, direction: np.ndarray, unit: float) -> Line:
        """f along a direction through a point near W; 2k and 2k + 1 lie opposite each other."""
        rng = np.random.default_rng(number // 2)
        sign = 1 - 2 * (number % 2)
        radius = min(NEIGHBOURHOOD * unit, FARTHEST)
        shift = sign * radius * self.scales * rng.uniform(-1, 1, self.at.size)
        return Line(lambda t: self.f(self.layout.unpack(self.at + shift + t * direction)))

    def check(
        self, judge: Judge, block: str, position: int, complex_step: ComplexStep | None
    ) -> Coordinate:
        """The verdict on one coordinate."""
        direction = self.unit(position)
        scale = float(self.scales[position])
        finding = judge.coordinate(self.line(direction), position, scale)
        if finding.outcome == "cannot tell" and not finding.kink and complex_step is not None:
            exact = complex_step.slope(direction) / scale
            finding = judge.confirmed(finding, exact, EXACT * abs(exact), position)
        slope = float(judge.analytic.values[position])
        at = float(self.at[position])
        return Coordinate(block, *self.layout.index(position), at, slope, *finding)

    def checked_again(
        self, judge: Judge, coordinates: list[Coordinate], positions: list[int]
    ) -> list[Coordinate]:
        """The coordinates, undecided ones with slopes from means over W's neighbours, if few.

        If f is as noisy as in float32, wrong ones, too: rounding may look like a kink.
        """
        is_noisy = judge.probe.noise.coarse > NOISY
        doubtful = ("cannot tell", "wrong") if is_noisy else ("cannot tell",)
        undecided = [k for k, c in enumerate(coordinates) if c.outcome in doubtful]
        if len(undecided) > FEW:
            return coordinates
        checked = list(coordinates)
        points = POINTS_OF_HALF if judge.is_half else POINTS
        most = 2 * (points // max(4, len(undecided)) // 2)
        for k in undecided:
            checked[k] = self._by_mean(judge, coordinates[k], positions[k], most)
        return checked

    def _by_mean(
        self, judge: Judge, coordinate: Coordinate, position: int, most: int
    ) -> Coordinate:
        scale = float(self.scales[position])
        neighbour = partial(
            self.neighbour, direction=self.unit(position), unit=judge.probe.noise.coarse
        )
        most_error = RESOLVED * REACH * abs(coordinate.analytic)
        reach = most_error - float(judge.analytic.rounding[position])
        mean = dithered_slope(neighbour, reach * scale, most)
        if mean is None:
            return coordinate
        finding = Finding(*(getattr(coordinate, field) for field in Finding._fields))
        # Rounding errors are not quite independent: they may have a small mean.
        error = reach if coordinate.outcome == "cannot tell" else 2 * mean.error / scale
        finding = judge.confirmed(finding, mean.value / scale, error, position)
        return replace(coordinate, **finding._asdict())

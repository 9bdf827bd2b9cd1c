"""Three verdicts on an analytic slope: right, wrong, or cannot tell."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from halfspaces.gradcheck.differences import Line, Probe, Slope, relative_error
from halfspaces.gradcheck.parameters import EPS

Outcome = Literal["right", "wrong", "cannot tell"]

REACH = 0.03  # relative error of a slope above which no analytic value is called right
HALF = 1e-4  # rounding units above it are those of 16-bit numbers
NEGLIGIBLE = 1024.0  # rounding units of the largest slope
ZERO_REACH = 0.003  # the same for a slope of 0, relative to the slopes nearby


class Finding(NamedTuple):
    """The comparison of the analytic slope with the differences along one line."""

    outcome: Outcome
    numerical: float
    backward: float
    forward: float
    bound: float  # on the error of the comparison: f's truncation and rounding, and the gradient's
    error: float
    kink: bool


@dataclass(frozen=True)
class Coordinate:
    """One coordinate: its analytic slope, the slope of f, and the verdict on it.

    `numerical` is the slope of f or, at a kink, the nearest value between the one-sided slopes;
    `bound` is a bound on the error of the comparison.
    """

    block: str
    array: str
    index: tuple[int, ...]
    at: float
    analytic: float
    outcome: Outcome
    numerical: float
    backward: float
    forward: float
    bound: float
    error: float  # relative
    kink: bool

    @property
    def name(self) -> str:
        """The coordinate in Python's notation: W[3, 0, 2]."""
        return f"{self.array}{list(self.index) if self.index else ''}"


@dataclass(frozen=True)
class Analytic:
    """The analytic gradient as a vector, with bounds on its own rounding errors."""

    values: np.ndarray
    rounding: np.ndarray  # probable, (n,)
    most_rounding: np.ndarray  # possible, (n,)
    zero: np.ndarray  # absolute value below which an entry may be the rounding of a 0, (n,)
    negligible: float  # change of f along a coordinate that rounds away beside the largest one

    @classmethod
    def of(
        cls, values: np.ndarray, scales: np.ndarray, unit: float, measured: np.ndarray | None
    ) -> "Analytic":
        """Rounding as measured, or for a single value of the gradient as its type lets expect."""
        sizes = np.where(np.isfinite(values), np.abs(values), 0.0)
        negligible = NEGLIGIBLE * EPS * float(np.max(sizes * scales))
        largest = 4 * unit * float(np.max(sizes, initial=0.0))
        rounding = 2 * unit * sizes
        if measured is not None:
            rounding = np.maximum(rounding, measured)
            # Close values of a gradient in steps show no noise, as the hinge loss has.
            most = rounding + (largest if unit > HALF else 0.0)
            return cls(values, rounding, most, measured, negligible)
        if unit > EPS:
            # A sum of large terms may be small, and then its relative error is large.
            nothing = np.zeros_like(sizes)
            return cls(values, rounding, rounding + largest, nothing, negligible)
        return cls(values, rounding, rounding, np.full_like(sizes, largest), negligible)


@dataclass(frozen=True)
class Judge:
    """Compares an analytic slope with f along a line."""

    probe: Probe
    analytic: Analytic
    tolerance: float

    @property
    def is_half(self) -> bool:
        """Whether f has the noise of 16 bits."""
        return self.probe.noise.is_half and math.isfinite(self.probe.noise.bound)

    def coordinate(self, line: Line, position: int, scale: float) -> Finding:
        """The finding along x[position] + t·scale; slopes are per unit of the coordinate."""
        a = float(self.analytic.values[position])
        enough = self.probe.aim * abs(a) * scale if math.isfinite(a) else 0.0
        return self._compare(self.probe, line, enough, position, scale)

    def _compare(
        self, probe: Probe, line: Line, enough: float, position: int, scale: float
    ) -> Finding:
        a = float(self.analytic.values[position])
        slope = probe(line, enough)
        value = slope.nearest(a * scale) / scale
        backward = slope.backward.value / scale
        forward = slope.forward.value / scale
        bound = slope.error / scale + float(self.analytic.rounding[position])
        most = slope.error / scale + float(self.analytic.most_rounding[position])
        size = max(abs(a), abs(value), *(slope.kink * abs(side) for side in (backward, forward)))
        off = abs(a - value)
        agrees = off <= max(bound, self.tolerance * size) and bound <= REACH * size
        is_zero = abs(a) <= self.analytic.zero[position] and (
            self.is_zero(line, slope) or abs(value) + bound <= self.analytic.negligible / scale
        )
        outcome: Outcome = "cannot tell"
        if not math.isfinite(a) or off > max(2 * most, self.tolerance * size):
            outcome = "wrong"
        elif agrees or is_zero:
            outcome = "right"
        # Where rounding explains the difference, the error is at most the tolerance.
        least = bound / self.tolerance if outcome == "right" else 0.0
        error = relative_error(a, value, least)
        return Finding(outcome, float(value), backward, forward, bound, float(error), slope.kink)

    def confirmed(self, finding: Finding, slope: float, error: float, position: int) -> Finding:
        """A finding that is right if a slope that was computed otherwise agrees with the analytic.

        It may confirm a value and not refute it: a complex step may have been discarded on the way,
        and the rounding errors of a mean may depend on each other.
        """
        a = float(self.analytic.values[position])
        bound = float(self.analytic.rounding[position]) + error
        size = max(abs(a), abs(slope))
        within = max(bound, self.tolerance * size)
        if not slope or not abs(a - slope) <= within or bound > REACH * size:
            return finding
        error = float(relative_error(a, slope))
        return finding._replace(outcome="right", numerical=slope, bound=bound, error=error)

    def is_zero(self, line: Line, slope: Slope) -> bool:
        """Whether a slope is 0: f does not change at all, or does so abruptly after some distance,
        or the slopes nearby are much larger than the largest value that this one can have.
        """
        if slope.kink or not abs(slope.slope.value) <= slope.error < math.inf:
            return False
        nearby = self.probe.pair(line, 1.0)
        clear = max(abs(nearby.backward), abs(nearby.forward)) - 4 * nearby.rounding
        curved = slope.error <= ZERO_REACH * clear
        return slope.flat or curved or slope.unseen <= ZERO_REACH * slope.bend

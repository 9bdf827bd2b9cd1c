"""A weak Wolfe line search for all members of a stack at once, each with its own step."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from halfspaces.optimizers.quasi_newton import HIDDEN, MAX_TRIALS, SUFFICIENT_DECREASE, Rounding
from halfspaces.support.types import Array

CURVATURE = 0.9  # the part of the slope that an accepted step may leave


@dataclass(eq=False)
class LineSearch:
    """For each member: value and slope at the start, trial step, bracket, number of trials."""

    rounding: Rounding
    value: Array
    slope: Array
    step: Array
    low: Array
    high: Array
    low_value: Array
    low_slope: Array
    trials: Array

    @classmethod
    def start(cls, rounding: Rounding, value: Array, slope: Array, step: Any) -> "LineSearch":
        """A first trial at `step` for every member."""
        zeros = np.zeros_like(value)
        steps = zeros + step
        return cls(
            rounding,
            value,
            slope,
            steps,
            zeros,
            zeros + np.inf,
            value.copy(),
            slope.copy(),
            zeros.astype(int),
        )

    def restart(self, members: Array, value: Array, slope: Array, step: Any) -> None:
        """A first trial at `step` for some members, a mask (M,)."""
        fresh = LineSearch.start(self.rounding, value, slope, step)
        for name, new in vars(fresh).items():
            if name != "rounding":
                setattr(self, name, np.where(members, new, getattr(self, name)))

    @property
    def failed(self) -> Array:
        """Members (a mask) without trials left, or whose direction does not descend."""
        return (self.trials >= MAX_TRIALS) | ~(self.slope < 0)

    def judge(self, value: Array, slope: Array) -> Array:
        """Members (a mask) whose trial meets the weak Wolfe conditions; others get the next trial.

        Close to the optimum rounding hides the decrease; there the slopes decide (Hager & Zhang
        2005, https://doi.org/10.1137/030601880).
        """
        error = self.rounding.error(self.value)
        enough = value <= self.value + SUFFICIENT_DECREASE * self.step * self.slope
        turned = slope <= (2 * SUFFICIENT_DECREASE - 1) * self.slope
        flat = (value <= self.value + error) & turned
        lower = (enough | flat) & np.isfinite(value) & np.isfinite(slope)
        accepted = lower & (slope >= CURVATURE * self.slope)
        too_long = ~lower
        too_short = lower & ~accepted
        trial = self.step
        interpolated = self._interpolate(value, slope)
        self.high = np.where(too_long, trial, self.high)
        self.low = np.where(too_short, trial, self.low)
        self.low_value = np.where(too_short, value, self.low_value)
        self.low_slope = np.where(too_short, slope, self.low_slope)
        width = self.high - self.low
        with np.errstate(invalid="ignore"):
            inside = np.clip(interpolated, self.low + 0.1 * width, self.high - 0.1 * width)
            middle = np.where(np.isfinite(inside), inside, self.low + 0.5 * width)
        following = np.where(np.isinf(self.high), 2 * self.low, middle)
        self.step = np.where(accepted, trial, following)
        self.trials = np.where(accepted, 0, self.trials + 1)
        return accepted

    def _interpolate(self, value: Array, slope: Array) -> Array:
        """Minimizer of the cubic through values and slopes at `low` and at the trial.

        Nocedal & Wright, eq. 3.59. Where rounding hides the difference of the values, only the
        slopes are used.
        """
        width = self.step - self.low
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            secant = self.low_slope / (self.low_slope - slope)
            d = self.low_slope + slope - 3 * (value - self.low_value) / width
            root = np.sqrt(d**2 - self.low_slope * slope)
            cubic = 1 - (slope + root - d) / (slope - self.low_slope + 2 * root)
            hidden = np.abs(value - self.low_value) <= HIDDEN * self.rounding.error(self.value)
            part = np.where(np.isfinite(cubic) & ~hidden, cubic, secant)
            return np.where(np.isfinite(slope), self.low + part * width, np.nan)

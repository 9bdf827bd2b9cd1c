"""Constants and rules that quasi-Newton methods share: pairs, trial steps, and rounding errors."""

from dataclasses import dataclass

import numpy as np

from halfspaces.objective.objective import Objective
from halfspaces.support.types import Array

PAIR_BYTES = 128 << 20
MIN_PAIRS = 5
LEAST_COSINE = 1e-12  # of s and y: pairs below it show no curvature, but rounding
SUFFICIENT_DECREASE = 1e-4  # the part of the promised decrease that a step must reach
MAX_TRIALS = 25  # of a step
HIDDEN = 10  # times the rounding error: smaller differences of values say nothing


def number_of_pairs(memory: int, W: Array) -> int:
    """`memory`, or the number of pairs (s, y) that fit into PAIR_BYTES, but at least MIN_PAIRS."""
    return min(memory, max(MIN_PAIRS, PAIR_BYTES // (2 * W.nbytes)))


@dataclass(frozen=True)
class Rounding:
    """Bounds on the rounding error of a value of the objective.

    Parameters
    ----------
    relative : float
        From the precision of the products.
    absolute : float
        Of any value: a small loss is a difference of larger scores.
    """

    relative: float
    absolute: float

    @classmethod
    def of(cls, objective: Objective) -> "Rounding":
        """For the precision and the loss of an objective."""
        eps = float(np.finfo(objective.blocks.dtype).eps)
        return cls(objective.rounding, eps * objective.chance_value)

    def error(self, value: Array) -> Array:
        """The bound for each value (M,)."""
        return np.maximum(self.relative * np.abs(value), self.absolute)

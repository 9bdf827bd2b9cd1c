"""An exponential that loops over many numbers can take several of at a time: numba's own is a call for each."""

import math
from typing import Any

import numba
import numpy as np

LEAST = np.float32(-87)  # whose exponential is still a normal number
LOG2, OF_LOG2 = np.float32(math.log(2)), np.float32(1 / math.log(2))
TAYLOR = tuple(np.float32(1 / math.factorial(k)) for k in range(8))


@numba.njit(inline="always")
def exponential(x: Any) -> Any:
    """exp(x) of a float32 x ≤ 0, to a few units of its last digit and one of x's; below −87 it is exp(−87)."""
    x = max(x, LEAST)
    whole = np.floor(x * OF_LOG2 + np.float32(0.5))
    r = x - whole * LOG2
    p = TAYLOR[7]
    p = p * r + TAYLOR[6]
    p = p * r + TAYLOR[5]
    p = p * r + TAYLOR[4]
    p = p * r + TAYLOR[3]
    p = p * r + TAYLOR[2]
    p = p * r + TAYLOR[1]
    p = p * r + TAYLOR[0]
    power = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23))  # the bits of 2^whole
    return p * power.view(np.float32)

"""An exponential that the compiler vectorizes; numba's own is a function call for each number."""

import math

import numba
import numpy as np

SMALLEST = np.float32(-87)  # its exponential is still a normal number
LOG_2 = np.float32(math.log(2))
ONE_BY_LOG_2 = np.float32(1 / math.log(2))
TAYLOR = tuple(np.float32(1 / math.factorial(k)) for k in range(8))


@numba.njit(inline="always")
def exponential(x: np.float32) -> np.float32:
    """exp(x) of a float32 x ≤ 0; below −87 it is exp(−87).

    The error is a few units in the last place, of the result and of x.
    """
    x = max(x, SMALLEST)
    whole = np.floor(x * ONE_BY_LOG_2 + np.float32(0.5))
    r = x - whole * LOG_2
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

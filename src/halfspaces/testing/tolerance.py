"""How far apart two correct results may be."""

import numpy as np
from numpy.typing import DTypeLike

SAFETY = 4.0
# Rounding operations for each term of a loss or a penalty; an exponential or a root counts for
# several.
OPERATIONS = 16


def rounding(terms: int, dtype: DTypeLike) -> float:
    """The largest difference of two sums of n terms in different orders, relative to Σ |term|.

    min(n, 4 √n) ε, where ε is the distance from 1 to the next number of the type.

    Every addition rounds by at most ε/2. So a sum of n products differs from the exact sum by at
    most n ε/2 Σ |term|, in any order, and two such sums differ by n ε. With many terms the errors
    have either sign and grow like √n: λ √n ε/2 is exceeded with a probability of about 2
    exp(−λ²/2), here with λ = 4 (Higham and Mary, A new approach to probabilistic rounding error
    analysis, 2019, https://doi.org/10.1137/18M1226312).

    Processors add in different orders: a vector of 16 numbers has 16 partial sums, a vector of 4
    has 4, and libraries choose their loops by shape. Results of another order need this
    tolerance. The same call on the same processor needs none, also with more workers or in a
    resumed run. A number that is added n times rounds in the same direction each time: its error
    is up to n ε/2.

    Parameters
    ----------
    terms : int
        Terms of the sum; with operations before or after it, their number is added.
    dtype : dtype
        In which the sum is computed.

    Examples
    --------
    >>> round(rounding(16, np.float32) / np.finfo(np.float32).eps)
    16
    >>> round(rounding(10_000, np.float32) / np.finfo(np.float32).eps)
    400
    """
    return float(min(terms, SAFETY * np.sqrt(terms)) * np.finfo(dtype).eps)

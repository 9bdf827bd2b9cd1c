"""How far apart two correct results may be."""

import numpy as np
from numpy.typing import DTypeLike

SAFETY = 4.0
OPERATIONS = 16  # that round, for each term of a loss or a penalty: an exponential or a root counts for a few


def rounding(terms: int, dtype: DTypeLike) -> float:
    """The largest difference of two sums of the same n terms in different orders, relative to Σ |term|.

    min(n, 4 √n) ε, where ε is the distance from 1 to the next number of the type.

    Every addition rounds by at most ε/2, so a sum of n products differs from the exact one by at most n ε/2 Σ |term|,
    in any order, and two such sums by n ε. Of many terms the errors have either sign and grow like √n:
    λ √n ε/2 is exceeded with a probability of about 2 exp(−λ²/2), here with λ = 4 (Higham and Mary, A new approach
    to probabilistic rounding error analysis, 2019, https://doi.org/10.1137/18M1226312).

    Processors add in different orders: a vector of 16 numbers has 16 partial sums, one of 4 has 4; and libraries choose
    their loops by shape. Results that are compared with another order need this tolerance; the same call on the same
    processor, with more workers or a resumed run, needs none. One number added n times rounds to the same side each
    time: n ε/2 then.

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

"""Types that many modules share."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks for libraries)
from scipy.sparse import csr_array

Array = np.ndarray


Features = np.ndarray | csr_array  # rows of X


Rows = slice | Array | None  # None: all rows


Partial = TypeVar("Partial")


class Block(NamedTuple):
    """Consecutive examples, as a visit receives them.

    X may be a buffer that the next block overwrites.
    """

    X: Any  # (B, D): rows in the type of the products, or those of a kernel
    y: Array  # (B,)
    weight: Array | None  # (B,) or (B, M)
    rows: Array  # (B,): the numbers of these rows in the whole X


Visit = Callable[[Block], Partial]

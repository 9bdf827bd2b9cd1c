"""Types that many modules share."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from scipy.sparse import csr_array

Array = np.ndarray
AnyArray = Any  # an array of any library that follows the array API standard
Features = np.ndarray | csr_array  # rows of X
Rows = slice | Array | None  # None: all rows
Partial = TypeVar("Partial")


class Block(NamedTuple):
    """Some examples, as a visit receives them; X may be a buffer that the next block overwrites."""

    X: Any  # (B, D): rows in the type of the products, or those of a kernel
    y: Array  # (B,)
    weight: Array | None  # (B,) or (B, M)
    rows: Array  # (B,): the numbers of these rows in the whole X


Visit = Callable[[Block], Partial]

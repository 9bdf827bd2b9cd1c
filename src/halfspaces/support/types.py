"""Types that many modules share."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks for libraries)
from scipy.sparse import csr_array

Array = np.ndarray


Features = np.ndarray | csr_array  # rows of X


Rows = slice | Array | None  # None: all rows


Partial = TypeVar("Partial")


Visit = Callable[[Any, Array, Array | None], Partial]  # of X_b, y_b and weight_b of one block

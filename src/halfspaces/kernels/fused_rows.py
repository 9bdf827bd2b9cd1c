"""Products of many rows with few columns, fused with the conversion of the rows.

A matrix product of BLAS needs rows of floats, and with ten columns it reaches a fifth of its rate
for square matrices. These kernels read rows of uint8, float16, bfloat16 (2 bytes without a type),
float32 and float64 without a copy of more than 32 of them. Scores of 4 rows × 5 columns, and
gradients of 5 columns over 64 features, are computed in registers.

The kernels are compiled on first use and cached on disk; `prefetch` loads them on threads during
other work. NumPy's products are the reference, equal up to rounding, and serve small data, wide
products and other types.
"""

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from halfspaces.support.types import Array
from halfspaces.system.tensors import widened

# With more columns BLAS is faster, on rows of narrow types even after their conversion.
MOST_COLUMNS = {"uint8": 256, "float16": 256, "void16": 256, "float32": 128, "float64": 128}
WITH_AVX512 = {"float32": 16}  # instead, on processors that have it
CACHE_LINE = 64  # bytes
LINE = 16  # the kernels take lines of V whose length is a multiple of this
ROWS_TOGETHER = 8  # fewer rows than these are multiplied by NumPy
BITS = {"float16": np.uint16, "void16": np.int16}  # as the kernels take them; void16 is bfloat16


def serve(X: Any, columns: int, least_size: int) -> bool:
    """Whether the kernels multiply X, of at least this number of elements, by so many columns."""
    if not isinstance(X, np.ndarray) or X.size < least_size or not X.flags.c_contiguous:
        return False
    return columns <= _most_columns().get(X.dtype.name, 0) and available()


@cache
def _most_columns() -> dict[str, int]:
    """By the type of the rows; BLAS gains more by AVX-512 than the kernels do."""
    config: Any = np.show_config(mode="dicts")  # without entries that are empty
    extensions = config.get("SIMD Extensions", {})
    names = [*extensions.get("baseline", ()), *extensions.get("found", ())]
    has_avx512 = any(name.startswith("AVX512") for name in names)
    return MOST_COLUMNS | (WITH_AVX512 if has_avx512 else {})


@cache
def available() -> bool:
    """Whether numba is installed and may compile; without it NumPy computes all products."""
    try:
        from halfspaces.kernels.product_loops import UNCOMPILED
    except ImportError:
        return False
    return not UNCOMPILED


class Turned:
    """The transpose of a matrix that many blocks are multiplied by, made once for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[Any, Any] = (None, None)

    def __call__(self, V: Array, dtype: np.dtype) -> Array:
        """Vᵀ in C order, read-only, with zeros up to a multiple of 16; V must stay as it is."""
        with self._lock:
            if self._last[0] is not V:
                turned = aligned((V.shape[1], -(-len(V) // LINE) * LINE), dtype)
                turned[:, : len(V)] = V.T
                turned[:, len(V) :] = 0
                self._last = V, turned
            return self._last[1]


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """Uninitialized memory that begins with a line of the cache, as registers load it fastest."""
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


class FusedRows:
    """Rows of one block, not converted, with the products `rows @ V` and `rows.T @ A`.

    Parameters
    ----------
    rows : array, shape (B, D), C order
    dtype : dtype
        The type of V, A and the products: float32, or float64 for rows of float64.
    turned : Turned, optional
        That of all blocks of a visit.
    """

    def __init__(self, rows: Array, dtype: np.dtype, turned: Turned | None = None) -> None:
        self.rows = rows
        self.dtype = dtype
        self.turned = turned or Turned()

    def __len__(self) -> int:
        return len(self.rows)

    def __matmul__(self, V: Array) -> Array:
        """Scores (B, K) of parameters V (D, K)."""
        if len(self) < ROWS_TOGETHER:
            return _converted(self.rows, self.dtype) @ V
        product = np.empty((len(self), V.shape[1]), self.dtype)
        self.run("scores", self.turned(V, self.dtype), product)
        return product

    def add_moments(
        self, y: Array, weight: Array, origin: Array, sums: Array, squares: Array
    ) -> None:
        """Add w_i (x_i − origin) to sums[y_i] and w_i (x_i − origin)² to squares (D,)."""
        self.run("moments", y, weight, origin, sums, squares)

    def run(self, kernel: str, *arrays: Array) -> None:
        """Run a kernel on these rows."""
        rows = np.ascontiguousarray(self.rows)  # neither a memory map nor strided
        bits = BITS.get(rows.dtype.name)
        load(kernel, rows.dtype)(rows if bits is None else rows.view(bits), *arrays)

    @property
    def T(self) -> "_Transposed":
        """The transpose, for products only."""
        return _Transposed(self)


class _Transposed:
    def __init__(self, block: FusedRows) -> None:
        self.block = block

    def __matmul__(self, A: Array) -> Array:
        """Sums over the rows (D, K) of x_i a_iᵀ, for A (B, K)."""
        rows = self.block.rows
        dtype = self.block.dtype
        if len(rows) < ROWS_TOGETHER:
            return _converted(rows, dtype).T @ A
        total = np.zeros((A.shape[1], rows.shape[1]), dtype)
        self.block.run("pull", np.ascontiguousarray(A, dtype), total)
        return total.T


def _converted(rows: Array, dtype: np.dtype) -> Array:
    """The rows in the type of the products."""
    return (widened(rows) if rows.dtype.name == "void16" else rows).astype(dtype, copy=False)


_one_at_a_time = threading.Lock()


def load(name: str, dtype: np.dtype) -> Callable[..., None]:
    """The kernel of this name for rows of this type, compiled once for all workers."""
    with _one_at_a_time:
        return _compiled(name, dtype.name)


@cache
def _compiled(name: str, dtype: str) -> Callable[..., None]:
    from halfspaces.kernels import product_loops

    return product_loops.compiled(name, dtype)


def prefetch(dtype: np.dtype) -> None:
    """Start to load the kernels for rows of this type on threads."""
    for name in ("moments", "scores", "pull"):
        threading.Thread(target=load, args=(name, dtype), daemon=True).start()
    if dtype == np.uint8:
        threading.Thread(target=_load_byte_gram, daemon=True).start()


def _load_byte_gram() -> None:
    from halfspaces.kernels import byte_gram

    with _one_at_a_time:
        byte_gram.available()

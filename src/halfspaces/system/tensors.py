"""Tensors of torch as arrays of NumPy, and bfloat16, which NumPy does not have, as float32."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

Empty = Callable[[tuple[int, ...], Any], np.ndarray]
ROWS = 4096  # converted at a time


def is_tensor(values: object) -> bool:
    """Whether this is a tensor of torch, which is not imported for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def as_numpy(values: Any, empty: Empty = np.empty) -> Any:
    """A tensor as an array in the memory of this machine, its own memory where it lies there.

    bfloat16 and float8 become float32, exactly, in memory that `empty` gives. What is no tensor is
    returned as it is. Raises TypeError for a tensor that is not dense.

    >>> as_numpy([1, 2])
    [1, 2]
    """
    if not is_tensor(values):
        return values
    import torch

    if values.layout is not torch.strided or values.is_quantized:
        kind = str(values.dtype if values.is_quantized else values.layout).removeprefix("torch.")
        raise TypeError(f"a tensor is stored as {kind}; give a dense one, or scipy.sparse rows")
    if values.dtype == torch.bfloat16:
        return widened(values.view(torch.int16).numpy(force=True).view(np.uint16), empty)
    if values.is_floating_point() and values.dtype.itemsize < 2:
        values = values.float()
    return values.numpy(force=True)


def of_numpy(values: np.ndarray, device: Any = "cpu") -> Any:
    """An array of numbers as a tensor on a device; on the CPU in the memory of the array."""
    import torch

    usable = values if values.flags.writeable else values.copy()  # torch warns of others
    return torch.from_numpy(np.ascontiguousarray(usable)).to(device)


def bits_of(X: Any) -> np.ndarray | None:
    """The 2 bytes of each number of bfloat16 rows that lie here, as uint16; None for other rows.

    >>> bits_of(np.zeros((2, 3))) is None
    True
    """
    if is_tensor(X):
        import torch

        here = X.dtype == torch.bfloat16 and X.device.type == "cpu" and X.layout is torch.strided
        return X.detach().view(torch.int16).numpy().view(np.uint16) if here else None
    is_array = isinstance(X, np.ndarray) and is_bfloat16(X.dtype)
    return X.view(np.uint16) if is_array else None


def is_bfloat16(dtype: np.dtype) -> bool:
    """Whether it is ml_dtypes' bfloat16, or the 2 bytes without a type as which NumPy saves it."""
    return dtype.name == "bfloat16" or dtype == np.dtype("V2")


def widened(X: np.ndarray, empty: Empty = np.empty) -> np.ndarray:
    """bfloat16, or its bits as uint16, as float32: the same numbers.

    >>> widened(np.array([0x3F80, 0xC000], np.uint16)).tolist()
    [1.0, -2.0]
    """
    bits = X.view(np.uint16)
    words = empty(bits.shape, np.uint32)
    for start in range(0, len(bits), ROWS):
        rows = slice(start, start + ROWS)
        np.left_shift(bits[rows], 16, out=words[rows], dtype=np.uint32)
    return words.view(np.float32)

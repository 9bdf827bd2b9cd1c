"""Rows of several files as one array, in the order of the files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.system import memory, tensors
from halfspaces.system.errors import DataError


def rows(parts: Mapping[Path, np.ndarray]) -> np.ndarray:
    """The rows (N, ...) of all files: those of one file as they are, of several copied.

    Raises DataError for files whose rows are of other types or shapes than those of the first.
    """
    first, part = next(iter(parts.items()))
    for path, other in parts.items():
        bits = other.view(np.uint16) if tensors.is_bfloat16(other.dtype) else other
        named_arrays.check_numbers(path, "an array", bits)
        if other.shape[1:] != part.shape[1:] or other.dtype != part.dtype:
            raise DataError(
                f"{path} has rows of {other.dtype}, shape {other.shape[1:]}, but {first.name} has"
                f" {part.dtype}, {part.shape[1:]}; give files of one kind."
            )
    if len(parts) == 1:
        return part
    N = sum(map(len, parts.values()))
    X = memory.empty(first.parent, (N, *part.shape[1:]), part.dtype)
    stop = 0
    for each in parts.values():
        X[stop : stop + len(each)] = each
        stop += len(each)
    return X


def labels(parts: Mapping[Path, np.ndarray]) -> np.ndarray:
    """The labels of all files; DataError unless all are of one kind."""
    first, part = next(iter(parts.items()))
    for path, y in parts.items():
        if y.ndim == 0 or y.shape[1:] != part.shape[1:] or y.dtype.kind != part.dtype.kind:
            raise DataError(
                f"{path} has labels {y.dtype} of shape {y.shape}, but {first.name} has"
                f" {part.dtype}, {part.shape}; give labels of one kind."
            )
    return np.concatenate(list(parts.values()))

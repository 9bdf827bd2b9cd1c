"""How much memory arrays may take: larger ones are made on disk."""

import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.support import cache_folder
from halfspaces.support.errors import DataError

PART = 0.25  # of the memory that one array may take


_budget: ContextVar[float] = ContextVar("_budget", default=math.inf)


@contextmanager
def budget(size: float | None) -> Iterator[None]:
    """A context in which larger arrays than a quarter of the budget, in bytes, are made on disk."""
    token = _budget.set(math.inf if size is None else size)
    try:
        yield
    finally:
        _budget.reset(token)


def empty(path: Path, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """np.empty; what would take too much of the memory lies in a file without a name, in the folder for caches.

    Raises DataError where the disk has no room for it: a header may lie.
    """
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    if needed <= PART * min(_budget.get(), _memory()):
        return np.empty(shape, dtype)
    folder = cache_folder.folder("large")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = shutil.disk_usage(folder).free
        if needed > there:
            raise DataError(
                f"{path} asks for {needed / 2**30:,.1f} GiB, and {folder} has room for {there / 2**30:,.1f} GiB;"
                f" store fewer rows or a narrower type, or set {cache_folder.VARIABLE} to a folder with room."
            )
        with tempfile.TemporaryFile(
            dir=folder
        ) as file:  # the mapping keeps it, and it ends with that
            if hasattr(
                os, "posix_fallocate"
            ):  # else a disk that fills up later would kill the process
                os.posix_fallocate(file.fileno(), 0, needed)
            else:
                file.truncate(needed)
            return np.memmap(file, dtype, "r+", shape=shape).view(np.ndarray)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written ({error.strerror}); set {cache_folder.VARIABLE} to another."
        ) from error


def check_fits(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raise DataError for what is read in one piece and more than this machine's memory: a header may lie."""
    needed, there = math.prod(shape) * dtype.itemsize / 2**30, _memory() / 2**30
    if needed > there:
        raise DataError(
            f"{path} asks for {needed:,.1f} GiB of memory, and this machine has {there:,.1f} GiB; store fewer rows."
        )


def _memory() -> int:
    if not hasattr(os, "sysconf"):
        return 1 << 40  # Windows refuses by itself what it does not have
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

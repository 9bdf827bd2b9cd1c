"""How much memory arrays may take; larger ones lie on disk."""

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

from halfspaces.system import cache_folder
from halfspaces.system.errors import DataError

SHARE = 0.25  # of the memory, for one array
FREE = 1 << 26  # bytes that any file may unpack to
HIGHEST_RATIO = 1100  # of larger data to their file; deflate reaches 1032

_budget: ContextVar[float] = ContextVar("_budget", default=math.inf)


@contextmanager
def budget(size: float | None) -> Iterator[None]:
    """A context in which arrays of more than a quarter of `size` bytes lie on disk."""
    token = _budget.set(math.inf if size is None else size)
    try:
        yield
    finally:
        _budget.reset(token)


def empty(path: Path, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array for the data of `path`, as of np.empty; a large one lies in an unnamed file.

    Raises DataError if the disk has no room for it, as the header of a damaged file may say.
    """
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    if needed <= SHARE * min(_budget.get(), _memory()):
        return np.empty(shape, dtype)
    folder = cache_folder.folder("large")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(path, folder, needed)
        with tempfile.TemporaryFile(dir=folder) as file:  # exists as long as it is mapped
            if hasattr(os, "posix_fallocate"):  # else a disk that fills up later kills the process
                os.posix_fallocate(file.fileno(), 0, needed)
            else:
                file.truncate(needed)
            return np.memmap(file, dtype, "r+", shape=shape).view(np.ndarray)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written ({error.strerror});"
            f" set {cache_folder.VARIABLE} to another."
        ) from error


def check_fits(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raise DataError if an array that is read in one piece is larger than the memory."""
    needed = math.prod(shape) * dtype.itemsize
    if needed > _memory():
        raise DataError(
            f"{path} asks for {_gib(needed)} of memory,"
            f" and this machine has {_gib(_memory())}; store fewer rows."
        )


def check_claim(
    path: Path, shape: tuple[int, ...], dtype: np.dtype, stored: int | None = None
) -> None:
    """Raise DataError for an array that `stored` bytes, the file's by default, cannot unpack to.

    Headers claim any shape, and a few bytes of zeros unpack to gigabytes.
    """
    stored = path.stat().st_size if stored is None else stored
    needed = math.prod(shape) * dtype.itemsize
    if needed > max(FREE, HIGHEST_RATIO * stored):
        raise DataError(
            f"{path} promises shape {shape}, of which only {stored:,} bytes were written;"
            " write all of it, or without compression."
        )


def _check_room(path: Path, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{path} asks for {_gib(needed)}, and {folder} has room for {_gib(free)};"
            " store fewer rows or a narrower type,"
            f" or set {cache_folder.VARIABLE} to a folder with room."
        )


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"


def _memory() -> int:
    """The bytes of this machine's memory."""
    if not hasattr(os, "sysconf"):
        return 1 << 40  # Windows itself refuses what it does not have
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

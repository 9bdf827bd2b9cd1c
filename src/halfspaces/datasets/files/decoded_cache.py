"""Decoded images, and rows of their features, stored on disk: KEY.npy and KEY.json in the cache.

The folder is platformdirs' `user_cache_dir("halfspaces")`, or the one that the environment
variable HALFSPACES_CACHE names; it can be removed at any time. Both files take their names once
they are whole. A file that is cut or changed is not used.
"""

import hashlib
import json
import os
import re
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from halfspaces.system import cache_folder
from halfspaces.system.errors import DataError

VERSION = 4
KEY = "[0-9a-f]{32}"
FRESH = 3600.0  # seconds after its last change in which a file may still be being written
BLOCK = 1 << 20  # bytes; a checksum covers evenly spread blocks
BLOCKS = 256  # at most: the whole file up to 256 MiB
DAMAGE = (OSError, ValueError, TypeError, KeyError, EOFError)


@dataclass(frozen=True)
class Stored:
    """The description of decoded images, whose rows are those of one split after the other."""

    classes: list[str]
    labels: dict[str, list[int]]  # of the rows, by split
    image_shape: list[int]
    notes: list[str]
    bits: int | None  # the depth of images of 16 bits, if there are any
    files: list[str]  # by row


def folder() -> Path:
    """The folder of decoded images and of rows of features."""
    return cache_folder.folder("images")


def key(*recipe: object, stamp: Iterable[str]) -> str:
    """The name of what these files become in this way."""
    digest = hashlib.sha256(repr((VERSION, recipe)).encode())
    for line in stamp:
        digest.update(line.encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()[:32]


# --- decoded images ------------------------------------------------------------------------------


def load(name: str) -> tuple[np.ndarray, Stored] | None:
    """The rows (N, D), memory-mapped, and their description; None if missing or damaged."""
    try:
        description = _description(name)
        stored = Stored(**description["stored"])
        X = _mapped(name, description)
    except DAMAGE:
        return None
    _touch(name)
    height, width, channels = stored.image_shape
    shape = (sum(map(len, stored.labels.values())), height * width * channels)
    return (X, stored) if X.shape == shape and X.dtype == np.uint8 else None


class Rows:
    """A file of N rows of D bytes, written in any order; `close_gaps` removes missing rows."""

    def __init__(self, stream: BinaryIO, N: int, D: int) -> None:
        self.stream = stream
        self.D = D
        self.written = np.zeros(N, bool)
        self._write_header(N)
        self.start = stream.tell()

    def write(self, row: int, values: np.ndarray) -> None:
        """Write one row."""
        self.stream.seek(self.start + row * self.D)
        self.stream.write(values.tobytes())
        self.written[row] = True

    def close_gaps(self) -> None:
        """Move rows up until none is missing; the size of the header stays the same."""
        rows = np.flatnonzero(self.written)
        for place, row in enumerate(rows.tolist()):
            if row > place:
                self.stream.seek(self.start + row * self.D)
                values = self.stream.read(self.D)
                self.stream.seek(self.start + place * self.D)
                self.stream.write(values)
        self.stream.truncate(self.start + len(rows) * self.D)
        self._write_header(len(rows))
        assert self.stream.tell() == self.start

    def _write_header(self, N: int) -> None:
        self.stream.seek(0)
        _write_npy_header(self.stream, "|u1", (N, self.D))


@contextmanager
def writing(name: str, N: int, D: int) -> Iterator[Rows]:
    """A context with the file for the rows; an error in it removes the file."""
    with _disk_errors(), _temporary(f"{name}.npy") as stream:
        yield Rows(stream, N, D)


def describe(name: str, stored: Stored, source: Path) -> None:
    """Write the description of rows that are complete; without it they are not used."""
    _describe(name, {"stored": asdict(stored)}, str(source.resolve()))


# --- rows of features ----------------------------------------------------------------------------


def rows(
    name: str, shape: tuple[int, int], source: str, fill: Callable[[np.ndarray], object]
) -> np.ndarray:
    """The float32 rows of this name, memory-mapped; if missing or damaged, `fill` computes them.

    An error of `fill` leaves no file. `source` describes the rows in `cached_sets`.
    """
    with suppress(*DAMAGE):
        return _load_rows(name, shape)
    with _disk_errors(), _temporary(f"{name}.npy") as stream:
        _write_npy_header(stream, "<f4", shape)
        start = stream.tell()
        size = 4 * shape[0] * shape[1]
        if hasattr(os, "posix_fallocate"):  # else a disk that fills up later kills the process
            os.posix_fallocate(stream.fileno(), start, size)
        else:
            stream.truncate(start + size)
        stream.flush()
        mapped = np.memmap(stream.file, "<f4", "r+", offset=start, shape=shape)
        fill(mapped.view(np.ndarray))
        mapped.flush()
    _describe(name, {"rows": list(shape)}, source)
    return _load_rows(name, shape)


def _load_rows(name: str, shape: tuple[int, int]) -> np.ndarray:
    description = _description(name)
    if description["rows"] != list(shape):
        raise ValueError(name)
    X = _mapped(name, description)
    if X.shape != shape or X.dtype != np.float32:
        raise ValueError(name)
    _touch(name)
    return X.view(np.ndarray)


# --- the sets in the folder ----------------------------------------------------------------------


@dataclass(frozen=True)
class CachedSet:
    """One set of decoded images or of rows, or the remains of one that was not finished."""

    files: tuple[Path, ...]
    source: str  # where the images came from
    size: int  # bytes
    used: float  # time of the last use, in seconds since 1970


def cached_sets() -> list[CachedSet]:
    """The sets in the folder, the oldest use first, without those that are being written."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder().glob("*")) if folder().is_dir() else []:
        name = path.name.partition(".")[0]
        if path.suffix in (".npy", ".json", ".part") and re.fullmatch(KEY, name):
            files.setdefault(name, []).append(path)
    found = [each for paths in files.values() if (each := _cached_set(paths)) is not None]
    return sorted(found, key=lambda each: each.used)


def prune(most: float) -> list[CachedSet]:
    """Remove the sets whose last use is oldest until the rest takes at most `most` bytes.

    Returns the removed sets. A process that reads one of them can go on: the system frees an open
    file once it is closed.
    """
    found = cached_sets()
    removed = []
    total = sum(each.size for each in found)
    for each in found:
        if total <= most:
            break
        for path in sorted(each.files, reverse=True):  # .npy before .json: half a set is not used
            path.unlink(missing_ok=True)
        removed.append(each)
        total -= each.size
    return removed


def _cached_set(paths: list[Path]) -> CachedSet | None:
    """The set of these files; None while it is being written."""
    source = "not finished"
    size = 0
    used = 0.0
    try:
        for path in paths:
            status = path.stat()
            size += status.st_size
            used = max(used, status.st_mtime)
            if path.suffix == ".json":
                source = str(json.loads(path.read_bytes()).get("source", "not known"))
    except (OSError, ValueError, AttributeError):
        source = "damaged"
    is_partial = any(path.suffix == ".part" for path in paths)
    if is_partial and time.time() - used < FRESH:
        return None
    return CachedSet(tuple(paths), source, size, used)


# --- files ---------------------------------------------------------------------------------------


def _description(name: str) -> dict[str, Any]:
    return json.loads((folder() / f"{name}.json").read_bytes())


def _describe(name: str, about: dict[str, Any], source: str) -> None:
    """Write KEY.json beside KEY.npy."""
    with _disk_errors():
        with open(folder() / f"{name}.npy", "rb") as stream:
            description = {**about, "checksum": _checksum(stream), "source": source}
        with _temporary(f"{name}.json") as stream:
            stream.write(json.dumps(description).encode())


def _mapped(name: str, description: dict[str, Any]) -> np.ndarray:
    """The array of KEY.npy, memory-mapped; ValueError if its checksum has changed."""
    path = folder() / f"{name}.npy"
    with open(path, "rb") as stream:
        if description["checksum"] != _checksum(stream):
            raise ValueError(name)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _touch(name: str) -> None:
    """Record the time of this use."""
    with suppress(OSError):  # the cache of another user
        os.utime(folder() / f"{name}.json")


def _write_npy_header(stream: Any, descr: str, shape: tuple[int, int]) -> None:
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, fields)


@contextmanager
def _temporary(name: str) -> Iterator[Any]:
    """A new file that takes its name once it is whole and on the disk."""
    folder().mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=folder(), prefix=f"{name}.", suffix=".part", delete=False
    ) as stream:
        try:
            yield stream
            stream.flush()
            # the checksum of a smaller file covers all of it
            if os.fstat(stream.fileno()).st_size > BLOCK * BLOCKS:
                os.fsync(stream.fileno())
            stream.close()
            os.replace(stream.name, folder() / name)
        except BaseException:
            stream.close()
            with suppress(OSError):
                os.unlink(stream.name)
            raise


@contextmanager
def _disk_errors() -> Iterator[None]:
    """A context in which an OSError becomes a DataError about the folder."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"The folder {folder()} for decoded images cannot be written"
            f" ({error.strerror or error}); set {cache_folder.VARIABLE} to a folder with room."
        ) from error


def _checksum(stream: BinaryIO, block: int = BLOCK, blocks: int = BLOCKS) -> str:
    """A checksum of the size and of evenly spread blocks, the first and the last among them."""
    size = stream.seek(0, os.SEEK_END)
    check = zlib.crc32(str(size).encode())
    starts = range(0, size, block)
    if len(starts) > blocks:
        starts = np.linspace(0, size - block, blocks, dtype=np.int64).tolist()
    for start in starts:
        stream.seek(start)
        check = zlib.crc32(stream.read(block), check)
    return f"{check:08x}"

"""Decoded images, and rows that describe them, on disk, made once: KEY.npy beside KEY.json in the user's cache folder.

The folder is platformdirs' `user_cache_dir("halfspaces")`, or what the environment variable HALFSPACES_CACHE names. It
can be removed at any time. Both files appear whole, under another name first; one that is cut or changed is not used.
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

from halfspaces.support import cache_folder
from halfspaces.support.errors import DataError

VERSION = 1
KEY = "[0-9a-f]{32}"
FRESH = 3600.0  # seconds after the last change in which a file may still be written
BLOCK, BLOCKS = (
    1 << 20,
    256,
)  # what is checked of a file: all of it up to 256 MiB, so many blocks of more


@dataclass(frozen=True)
class Stored:
    """Images of one data set: rows by split, class and name, and what is known of them."""

    classes: list[str]
    counts: dict[str, list[int]]  # of each class in each split
    image_shape: list[int]
    notes: list[str]


def folder() -> Path:
    """Where decoded images are kept."""
    return cache_folder.folder("images")


def key(*recipe: object, stamp: Iterable[str]) -> str:
    """A name for what comes of these files in this way."""
    digest = hashlib.sha256(repr((VERSION, recipe)).encode())
    for line in stamp:
        digest.update(line.encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()[:32]


def load(name: str) -> tuple[np.ndarray, Stored] | None:
    """The rows (N, D), memory-mapped, and what is known of them; None where there is nothing or it is damaged."""
    try:
        kept = json.loads((folder() / f"{name}.json").read_bytes())
        stored = Stored(**kept["stored"])
        with open(folder() / f"{name}.npy", "rb") as stream:
            if kept["checksum"] != _checksum(stream):
                return None
        X = np.load(folder() / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, TypeError, KeyError, EOFError):
        return None
    with suppress(OSError):  # a cache of another user's
        os.utime(folder() / f"{name}.json")  # the time of its last use
    height, width, channels = stored.image_shape
    whole = (sum(map(sum, stored.counts.values())), height * width * channels)
    return (X, stored) if X.shape == whole and X.dtype == np.uint8 else None


class Rows:
    """A file of N rows of D bytes, written in any order; those that are never written are left out at the end."""

    def __init__(self, stream: BinaryIO, N: int, D: int) -> None:
        self.stream, self.D = stream, D
        self.written = np.zeros(N, bool)
        self._header(N)
        self.start = stream.tell()

    def write(self, row: int, values: np.ndarray) -> None:
        """Put one row in its place."""
        self.stream.seek(self.start + row * self.D)
        self.stream.write(values.tobytes())
        self.written[row] = True

    def close_gaps(self) -> None:
        """Move the rows up to where none is missing; the header's size does not depend on their number."""
        rows = np.flatnonzero(self.written)
        for place, row in enumerate(rows.tolist()):
            if row > place:
                self.stream.seek(self.start + row * self.D)
                values = self.stream.read(self.D)
                self.stream.seek(self.start + place * self.D)
                self.stream.write(values)
        self.stream.truncate(self.start + len(rows) * self.D)
        self._header(len(rows))
        assert self.stream.tell() == self.start

    def _header(self, N: int) -> None:
        self.stream.seek(0)
        fields: Any = {"descr": "|u1", "fortran_order": False, "shape": (N, self.D)}
        np.lib.format.write_array_header_1_0(self.stream, fields)  # pyright: ignore[reportArgumentType]


@contextmanager
def writing(name: str, N: int, D: int) -> Iterator[Rows]:
    """A file for the rows, of which nothing is left where the work ends with an error."""
    with _disk(), _temporary(f"{name}.npy") as stream:
        yield Rows(stream, N, D)


def describe(name: str, stored: Stored, source: Path) -> None:
    """Complete what `writing` wrote: only now is it used."""
    with _disk(), open(folder() / f"{name}.npy", "rb") as stream:
        kept = {
            "stored": asdict(stored),
            "checksum": _checksum(stream),
            "source": str(source.resolve()),
        }
    with _disk(), _temporary(f"{name}.json") as stream:
        stream.write(json.dumps(kept).encode())


def rows(
    name: str, shape: tuple[int, int], source: str, fill: Callable[[np.ndarray], object]
) -> np.ndarray:
    """The float32 rows of this name, memory-mapped; where there are none, or they are damaged, `fill` makes them.

    Nothing is left where it ends with an error. `source` is what `kept` tells of them.
    """
    with suppress(OSError, ValueError, TypeError, KeyError, EOFError):
        return _rows(name, shape)
    with _disk(), _temporary(f"{name}.npy") as stream:
        fields: Any = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, fields)
        start, size = stream.tell(), 4 * shape[0] * shape[1]
        if hasattr(os, "posix_fallocate"):  # else a disk that fills up later would kill the process
            os.posix_fallocate(stream.fileno(), start, size)
        else:
            stream.truncate(start + size)
        stream.flush()
        mapped = np.memmap(stream.file, "<f4", "r+", offset=start, shape=shape)
        fill(mapped.view(np.ndarray))
        mapped.flush()
    with _disk(), open(folder() / f"{name}.npy", "rb") as stream:
        kept = {"rows": list(shape), "checksum": _checksum(stream), "source": source}
    with _disk(), _temporary(f"{name}.json") as stream:
        stream.write(json.dumps(kept).encode())
    return _rows(name, shape)


def _rows(name: str, shape: tuple[int, int]) -> np.ndarray:
    kept = json.loads((folder() / f"{name}.json").read_bytes())
    with open(folder() / f"{name}.npy", "rb") as stream:
        if kept["rows"] != list(shape) or kept["checksum"] != _checksum(stream):
            raise ValueError(name)
    found = np.load(folder() / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    if found.shape != shape or found.dtype != np.float32:
        raise ValueError(name)
    with suppress(OSError):  # a cache of another user's
        os.utime(folder() / f"{name}.json")  # the time of its last use
    return found.view(np.ndarray)


@dataclass(frozen=True)
class Kept:
    """One set of decoded images or of rows, or what is left of one that was not finished."""

    files: tuple[Path, ...]
    source: str  # where the images came from
    size: int  # bytes
    used: float  # when last, in seconds since 1970


def kept() -> list[Kept]:
    """What is in the folder, the oldest use first. Sets that are being written are not listed."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder().glob("*")) if folder().is_dir() else []:
        if path.suffix in (".npy", ".json", ".part") and re.fullmatch(
            KEY, path.name.partition(".")[0]
        ):
            found.setdefault(path.name.partition(".")[0], []).append(path)
    return sorted(filter(None, map(_kept, found.values())), key=lambda each: each.used)


def prune(most: float) -> list[Kept]:
    """Remove the sets whose use is the longest ago until the rest takes at most so many bytes; return those removed.

    Who reads one of them at this moment keeps it: the system removes a file that is open once it is closed.
    """
    there, removed = kept(), []
    total = sum(each.size for each in there)
    for each in there:
        if total <= most:
            break
        for path in sorted(each.files, reverse=True):  # .npy before .json: half a set is not used
            path.unlink(missing_ok=True)
        removed.append(each)
        total -= each.size
    return removed


def _kept(paths: list[Path]) -> Kept | None:
    source, size, used = "not finished", 0, 0.0
    try:
        for path in paths:
            status = path.stat()
            size, used = size + status.st_size, max(used, status.st_mtime)
            if path.suffix == ".json":
                source = str(json.loads(path.read_bytes()).get("source", "not known"))
    except (OSError, ValueError, AttributeError):
        source = "damaged"
    parts = any(path.suffix == ".part" for path in paths)
    return None if parts and time.time() - used < FRESH else Kept(tuple(paths), source, size, used)


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
            if (
                os.fstat(stream.fileno()).st_size > BLOCK * BLOCKS
            ):  # what is smaller is checked whole
                os.fsync(stream.fileno())
            stream.close()
            os.replace(stream.name, folder() / name)
        except BaseException:
            stream.close()
            with suppress(OSError):
                os.unlink(stream.name)
            raise


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"The folder {folder()} for decoded images cannot be written ({error.strerror or error})"
        raise DataError(f"{where}; set {cache_folder.VARIABLE} to a folder with room.") from error


def _checksum(stream: BinaryIO, block: int = BLOCK, blocks: int = BLOCKS) -> str:
    """Of the size, and of evenly spaced blocks, the first and the last among them."""
    size = stream.seek(0, os.SEEK_END)
    check = zlib.crc32(str(size).encode())
    starts = range(0, size, block)
    if len(starts) > blocks:
        starts = np.linspace(0, size - block, blocks, dtype=np.int64).tolist()
    for start in starts:
        stream.seek(start)
        check = zlib.crc32(stream.read(block), check)
    return f"{check:08x}"

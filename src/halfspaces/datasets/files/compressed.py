"""Binary files, plain or compressed: found, opened and read, with any damage told in one sentence."""

import builtins
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from halfspaces.support.errors import DataError

CHUNK = 1 << 18
UNPACKERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
DAMAGE = (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error)


def find(folder: Path, *stems: str) -> Path | None:
    """Return the first file of these names in `folder`, plain before .gz before .xz; None if there is none."""
    candidates = (folder / (stem + suffix) for stem in stems for suffix in ("", *UNPACKERS))
    return next((path for path in candidates if path.is_file()), None)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open `path`, unpacking .gz and .xz on the way; what cannot be read becomes a DataError."""
    try:
        with UNPACKERS.get(path.suffix, builtins.open)(path, "rb") as stream:
            try:
                yield stream
            except DAMAGE as error:
                place = f"{stream.tell():,} unpacked bytes"
                raise DataError(
                    f"{path} is damaged after {place} ({error}); get the file again."
                ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def decoding(path: Path, kind: str, *errors: type[BaseException]) -> Iterator[None]:
    """A context in which the errors that a library raises on a bad file become one DataError."""
    try:
        yield
    except DataError:
        raise
    except errors as error:
        told = " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
        raise DataError(
            f"{path} cannot be read as {kind} ({told}); get it or save it again."
        ) from error


def length(stream: BinaryIO) -> int:
    """Return the bytes that `stream` really holds once unpacked, and rewind it: headers and trailers may lie."""
    end = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return end


def fill(stream: BinaryIO, array: np.ndarray) -> None:
    """Fill a contiguous uint8 `array` from `stream`, chunk by chunk so that memory holds the data once."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        part[:] = np.frombuffer(stream.read(part.size), np.uint8)

"""Binary files, plain or compressed: found, opened and read; damage becomes one sentence."""

import builtins
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from halfspaces.system.errors import DataError, listed

NO_FILE = re.compile(r"__MACOSX/|.*/$")  # in a zip: what a file manager adds, and folders
CHUNK = 1 << 18  # bytes read at a time
OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
PACKINGS = ("", *OPENERS, ".zip")  # suffixes of text; a zip holds one file
DAMAGE = (zipfile.BadZipFile, EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error)
MOST_TEXT = 1 << 24  # bytes that any packed text may unpack to
HIGHEST_RATIO = 200  # of more text to its packed file
LONGEST_CAUSE = 200  # characters quoted of a library's error


def find(folder: Path, *stems: str) -> Path | None:
    """The first file of these names in `folder`, plain before .gz before .xz, or None."""
    candidates = (folder / (stem + suffix) for stem in stems for suffix in ("", *OPENERS))
    return next((path for path in candidates if path.is_file()), None)


def is_packed(path: Path) -> bool:
    """Whether the name of a text ends like that of a packed one."""
    return path.suffix in PACKINGS[1:]


def _open_zip(path: Path, mode: str) -> Any:
    """The only file in a zip; DataError for several, or none, or one with a password."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not NO_FILE.match(name)]
            if len(names) == 1:
                return archive.open(names[0])
    except Exception as error:  # zipfile raises errors of any type over hostile bytes
        raise DataError(f"{path} cannot be unpacked ({cause(error)}); unpack it.") from error
    raise DataError(f"{path} holds {listed(names, 3)}, where one file is needed; unpack it.")


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open `path`, unpacking .gz, .xz and the file in a .zip; errors become a DataError."""
    opener = _open_zip if path.suffix == ".zip" else OPENERS.get(path.suffix, builtins.open)
    try:
        with opener(path, "rb") as stream:
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
def decoding(
    path: Path, kind: str, *errors: type[BaseException], remedy: str = "get it or save it again"
) -> Iterator[None]:
    """A context in which the errors that a library raises on a bad file become one DataError."""
    try:
        yield
    except DataError:
        raise
    except errors as error:
        raise DataError(f"{path} cannot be read as {kind} ({cause(error)}); {remedy}.") from error


def cause(error: BaseException) -> str:
    r"""The message of an error on one line, without a full stop; its type if it has no message.

    >>> cause(ValueError("bad\nheader.")), cause(EOFError())
    ('bad header', 'EOFError')
    """
    return " ".join(str(error).split()).rstrip(".")[:LONGEST_CAUSE] or type(error).__name__


def length(stream: BinaryIO) -> int:
    """The number of bytes in `stream` once decompressed, whatever a header says; rewinds it."""
    end = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return end


def check_text(path: Path, stream: BinaryIO) -> None:
    """Raise DataError for a packed text that unpacks to more than text does; rewinds the stream."""
    if not is_packed(path):
        return
    most = max(MOST_TEXT, HIGHEST_RATIO * path.stat().st_size)
    unpacked = length(stream)
    if unpacked > most:
        raise DataError(
            f"{path} unpacks to {unpacked:,} bytes of text, more than {most:,};"
            " unpack it yourself if that is right."
        )


def fill(stream: IO[bytes], array: np.ndarray) -> None:
    """Fill a contiguous uint8 `array` from `stream` in chunks, so the data are in memory once."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        part[:] = np.frombuffer(stream.read(part.size), np.uint8)

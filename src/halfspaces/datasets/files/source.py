"""What a folder and an archive of images have in common: entries, limits, errors."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from halfspaces.datasets.files import compressed
from halfspaces.system.errors import DataError, shown

JUNK = {"__MACOSX", "Thumbs.db", "desktop.ini"}  # files of file managers


@dataclass(frozen=True)
class Limits:
    """The largest file, and how much an archive may unpack to."""

    largest: int = 1 << 28  # bytes of one file: 256 MiB
    free: int = 1 << 30  # bytes that any archive may unpack to
    ratio: int = 200  # larger archives may unpack to this multiple of their own size
    headers: int = 1 << 23  # bytes of headers that any archive may have
    header_ratio: int = 20  # larger archives may have this multiple of their own size

    def total(self, path: Path) -> int:
        """The number of bytes that an archive may unpack to."""
        return max(self.free, self.ratio * path.stat().st_size)

    def total_of_headers(self, path: Path) -> int:
        """The number of bytes of headers that an archive may unpack to."""
        return max(self.headers, self.header_ratio * path.stat().st_size)


LIMITS = Limits()


@dataclass(frozen=True)
class Entry:
    """A file, or a folder, whose `load` is None.

    `name` is relative, its parts separated by slashes; `load` opens the file and may be called
    from any thread; `size` is the number of bytes.
    """

    name: str
    load: Callable[[], BinaryIO] | None
    size: int = 0


class Source(Protocol):
    """The files below one path."""

    @property
    def path(self) -> Path:
        """The path that the user gave."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Lines for the user on how the files are read."""
        ...

    def entries(self) -> Iterator[Entry]:
        """All files and folders, always in the same order, without hidden files and junk."""
        ...

    def stamp(self) -> Iterator[str]:
        """Lines that change when a file changes."""
        ...


def is_junk(name: str) -> bool:
    """Whether any part of the path is hidden or belongs to a file manager."""
    return any(part.startswith(".") or part in JUNK for part in name.split("/"))


def status_stamp(status: os.stat_result) -> str:
    """Size and times of a file, which change when its content does."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def relative_name(path: Path, name: str) -> str:
    """The name of a member without empty parts; DataError if it leads outside the archive.

    Nothing is written to disk; such a name still shows that the archive is hostile.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise DataError(
            f"{path} has the member {shown(name)}, which leads outside;"
            " pack the folder with relative names."
        )
    return "/".join(parts)


def too_large(path: Path, name: str, size: int, limits: Limits) -> DataError:
    """The error about a member that is larger than any image."""
    return DataError(
        f"{path} has {shown(name)} of {size:,} bytes,"
        f" more than the {limits.largest:,} of any image; leave it out."
    )


def refusal(problem: str) -> Callable[[], BinaryIO]:
    """A `load` that raises DataError."""

    def refuse() -> BinaryIO:
        raise DataError(problem)

    return refuse


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """A context in which any error of an archive's parser becomes one DataError."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # parsers raise errors of any type over hostile bytes
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        cause = shown(compressed.cause(error))
        raise DataError(f"{path} is damaged ({cause}); get the file again.") from error

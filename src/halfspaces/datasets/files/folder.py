"""The regular files below a folder; links are followed, each folder once."""

import builtins
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from halfspaces.datasets.files.source import LIMITS, Entry, Limits, is_junk, status_stamp
from halfspaces.system.errors import DataError


class _Found(NamedTuple):
    """A file or folder: its relative name, its size, and what changes when the file does."""

    name: str
    is_folder: bool
    size: int = 0
    stamp: str = ""


class FolderSource:
    """A `Source` of the files below a folder."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.notes: Sequence[str] = ()
        self.found = sorted(_walk(path))

    def entries(self) -> Iterator[Entry]:
        """All files and folders."""
        for name, is_folder, size, _ in self.found:
            load = None if is_folder else partial(_open, self.path / name, self.limits)
            yield Entry(name, load, size)

    def stamp(self) -> Iterator[str]:
        """Lines that change when a file changes."""
        yield str(self.path.resolve())
        yield from (f"{found.name}\0{found.stamp}" for found in self.found)


def files_in(folder: Path, names: Iterable[str]) -> list[Entry]:
    """Entries of the files of these names; a missing file is an error when it is loaded."""
    return [Entry(name, partial(_open, folder / name)) for name in names]


def name_of(path: Path) -> str:
    """The name of a folder as it was given, of a link not that of its target.

    >>> name_of(Path("photos/.")), name_of(Path("photos/cats/.."))
    ('photos', 'photos')
    """
    return Path(os.path.abspath(path)).name


def visible_folders(path: Path) -> list[Path]:
    """The folders in a folder, without hidden ones."""
    return sorted(path / entry.name for entry in _scan(path) if entry.is_dir())


def _walk(path: Path) -> Iterator[_Found]:
    """All files and folders below `path`, in no particular order."""
    visited = set()
    ahead = [""]
    while ahead:
        prefix = ahead.pop()
        for entry in _scan(path / prefix):
            name = f"{prefix}{entry.name}"
            try:
                status = entry.stat()
            except OSError:  # a link to nothing: the error comes when it is loaded
                yield _Found(name, is_folder=False)
                continue
            if stat.S_ISDIR(status.st_mode):
                place = (status.st_dev, status.st_ino)
                if place not in visited:
                    visited.add(place)
                    ahead.append(f"{name}/")
                    yield _Found(name, is_folder=True)
            elif stat.S_ISREG(status.st_mode):
                yield _Found(name, False, status.st_size, status_stamp(status))


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_junk(entry.name)]
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read: {error.strerror}.") from error


def _open(path: Path, limits: Limits = LIMITS) -> BinaryIO:
    size = path.stat().st_size
    if size > limits.largest:
        raise DataError(f"has {size:,} bytes, more than the {limits.largest:,} of any image")
    return builtins.open(path, "rb")

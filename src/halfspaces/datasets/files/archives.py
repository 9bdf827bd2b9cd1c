"""Where files of images come from: a folder, a tar or a zip, read in memory. Nothing is ever unpacked to disk."""

import builtins
import bz2
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from halfspaces.datasets.files import compressed
from halfspaces.support.errors import DataError, shown

TAR = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
ARCHIVES = (*TAR, ".zip")
UNPACKERS: dict[str, Callable[..., Any]] = {
    **compressed.UNPACKERS,
    ".tgz": compressed.UNPACKERS[".gz"],
    ".txz": compressed.UNPACKERS[".xz"],
    ".bz2": bz2.open,
    ".tbz2": bz2.open,
}
LARGEST_HEADER = 1 << 20  # of a tar member: long names and extended attributes
JUNK = {"__MACOSX", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Limits:
    """How large a file may be, and how much an archive may unpack to."""

    largest: int = 1 << 28  # bytes of one file: 256 MiB
    free: int = 1 << 30  # an archive may unpack to so many bytes, and beyond to
    ratio: int = 200  # times its own size

    def most(self, path: Path) -> int:
        """The bytes that an archive may unpack to."""
        return max(self.free, self.ratio * path.stat().st_size)


LIMITS = Limits()


@dataclass(frozen=True)
class Entry:
    """A file, or a folder, which has nothing to load.

    `name` is relative, its parts divided by slashes; `load` opens the file and can be called from any thread; `size` is
    how many bytes it has.
    """

    name: str
    load: Callable[[], BinaryIO] | None
    size: int = 0


class Source(Protocol):
    """Files below one path."""

    path: Path

    def entries(self) -> Iterator[Entry]:
        """All of them, each time in the same order; hidden and well-known junk is left out."""
        ...

    def stamp(self) -> Iterator[str]:
        """What changes where a file does."""
        ...


def is_archive(path: Path) -> bool:
    """Whether the name ends like that of a tar or zip.

    >>> is_archive(Path("flowers.tar.xz")), is_archive(Path("flowers.gz"))
    (True, False)
    """
    return path.name.lower().endswith(ARCHIVES)


def plain_name(path: Path) -> str:
    """The name of a folder, or of an archive without its ending.

    >>> plain_name(Path("flowers.v2.tar.xz"))
    'flowers.v2'
    """
    name = path.resolve().name
    suffix = next(
        (suffix for suffix in ARCHIVES if name.lower().endswith(suffix) and not path.is_dir()), ""
    )
    return name[: len(name) - len(suffix)] or name


@contextmanager
def opened(path: Path, limits: Limits = LIMITS) -> Iterator[Source]:
    """The files of a folder, tar or zip. Raises DataError where it cannot be read."""
    if path.is_dir():
        yield _Folder(path, limits)
    elif path.name.lower().endswith(TAR):
        yield _Tar(path, limits)
    else:
        with _damage(path):
            archive = zipfile.ZipFile(path)
        with archive:
            yield _Zip(path, archive, limits)


def is_junk(name: str) -> bool:
    """Whether any part of the path is hidden or a file manager's own."""
    return any(part.startswith(".") or part in JUNK for part in name.split("/"))


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Whatever the parsers of archives raise over hostile bytes becomes one sentence."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        told = shown(str(error)).rstrip(".") or type(error).__name__
        raise DataError(f"{path} is damaged ({told}); get the file again.") from error


def _refusal(problem: str) -> Callable[[], BinaryIO]:
    def refuse() -> BinaryIO:
        raise DataError(problem)

    return refuse


# --- folders -----------------------------------------------------------------------------------------------------


class _Folder:
    """All regular files below a folder; links are followed, each folder once."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.found = sorted(self._walk())

    def entries(self) -> Iterator[Entry]:
        for name, is_folder, size, _ in self.found:
            yield Entry(
                name, None if is_folder else partial(_open, self.path / name, self.limits), size
            )

    def stamp(self) -> Iterator[str]:
        yield str(self.path.resolve())
        yield from (f"{name}\0{stamp}" for name, _, _, stamp in self.found)

    def _walk(self) -> Iterator[tuple[str, bool, int, str]]:
        """Name, whether it is a folder, its size, and what changes when the file does."""
        visited, ahead = set(), [""]
        while ahead:
            around = ahead.pop()
            try:
                entries = [
                    entry for entry in os.scandir(self.path / around) if not is_junk(entry.name)
                ]
            except OSError as error:
                raise DataError(
                    f"The folder {self.path / around} cannot be read: {error.strerror}."
                ) from error
            for entry in entries:
                name = f"{around}{entry.name}"
                try:
                    status = entry.stat()
                except OSError:  # a link to nothing: loading it will say so
                    yield name, False, 0, ""
                    continue
                if stat.S_ISDIR(status.st_mode):
                    place = (status.st_dev, status.st_ino)
                    if place not in visited:
                        visited.add(place)
                        ahead.append(f"{name}/")
                        yield name, True, 0, ""
                elif stat.S_ISREG(status.st_mode):
                    yield name, False, status.st_size, _stamp(status)


def files_in(folder: Path, names: Iterable[str]) -> list[Entry]:
    """Entries of files in a folder, by their names; loading one that is not there says so."""
    return [Entry(name, partial(_open, folder / name)) for name in names]


def _open(path: Path, limits: Limits = LIMITS) -> BinaryIO:
    if path.stat().st_size > limits.largest:
        raise DataError(
            f"has {path.stat().st_size:,} bytes, more than the {limits.largest:,} of any image"
        )
    return builtins.open(path, "rb")


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


# --- archives ----------------------------------------------------------------------------------------------------


class _Archive:
    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits

    def stamp(self) -> Iterator[str]:
        yield str(self.path.resolve())
        yield _stamp(self.path.stat())

    def _inside(self, name: str) -> str:
        """The name without what means nothing; one that leads outside is refused, although nothing is written."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts:
            raise DataError(
                f"{self.path} has the member {shown(name)}, which leads outside; pack the folder with relative names."
            )
        return "/".join(parts)

    def _too_large(self, name: str, size: int) -> str:
        most = self.limits.largest
        return f"{self.path} has {shown(name)} of {size:,} bytes, more than the {most:,} of any image; leave it out."


class _Tar(_Archive):
    """Members in the order of the file, read forward once a turn: packed tars cannot be read otherwise."""

    def entries(self) -> Iterator[Entry]:
        unpack = UNPACKERS.get(self.path.suffix.lower(), builtins.open)
        with _damage(self.path), unpack(self.path, "rb") as raw:
            stream = _Forward(self.path, raw, self.limits.most(self.path))
            archive: Any = tarfile.TarFile(fileobj=stream, mode="r")  # pyright: ignore[reportArgumentType]
            while (member := archive.next()) is not None:
                archive.members = []  # else every header is kept
                name = self._inside(member.name)
                if name and not is_junk(name):
                    yield self._entry(name, member, stream)
            if stream.last.strip(b"\0") or not stream.last:
                end = f"ends at byte {stream.tell():,} (unpacked) without the mark of its end"
                raise DataError(f"{self.path} is cut or damaged: it {end}; get the file again.")
            while stream.take(compressed.CHUNK):  # the rest holds the checksum of a packed tar
                pass

    def _entry(self, name: str, member: tarfile.TarInfo, stream: "_Forward") -> Entry:
        if member.isdir():
            return Entry(name, None)
        if not member.isreg() or member.issparse():
            return Entry(
                name, _refusal("is a link, a device or a sparse file, which are never followed")
            )
        if not 0 <= member.size <= self.limits.largest:
            raise DataError(self._too_large(name, member.size))
        stream.seek(member.offset_data)
        data = stream.take(member.size)
        if len(data) < member.size:
            raise DataError(f"{self.path} is cut inside {shown(name)}; get the file again.")
        return Entry(name, partial(io.BytesIO, data), len(data))


class _Forward:
    """A stream read forward only, in bounded steps and to a bounded end: tarfile asks for what headers say."""

    def __init__(self, path: Path, stream: BinaryIO, most: int) -> None:
        self.path = path
        self.stream = stream
        self.place = 0
        self.most = most
        self.last = b""

    def tell(self) -> int:
        return self.place

    def read(self, size: int) -> bytes:
        """Read for the parser of headers."""
        if not 0 <= size <= LARGEST_HEADER:
            raise DataError(f"{self.path} has a header of {size:,} bytes; pack the folder again.")
        self.last = self.take(size)
        return self.last

    def take(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.place += len(data)
        if self.place > self.most:
            raise DataError(
                f"{self.path} unpacks to more than {self.most:,} bytes; unpack it yourself if that is right."
            )
        return data

    def seek(self, place: int) -> int:
        if place < self.place:
            raise DataError(f"{self.path} has a header that points back; get the file again.")
        while self.place < place and self.take(min(compressed.CHUNK, place - self.place)):
            pass
        return self.place


class _Zip(_Archive):
    def __init__(self, path: Path, archive: zipfile.ZipFile, limits: Limits) -> None:
        super().__init__(path, limits)
        self.archive = archive

    def entries(self) -> Iterator[Entry]:
        members = self.archive.infolist()
        total = sum(member.file_size for member in members)
        most = self.limits.most(self.path)
        if total > most:
            raise DataError(
                f"{self.path} unpacks to {total:,} bytes, more than {most:,}; unpack it yourself if that is right."
            )
        for member in members:
            name = self._inside(
                member.filename.replace("\\", "/")
            )  # as some packers of Windows have it
            if not name or is_junk(name):
                continue
            if member.file_size > self.limits.largest:
                raise DataError(self._too_large(name, member.file_size))
            mode = member.external_attr >> 16
            if member.is_dir():
                yield Entry(name, None)
            elif mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield Entry(name, _refusal("is a link or a device, which are never followed"))
            else:
                yield Entry(name, partial(self._read, member), member.file_size)

    def _read(self, member: zipfile.ZipInfo) -> BinaryIO:
        return io.BytesIO(self.archive.read(member))  # at most file_size bytes

"""Tar files, plain or compressed, read forward once a pass, as compressed ones must be."""

import builtins
import bz2
import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from halfspaces.datasets.files import compressed
from halfspaces.datasets.files.source import (
    Entry,
    Limits,
    damage,
    is_junk,
    refusal,
    relative_name,
    status_stamp,
    too_large,
)
from halfspaces.system.errors import DataError, shown

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
OPENERS: dict[str, Callable[..., Any]] = {
    **compressed.OPENERS,
    ".tgz": compressed.OPENERS[".gz"],
    ".txz": compressed.OPENERS[".xz"],
    ".bz2": bz2.open,
    ".tbz2": bz2.open,
}
LARGEST_HEADER = 1 << 20  # bytes: long names and extended attributes


class TarSource:
    """A `Source` of the members of a tar, in the order of the file."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.notes: Sequence[str] = ()

    def stamp(self) -> Iterator[str]:
        """Lines that change when a file changes."""
        yield str(self.path.resolve())
        yield status_stamp(self.path.stat())

    def entries(self) -> Iterator[Entry]:
        """All files and folders."""
        opener = OPENERS.get(self.path.suffix.lower(), builtins.open)
        with damage(self.path), opener(self.path, "rb") as raw:
            stream = _ForwardStream(self.path, raw, self.limits)
            archive: Any = tarfile.TarFile(fileobj=stream, mode="r")  # pyright: ignore[reportArgumentType]
            while (member := archive.next()) is not None:
                archive.members = []  # tarfile would store every header
                name = relative_name(self.path, member.name)
                if name and not is_junk(name):
                    yield self._entry(name, member, stream)
            if stream.last_header.strip(b"\0") or not stream.last_header:
                place = f"byte {stream.tell():,} (unpacked)"
                raise DataError(
                    f"{self.path} is cut or damaged: it ends at {place} without the mark of its"
                    " end; get the file again."
                )
            while stream.take(compressed.CHUNK):  # the rest has the checksum of a compressed tar
                pass

    def _entry(self, name: str, member: tarfile.TarInfo, stream: "_ForwardStream") -> Entry:
        if member.isdir():
            return Entry(name, None)
        if not member.isreg() or member.issparse():
            problem = "is a link, a device or a sparse file, which are never followed"
            return Entry(name, refusal(problem))
        if not 0 <= member.size <= self.limits.largest:
            raise too_large(self.path, name, member.size, self.limits)
        stream.seek(member.offset_data)
        content = stream.take(member.size)
        if len(content) < member.size:
            raise DataError(f"{self.path} is cut inside {shown(name)}; get the file again.")
        return Entry(name, partial(io.BytesIO, content), len(content))


class _ForwardStream:
    """A stream read forward only, in bounded steps to a bounded end.

    tarfile asks for as many bytes as headers say, so headers of damaged files are limited here.
    """

    def __init__(self, path: Path, stream: BinaryIO, limits: Limits) -> None:
        self.path = path
        self.stream = stream
        self.place = 0
        self.total = limits.total(path)
        self.headers_left = limits.total_of_headers(path)
        self.last_header = b""

    def tell(self) -> int:
        return self.place

    def read(self, size: int) -> bytes:
        """Read a header for tarfile."""
        if not 0 <= size <= LARGEST_HEADER:
            raise DataError(f"{self.path} has a header of {size:,} bytes; pack the folder again.")
        self.headers_left -= size
        if self.headers_left < 0:
            raise DataError(
                f"{self.path} has far more bytes of headers than of files; pack the folder again."
            )
        self.last_header = self.take(size)
        return self.last_header

    def take(self, size: int) -> bytes:
        content = self.stream.read(size)
        self.place += len(content)
        if self.place > self.total:
            raise DataError(
                f"{self.path} unpacks to more than {self.total:,} bytes;"
                " unpack it yourself if that is right."
            )
        return content

    def seek(self, place: int) -> int:
        if place < self.place:
            raise DataError(f"{self.path} has a header that points back; get the file again.")
        while self.place < place and self.take(min(compressed.CHUNK, place - self.place)):
            pass
        return self.place

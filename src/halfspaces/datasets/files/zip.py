"""Zip files."""

import io
import stat
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from halfspaces.datasets.files.source import (
    Entry,
    Limits,
    is_junk,
    refusal,
    relative_name,
    status_stamp,
    too_large,
)
from halfspaces.system.errors import DataError, shown

NAMED_IN_UTF_8 = 0x800  # the flag of a member
OLD_ENCODING = "cp437"  # in which zipfile reads the names of all other members


class ZipSource:
    """A `Source` of the members of an opened zip."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.path = path
        self.archive = archive
        self.limits = limits
        self.notes: Sequence[str]
        self.encoding, self.notes = _encoding(archive)

    def stamp(self) -> Iterator[str]:
        """Lines that change when a file changes."""
        yield str(self.path.resolve())
        yield status_stamp(self.path.stat())

    def entries(self) -> Iterator[Entry]:
        """All files and folders."""
        members = self.archive.infolist()
        size = sum(member.file_size for member in members)
        total = self.limits.total(self.path)
        if size > total:
            raise DataError(
                f"{self.path} unpacks to {size:,} bytes, more than {total:,};"
                " unpack it yourself if that is right."
            )
        for member in members:
            # some packers on Windows write backslashes
            written = _name(member, self.encoding).replace("\\", "/")
            name = relative_name(self.path, written)
            if name and not is_junk(name):
                yield self._entry(name, member)

    def _entry(self, name: str, member: zipfile.ZipInfo) -> Entry:
        if member.file_size > self.limits.largest:
            raise too_large(self.path, name, member.file_size, self.limits)
        mode = member.external_attr >> 16
        if member.is_dir():
            return Entry(name, None)
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            return Entry(name, refusal("is a link or a device, which are never followed"))
        return Entry(name, partial(self._read, member), member.file_size)

    def _read(self, member: zipfile.ZipInfo) -> BinaryIO:
        return io.BytesIO(self.archive.read(member))  # at most file_size bytes


# --- names ---------------------------------------------------------------------------------------


def _encoding(archive: zipfile.ZipFile) -> tuple[str, tuple[str, ...]]:
    """The encoding of names that are not marked as UTF-8, and a note if it is not known.

    Many packers write UTF-8 without the mark; text in other encodings is almost never valid UTF-8.
    """
    names = {member.filename: _unmarked_bytes(member) for member in archive.infolist()}
    foreign = {name: stored for name, stored in names.items() if not stored.isascii()}
    try:
        b"\n".join(foreign.values()).decode("utf-8")
    except UnicodeDecodeError:
        example = shown(next(iter(foreign)))
        names_are = "name is" if len(foreign) == 1 else "names are"
        note = (
            f"{len(foreign):,} {names_are} in a code page that the zip does not tell, read as"
            f" {OLD_ENCODING} (such as {example}); if that is wrong, pack them in UTF-8"
        )
        return OLD_ENCODING, (note,)
    return "utf-8", ()


def _name(member: zipfile.ZipInfo, encoding: str) -> str:
    return _unmarked_bytes(member).decode(encoding) or member.filename


def _unmarked_bytes(member: zipfile.ZipInfo) -> bytes:
    """The stored name of a member that is not marked as UTF-8; else nothing."""
    if member.flag_bits & NAMED_IN_UTF_8:
        return b""
    try:
        return member.filename.encode(OLD_ENCODING)
    except UnicodeEncodeError:  # zipfile took it from the extra field that holds Unicode
        return b""

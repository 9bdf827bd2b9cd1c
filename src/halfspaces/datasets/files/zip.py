"""Zip files."""

import io
import stat
import zipfile
from collections.abc import Iterator
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
from halfspaces.system.errors import DataError


class ZipSource:
    """A `Source` of the members of an opened zip."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.path = path
        self.archive = archive
        self.limits = limits

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
            name = relative_name(self.path, member.filename.replace("\\", "/"))
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

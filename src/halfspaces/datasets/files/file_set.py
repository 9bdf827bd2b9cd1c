"""The few known files of a data set, in a folder or in an archive."""

import io
from abc import ABC, abstractmethod
from collections.abc import Container
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from halfspaces.datasets.files import archives, compressed


class FileSet(ABC):
    """The files of one data set, by their names."""

    path: Path

    @abstractmethod
    def find(self, name: str) -> Path | None:
        """The path of the file of this name, or None."""

    @abstractmethod
    def reading(self, path: Path) -> AbstractContextManager[BinaryIO]:
        """A context with the content of a file."""

    @abstractmethod
    def size(self, path: Path) -> int | None:
        """The number of bytes of a file; None if it is compressed."""


@dataclass(frozen=True)
class FolderFiles(FileSet):
    """Files in a folder, each also as .gz or .xz."""

    path: Path

    def find(self, name: str) -> Path | None:
        """The first of NAME, NAME.gz and NAME.xz."""
        return compressed.find(self.path, name)

    def reading(self, path: Path) -> AbstractContextManager[BinaryIO]:
        """The content, decompressed."""
        return compressed.reading(path)

    def size(self, path: Path) -> int | None:
        """The size on disk."""
        return None if path.suffix in compressed.OPENERS else path.stat().st_size


@dataclass(frozen=True)
class ArchiveFiles(FileSet):
    """Files of a tar or zip, in memory."""

    path: Path
    contents: dict[str, bytes] = field(repr=False)

    @classmethod
    def read(cls, path: Path, wanted: Container[str]) -> "ArchiveFiles":
        """Read the wanted files of an archive, from any of its folders."""
        contents = {}
        with archives.opened(path) as source:
            for entry in source.entries():
                name = last_part(entry.name)
                if entry.load is not None and name in wanted:
                    with entry.load() as stream:
                        contents[name] = stream.read()
        return cls(path, contents)

    def find(self, name: str) -> Path | None:
        """The path that the file would have if the archive were a folder."""
        return self.path / name if name in self.contents else None

    def reading(self, path: Path) -> AbstractContextManager[BinaryIO]:
        """The content, in memory."""
        return nullcontext(io.BytesIO(self.contents[path.name]))

    def size(self, path: Path) -> int | None:
        """The size in memory."""
        return len(self.contents[path.name])


def last_part(name: str) -> str:
    """The name of a member without its folders."""
    return name.rpartition("/")[2]

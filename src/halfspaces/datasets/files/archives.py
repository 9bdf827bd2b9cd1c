"""Files of images in a folder, a tar or a zip, read in memory; nothing is unpacked to disk."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from halfspaces.datasets.files import tar
from halfspaces.datasets.files.folder import FolderSource, name_of
from halfspaces.datasets.files.source import LIMITS, Limits, Source, damage
from halfspaces.datasets.files.tar import TarSource
from halfspaces.datasets.files.zip import ZipSource

SUFFIXES = (*tar.SUFFIXES, ".zip")


def is_archive(path: Path) -> bool:
    """Whether the name ends like that of a tar or zip.

    >>> is_archive(Path("flowers.tar.xz")), is_archive(Path("flowers.gz"))
    (True, False)
    """
    return path.name.lower().endswith(SUFFIXES)


def plain_name(path: Path) -> str:
    """The name of a folder, or of an archive without its suffix.

    >>> plain_name(Path("flowers.v2.tar.xz"))
    'flowers.v2'
    """
    name = name_of(path)
    if path.is_dir():
        return name
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)] or name


@contextmanager
def opened(path: Path, limits: Limits = LIMITS) -> Iterator[Source]:
    """The files of a folder, tar or zip. Raises DataError if it cannot be read."""
    if path.is_dir():
        yield FolderSource(path, limits)
    elif path.name.lower().endswith(tar.SUFFIXES):
        yield TarSource(path, limits)
    else:
        with damage(path):
            archive = zipfile.ZipFile(path)
        with archive:
            yield ZipSource(path, archive, limits)

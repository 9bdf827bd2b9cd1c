"""Files that are read: regular files alone, since a pipe waits and a device has no end."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from halfspaces.system.atomic import FileError


@contextmanager
def reading(path: Path, kind: str, suffix: str, error: type[FileError]) -> Iterator[BinaryIO]:
    """The bytes of a regular file; `kind` and `suffix` say what it should be.

    Raises `error` for a path with no such file, and where reading fails.
    """
    try:
        if path.is_dir():
            raise error(f"{path} is a folder; give the {suffix} file in it.")
        # Without O_NONBLOCK, to open a pipe is to wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
        with open(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise error(f"{path} is no file on disk; give the {suffix} file itself.")
            yield stream
    except FileNotFoundError as missing:
        raise error(f"There is no {kind} {path}; check the path.") from missing
    except (OSError, ValueError) as problem:
        if isinstance(problem, FileError):
            raise
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"The {kind} {path} cannot be read: {reason}.") from problem


_BINARY = getattr(os, "O_BINARY", 0)  # of Windows

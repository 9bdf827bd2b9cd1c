"""Files that are written whole or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


class FileError(ValueError):
    """A file that cannot be written or read: one sentence with what was given and what to do."""


def write_whole(path: Path, content: bytes, error: type[FileError] = FileError) -> None:
    """Write `content` to `path`: after a crash or on a full disk an earlier file is still there.

    Raises `error` for a place that cannot be written, or that is a device or a pipe.
    """
    with writing_whole(path, error) as stream:
        stream.write(content)


@contextlib.contextmanager
def writing_whole(path: Path, error: type[FileError] = FileError) -> Iterator[BinaryIO]:
    """A stream whose content appears at `path` when the context ends without an error.

    A link stays, and the file that it points to is written; an earlier file's permissions stay.
    Raises `error` for a place that cannot be written, or that is a device or a pipe.
    """
    target = target_of(path)
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    if is_special(target):
        raise error(f"{path} cannot be written: it is a device or a pipe; name a file on disk.")
    try:
        with _removed_on_failure(temporary):
            with open(temporary, "xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            os.replace(temporary, target)
    except FileNotFoundError as missing:
        raise error(
            f"{path} cannot be written: there is no folder {path.parent}; make it first."
        ) from missing
    except OSError as problem:
        raise error(
            f"{path} cannot be written: {problem.strerror or problem}; save it elsewhere."
        ) from problem
    _sync_folder(target.parent)


def target_of(path: Path) -> Path:
    """The absolute path of the file that `path` is, or would be, behind all links."""
    return Path(os.path.realpath(path))


def is_special(path: Path) -> bool:
    """Whether `path` is neither a file nor a folder, but a device, a pipe or a socket."""
    return path.exists() and not (path.is_file() or path.is_dir())


def brief(problem: object) -> str:
    r"""One line of at most 200 characters, all of them printable, whatever a file put into it.

    >>> brief("two\nlines, a \x1b[31mcolour")
    'two lines, a ?[31mcolour'
    """
    words = " ".join(str(problem).split())
    words = "".join(character if character.isprintable() else "?" for character in words)
    return words if len(words) <= 200 else f"{words[:200]}..."


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:  # an interrupt, too
        path.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Sync the folder, so that the new name survives a crash; not all systems can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

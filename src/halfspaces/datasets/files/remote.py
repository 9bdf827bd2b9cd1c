"""Single files elsewhere, s3://, gs://, https:// and others that fsspec knows: downloaded once."""

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from halfspaces.datasets import optional
from halfspaces.support import cache_folder
from halfspaces.support.errors import DataError

# Others of fsspec's are left out: some follow what a file says to other files, or fill in templates from it.
PROTOCOLS = ("http", "https", "s3", "gs", "gcs", "az", "abfs", "hf", "memory")


def recognizes(given: object) -> bool:
    """Whether this is an address rather than a path.

    >>> recognizes("https://host/X.parquet"), recognizes("X.parquet"), recognizes("C:/X.parquet")
    (True, False, False)
    """
    return isinstance(given, str) and "://" in given


def fetch(address: str) -> Path:
    """Download the file unless that was done before; return where it is now.

    A file that is being downloaded has another name until it is whole. Its copy is kept by its address: remove the
    folder `remote` of the cache to have it read anew. Raises DataError for what cannot be had.
    """
    protocol = address.partition("://")[0]
    name = re.sub(r"[^\w.-]", "_", unquote(PurePosixPath(urlsplit(address).path).name))
    if protocol not in PROTOCOLS:
        raise DataError(
            f"{address} starts with {protocol}://; known are {', '.join(PROTOCOLS)}, or give a path."
        )
    if not name.strip("."):
        raise DataError(f"{address} names no file; give the address of one file.")
    fsspec = optional.load("fsspec", "remote", address)
    target = cache_folder.folder("remote", hashlib.sha256(address.encode()).hexdigest()[:16], name)
    if not target.is_file():
        _download(fsspec, address, target)
    return target


def _download(fsspec: Any, address: str, target: Path) -> None:
    partial = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=target.parent, prefix="partial-")
        os.close(handle)
        system, path = fsspec.core.url_to_fs(address)
        system.get_file(path, partial)
        if system.size(path) not in (None, os.path.getsize(partial)):
            raise OSError(f"{os.path.getsize(partial):,} bytes came of {system.size(path):,}")
        os.replace(partial, target)
    except ImportError as error:  # fsspec's words say which library
        raise DataError(
            f"{address} cannot be opened: {_told(error)}; or copy the file here first."
        ) from error
    except Exception as error:  # each of fsspec's systems has errors of its own
        raise DataError(
            f"{address} cannot be downloaded ({_told(error)}); check the address and try again."
        ) from error
    finally:
        if partial is not None:
            with contextlib.suppress(OSError):
                os.unlink(partial)


def _told(error: Exception) -> str:
    words = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {words[:200]}" if words else type(error).__name__

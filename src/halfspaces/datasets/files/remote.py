"""Single files at https://, s3://, gs:// and other addresses that fsspec reads: downloaded once."""

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from halfspaces.datasets.files import compressed
from halfspaces.datasets.optional import FSSPEC
from halfspaces.system import cache_folder
from halfspaces.system.errors import DataError

# fsspec knows more; some of those follow what a file says to other files, or fill in templates.
PROTOCOLS = ("http", "https", "s3", "gs", "gcs", "az", "abfs", "hf", "memory")


def recognizes(given: object) -> bool:
    """Whether this is an address rather than a path.

    >>> recognizes("https://host/X.parquet"), recognizes("X.parquet"), recognizes("C:/X.parquet")
    (True, False, False)
    """
    return isinstance(given, str) and "://" in given


def fetch(address: str) -> Path:
    """Download the file, unless that was done before, and return its path in the cache.

    The file takes its name once it is whole. Its copy is stored by address: remove the folder
    `remote` of the cache to download it again. Raises DataError if it cannot be downloaded.
    """
    protocol = address.partition("://")[0]
    name = re.sub(r"[^\w.-]", "_", unquote(PurePosixPath(urlsplit(address).path).name))
    if protocol not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise DataError(f"{address} starts with {protocol}://; known are {known}, or give a path.")
    if not name.strip("."):
        raise DataError(f"{address} names no file; give the address of one file.")
    fsspec = FSSPEC.load(address)
    digest = hashlib.sha256(address.encode()).hexdigest()[:16]
    target = cache_folder.folder("remote", digest, name)
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
    except ImportError as error:  # fsspec's message names the library to install
        raise DataError(
            f"{address} cannot be opened: {_cause(error)}; or copy the file here first."
        ) from error
    except Exception as error:  # each of fsspec's file systems has errors of its own
        raise DataError(
            f"{address} cannot be downloaded ({_cause(error)}); check the address and try again."
        ) from error
    finally:
        if partial is not None:
            with contextlib.suppress(OSError):
                os.unlink(partial)


def _cause(error: Exception) -> str:
    kind = type(error).__name__
    cause = compressed.cause(error)
    return kind if cause == kind else f"{kind}: {cause}"

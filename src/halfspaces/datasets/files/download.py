"""Downloads of whole files: resumed after a cut, retried, checked by size and checksum."""

import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halfspaces.datasets.optional import POOCH
from halfspaces.system.errors import DataError, shown

CHUNK = 1 << 18
AGENT = "halfspaces (https://pypi.org/project/halfspaces)"
RETRIED = (408, 425, 429, 500, 502, 503, 504)  # status codes of failures that may pass

Progress = Callable[[str, int, int], None]  # called with a file's name, its bytes so far, all


@dataclass(frozen=True)
class Tries:
    """How often a download is retried, and how long an answer may take."""

    timeout: float = 30.0  # seconds without a byte
    attempts: int = 5  # in a row without a new byte
    pause: float = 1.0  # seconds before the second attempt, doubled each time


TRIES = Tries()


@dataclass(frozen=True)
class File:
    """A file to download: its address, its size in bytes and its checksum, as published.

    Its name on disk is the last part of the address, unless it is given.
    """

    url: str
    size: int
    md5: str = ""
    sha256: str = ""
    given_name: str = ""

    @property
    def name(self) -> str:
        """The name on disk."""
        return self.given_name or self.url.rpartition("/")[2]

    @property
    def checksum(self) -> str:
        """The checksum as pooch writes it."""
        return f"sha256:{self.sha256}" if self.sha256 else f"md5:{self.md5}"


def length(url: str, tries: Tries = TRIES) -> int:
    """The size in bytes of the file at an address; DataError if the server does not say it."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": AGENT}, method="HEAD")
        with urllib.request.urlopen(request, timeout=tries.timeout) as answer:
            size = answer.headers["Content-Length"] or ""
    except urllib.error.HTTPError as error:
        error.close()
        answered = f"the server says {error.code} {error.reason}"
        raise DataError(f"{shown(url)} cannot be downloaded: {answered}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(
            f"{shown(url)} cannot be downloaded ({_cause(error)}); check the address."
        ) from error
    if not size.isdecimal():
        raise DataError(f"{shown(url)} does not say its size; download it and give its path.")
    return int(size)


def retrieve(
    file: File, folder: Path, url: str, progress: Progress | None = None, tries: Tries = TRIES
) -> Path:
    """Download `file` from `url` into `folder`; bytes that are there already are not sent again.

    Raises DataError, one sentence, if the address does not answer, the checksum is wrong (the file
    is removed) or the disk is full (the part remains).
    """
    pooch: Any = POOCH.load(f"Downloading {file.name}")
    pooch.get_logger().setLevel("ERROR")
    partial = folder / f"{file.name}.part"
    _check_space(file, folder, partial)
    try:
        downloader = Resuming(file, partial, progress, tries)
        return Path(pooch.retrieve(url, file.checksum, file.name, folder, downloader=downloader))
    except DataError:
        raise
    except ValueError as error:
        raise DataError(
            f"{url} came with another checksum than the published {file.md5 or file.sha256} and was"
            " removed; try again, or elsewhere."
        ) from error
    except OSError as error:
        raise DataError(
            f"{url} cannot be written to {folder}: {error.strerror or error}."
        ) from error


def _check_space(file: File, folder: Path, partial: Path) -> None:
    missing = file.size - (partial.stat().st_size if partial.is_file() else 0)
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise DataError(
            f"{file.name} needs {missing:,} bytes more and {folder} has room for {free:,};"
            " free some, or name another folder by HALFSPACES_CACHE."
        )


@dataclass(frozen=True)
class Resuming:
    """A downloader for pooch: it resumes `partial`, attempt after attempt, while bytes come."""

    file: File
    partial: Path
    progress: Progress | None = None
    tries: Tries = TRIES

    def __call__(self, url: str, output_file: Any, pooch: Any) -> None:
        """Fill `partial` and move it to `output_file`."""
        failures = 0
        while self._have() != self.file.size:
            before = self._have()
            problem = self._attempt(url, before)
            failures = 0 if self._have() > before else failures + 1
            if problem is not None and failures == self.tries.attempts:
                raise DataError(
                    f"{url} cannot be downloaded ({problem});"
                    f" {self._have():,} bytes are kept, try again."
                )
            if problem is not None and failures:
                time.sleep(self.tries.pause * 2 ** (failures - 1))
        os.replace(self.partial, output_file)

    def _have(self) -> int:
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def _attempt(self, url: str, start: int) -> str | None:
        """Append the answer to the part; return the problem if another attempt may help."""
        headers = {"User-Agent": AGENT} | ({"Range": f"bytes={start}-"} if start else {})
        try:
            request = urllib.request.Request(url, headers=headers)
            with urllib.request.urlopen(request, timeout=self.tries.timeout) as answer:
                resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
                content_range = answer.headers["Content-Range"] or ""
                if resumed and not content_range.startswith(f"bytes {start}-"):
                    self.partial.unlink(missing_ok=True)
                    return "another part than asked for was sent"
                return self._append(answer, start if resumed else 0)
        except urllib.error.HTTPError as error:
            error.close()
            answered = f"the server says {error.code} {error.reason}"
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self.partial.unlink(missing_ok=True)
            elif error.code not in RETRIED:
                raise DataError(f"{url} cannot be downloaded: {answered}.") from error
            return answered
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            TimeoutError,
            ConnectionError,
        ) as error:
            return _cause(error)

    def _append(self, answer: Any, have: int) -> str | None:
        with self.partial.open("ab" if have else "wb") as stream:
            while chunk := answer.read(CHUNK):
                have += len(chunk)
                if have > self.file.size:
                    stream.close()
                    self.partial.unlink()
                    raise DataError(
                        f"{answer.url} is longer than the published {self.file.size:,} bytes;"
                        " removed."
                    )
                stream.write(chunk)
                if self.progress is not None:
                    self.progress(self.file.name, have, self.file.size)
        return None if have == self.file.size else f"the connection was cut after {have:,} bytes"


def _cause(error: Exception) -> str:
    """Why nothing more came, on one line."""
    return " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__

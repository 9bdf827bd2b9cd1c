"""Work on many images: large files on threads, results in order, errors as values."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from halfspaces.datasets.files import compressed
from halfspaces.datasets.files.source import Entry
from halfspaces.datasets.formats import decode_image
from halfspaces.system.errors import DataError, shown

BATCH = 32  # images of one task at most
BATCH_BYTES = 1 << 22  # the bytes after which a task ends
LARGE = 1 << 14  # mean bytes of an image from which a task gets another thread
T = TypeVar("T")
Outcome = tuple[str, T | DataError | None]


@contextmanager
def pillow_warnings() -> Iterator[None]:
    """A context that ignores Pillow's warnings, but makes an error of that of a bomb.

    Filters hold for all threads.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def map_entries(
    entries: Iterable[Entry], work: Callable[..., T], wanted: Container[str] | None = None
) -> Iterator[Outcome[T]]:
    """The name of each wanted entry with the result of `work` on its opened file.

    The result is a DataError for a bad file, and None for a folder. Large files are decoded
    without Python's lock, so they go to threads; small ones are faster on this one.
    """
    chosen = (entry for entry in entries if wanted is None or entry.name in wanted)
    workers = _cores()
    with ThreadPoolExecutor(workers) as pool:
        tasks: deque[Future[list[Outcome[T]]]] = deque()
        for batch in _batches(chosen):
            size = sum(entry.size for entry in batch)
            if work is decode_image.look or size < LARGE * len(batch):
                tasks.append(Future())
                tasks[-1].set_result(_outcomes(batch, work))
            else:
                tasks.append(pool.submit(_outcomes, batch, work))
            if len(tasks) > 2 * workers:
                yield from tasks.popleft().result()
        while tasks:
            yield from tasks.popleft().result()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH or sum(each.size for each in batch) > BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _outcomes(batch: list[Entry], work: Callable[..., T]) -> list[Outcome[T]]:
    return [(entry.name, _outcome(entry, work)) for entry in batch]


def _outcome(entry: Entry, work: Callable[..., T]) -> T | DataError | None:
    if entry.load is None:
        return None
    try:
        return work(entry.load())
    except DataError as error:
        return error
    except Exception as error:  # of a file system or a zip
        cause = getattr(error, "strerror", None) or compressed.cause(error)
        return DataError(f"cannot be read ({shown(cause).rstrip('.')})")


def refuse_unless(skip_bad: bool, path: Path, name: str, problem: DataError) -> None:
    """Raise DataError about a bad file, unless bad files are skipped."""
    if not skip_bad:
        raise DataError(
            f"{path} has {shown(name)}, which {problem}; remove it,"
            " or leave out such files with skip_bad (--skip-bad)."
        ) from problem

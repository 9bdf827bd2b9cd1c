"""Images in one sub-folder a class, in a folder, a tar or a zip, decoded once into a memory-mapped cache.

Sub-folders train, val (valid, validation, dev) and test are splits. JPEG, PNG, WebP, BMP, TIFF and GIF (first frame) of
any size and mode: see `halfspaces.datasets.formats.decode_image`. Images that all have one size of at most 64 x 64 keep it; all
others are resized to 32 x 32, or to the size that is asked for: whole, so nothing is cropped and the aspect ratio is
not kept.
"""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import archives, decoded_cache
from halfspaces.datasets.files.archives import Entry, Source
from halfspaces.datasets.formats import class_folders, decode_image
from halfspaces.support import memory, progress
from halfspaces.support.errors import DataError, shown

SIDE = 32  # of images of many or large sizes, unless another is asked for
LARGEST_KEPT = 64
LARGEST_SIDE = 4096
BATCH, BATCH_BYTES = 32, 1 << 22  # images a task has at most, or bytes
LARGE = 1 << 14  # bytes an image of a task for another thread has on average
EARLY = 10_000  # files among which one of an image is looked for
NAMED = 3  # of the files that were skipped
T = TypeVar("T")
ImageSize = int | tuple[int, int] | tuple[int, int, int]


def recognizes(path: Path) -> bool:
    """Whether it is an archive, or a folder in which an early file is named like an image."""
    if not path.is_dir():
        return archives.is_archive(path)
    named = (name for _, _, names in os.walk(path, followlinks=True) for name in names)
    return any(
        name.lower().endswith(decode_image.SUFFIXES) and not archives.is_junk(name)
        for name in islice(named, EARLY)
    )


def read(path: Path, image_size: ImageSize | None = None, skip_bad: bool = False) -> Dataset:
    """Read the images below `path`; X is (N, height * width * channels), uint8, memory-mapped.

    One channel where every image is grey, else three. `image_size` is a side, (height, width), or (height, width,
    channels), which makes all of them grey or coloured; `skip_bad` leaves out files that are no image or cannot be
    decoded, and says how many. Hidden files, those of file managers, and files beside the folders of classes that are
    not named like images never count.

    Raises DataError, by name, for a bad file, fewer than two classes, an empty folder of a class, and members of an
    archive that lead outside, are links, or unpack to too much.
    """
    size = _checked(image_size)
    with archives.opened(path) as source:
        key = decoded_cache.key(size, skip_bad, _pillow_version(), stamp=source.stamp())
        found = decoded_cache.load(key)
        if found is None:
            _fill(source, key, size, skip_bad)
            found = decoded_cache.load(key)
    if found is None:
        raise DataError(
            f"The decoded images of {path} changed at once in {decoded_cache.folder()}; try again."
        )
    return _dataset(path, *found)


def is_one(path: Path) -> bool:
    """Whether a file is named like an image."""
    return path.name.lower().endswith(decode_image.SUFFIXES)


def refuse_one(path: Path, image_size: ImageSize | None = None, skip_bad: bool = False) -> Dataset:
    """Raise DataError: one image has no class."""
    raise DataError(
        f"{path} is one image, which belongs to no class; give a folder with one sub-folder a class."
    )


def without_classes(path: Path) -> bool:
    """Whether it is one image, or a folder with images and without folders."""
    if not path.is_dir():
        return is_one(path)
    entries = [entry for entry in os.scandir(path) if not archives.is_junk(entry.name)]
    return any(is_one(Path(entry.name)) for entry in entries) and not any(
        entry.is_dir() for entry in entries
    )


def read_without_classes(
    path: Path, image_size: ImageSize | None = None, skip_bad: bool = False
) -> np.ndarray:
    """Images (N, height, width, channels), uint8, in the order of their names; options and errors as of `read`."""
    from PIL import Image

    size = _checked(image_size)
    folder, names = (path.parent, [path.name]) if is_one(path) else (path, os.listdir(path))
    names = [
        name
        for name in sorted(names, key=class_folders.natural)
        if is_one(Path(name)) and not archives.is_junk(name)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, whose threads have no filters of their own
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        good: dict[str, decode_image.Header] = {}
        for name, outcome in _each(archives.files_in(folder, names), decode_image.look):
            if isinstance(outcome, DataError):
                _refuse(folder, name, outcome, skip_bad)
            elif outcome is not None:
                good[name] = outcome
        if not good:
            raise DataError(f"{path} holds no image that can be decoded; check the path.")
        shape, written = _shape(good.values(), size), []
        X = memory.empty(path, (len(good), *shape), np.uint8)
        work = partial(decode_image.decode, height=shape[0], width=shape[1], channels=shape[2])
        decoded = _each(archives.files_in(folder, good), work)
        for row, (name, outcome) in enumerate(
            progress.tracked(decoded, f"decoding {path.name}", len(good))
        ):
            if isinstance(outcome, DataError):
                _refuse(folder, name, outcome, skip_bad)
            elif outcome is not None:
                X[row] = outcome
                written.append(row)
    return X if len(written) == len(X) else X[written]


def _pillow_version() -> str:
    import PIL

    return PIL.__version__


def _checked(image_size: Any) -> tuple[int, ...] | None:
    if image_size is None:
        return None
    sides: Any = (image_size, image_size) if isinstance(image_size, Integral) else image_size
    if (
        not isinstance(sides, Sequence)
        or len(sides) not in (2, 3)
        or not all(isinstance(side, Integral) and 1 <= int(side) <= LARGEST_SIDE for side in sides)
        or sides[2:] not in ((), (1,), (3,))
    ):
        raise DataError(
            f"image_size must be a side or (height, width), each from 1 to {LARGEST_SIDE:,}, and 1 or 3 channels behind"
            f" them if given, got {image_size!r}."
        )
    return tuple(map(int, sides))


def _dataset(path: Path, X: np.ndarray, stored: decoded_cache.Stored) -> Dataset:
    parts, start = {}, 0
    for split, counts in stored.counts.items():
        y = np.repeat(np.arange(len(counts)), counts)
        parts[split] = X[start : start + len(y)], y
        start += len(y)
    (X_train, y_train), none = parts["train"], (None, None)
    height, width, channels = stored.image_shape
    return Dataset(
        archives.plain_name(path),
        X_train,
        y_train,
        *parts.get("test", none),
        class_names=tuple(stored.classes),
        image_shape=(height, width, channels),
        X_val=parts.get("val", none)[0],
        y_val=parts.get("val", none)[1],
        notes=tuple(stored.notes),
    )


# --- decoding ----------------------------------------------------------------------------------------------------


def _fill(source: Source, key: str, size: tuple[int, ...] | None, skip_bad: bool) -> None:
    """Look at every header, decode every image, and leave them in the cache."""
    from PIL import Image

    with warnings.catch_warnings():  # of Pillow, whose threads have no filters of their own
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        headers, bad, arranged = _survey(source, skip_bad)
        shape = _shape(headers.values(), size)
        rows = {name: row for row, name in enumerate(arranged.names())}
        work = partial(decode_image.decode, height=shape[0], width=shape[1], channels=shape[2])
        with decoded_cache.writing(key, len(rows), shape[0] * shape[1] * shape[2]) as written:
            decoded = _each(source.entries(), work, wanted=rows)
            for name, outcome in progress.tracked(
                decoded, f"decoding {source.path.name}", len(rows)
            ):
                if isinstance(outcome, DataError):
                    _refuse(source.path, name, outcome, skip_bad)
                    bad[name] = outcome
                elif outcome is not None:
                    written.write(rows[name], outcome)
            counts = _counts(source, arranged, written.written)
            written.close_gaps()
    notes = [_sizes(headers, shape), *_skipped(bad)]
    decoded_cache.describe(
        key, decoded_cache.Stored(list(arranged.classes), counts, list(shape), notes), source.path
    )


def _survey(
    source: Source, skip_bad: bool
) -> tuple[dict[str, decode_image.Header], dict[str, DataError], class_folders.Layout]:
    """The headers of the images, the files that are none, and where the images belong."""
    outcomes, folders = {}, []
    for name, outcome in progress.tracked(
        _each(source.entries(), decode_image.look), f"looking at {source.path.name}"
    ):
        if outcome is None:
            folders.append(name)
        else:
            outcomes[name] = outcome
    placed = class_folders.arrange(source.path, outcomes, folders).names()
    bad = {name: outcomes[name] for name in placed if isinstance(outcomes[name], DataError)}
    for name, problem in bad.items():
        _refuse(source.path, name, problem, skip_bad)
    headers = {name: outcomes[name] for name in placed if name not in bad}
    good = [name for name in outcomes if name not in bad]
    try:
        return headers, bad, class_folders.arrange(source.path, good, folders)
    except DataError as error:
        told = "".join(f" ({note})" for note in _skipped(bad))
        raise DataError(f"{str(error).rstrip('.')}{told}.") from error


def _refuse(path: Path, name: str, problem: DataError, skip_bad: bool) -> None:
    if not skip_bad:
        remedy = (
            "remove it, or leave out such files with skip_bad (--skip-bad, in train and evaluate)"
        )
        raise DataError(f"{path} has {shown(name)}, which {problem}; {remedy}.") from problem


Outcomes = list[tuple[str, T | DataError | None]]


def _each(
    entries: Iterable[Entry], work: Callable[..., T], wanted: Any = None
) -> Iterator[tuple[str, T | DataError | None]]:
    """The name of every entry with what the work on it gave: an error where it is bad, None where it is a folder.

    Decoders of large files leave Python's lock to others; small ones are faster here than waiting for it.
    """
    workers = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    with ThreadPoolExecutor(workers) as pool:
        tasks: deque[Future[Outcomes[T]]] = deque()
        for batch in _batches(entry for entry in entries if wanted is None or entry.name in wanted):
            if work is decode_image.look or sum(entry.size for entry in batch) < LARGE * len(batch):
                tasks.append(Future())
                tasks[-1].set_result(_outcomes(batch, work))
            else:
                tasks.append(pool.submit(_outcomes, batch, work))
            if len(tasks) > 2 * workers:
                yield from tasks.popleft().result()
        while tasks:
            yield from tasks.popleft().result()


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH or sum(each.size for each in batch) > BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _outcomes(batch: list[Entry], work: Callable[..., T]) -> Outcomes[T]:
    return [(entry.name, _outcome(entry, work)) for entry in batch]


def _outcome(entry: Entry, work: Callable[..., T]) -> T | DataError | None:
    if entry.load is None:
        return None
    try:
        return work(entry.load())
    except DataError as error:
        return error
    except Exception as error:  # of a file system or a zip
        told = shown(getattr(error, "strerror", None) or str(error)) or type(error).__name__
        return DataError(f"cannot be read ({told.rstrip('.')})")


def _shape(
    headers: Iterable[decode_image.Header], size: tuple[int, ...] | None
) -> tuple[int, int, int]:
    """What all images become."""
    sizes, channels = set(), 1
    for header in headers:
        sizes.add((header.height, header.width))
        channels = channels if header.grey else 3
    if size is None:
        size = (
            next(iter(sizes))
            if len(sizes) == 1 and max(max(sizes)) <= LARGEST_KEPT
            else (SIDE, SIDE)
        )
    height, width, channels = (*size, channels)[:3]
    return height, width, channels


def _counts(
    source: Source, arranged: class_folders.Layout, written: np.ndarray
) -> dict[str, list[int]]:
    """How many images of each class each split has in the end."""
    counts, start, C = {}, 0, len(arranged.classes)
    for split, named in arranged.splits.items():
        labels = np.array([label for _, label in named])
        counts[split] = np.bincount(
            labels[written[start : start + len(labels)]], minlength=C
        ).tolist()
        start += len(labels)
    if 0 in counts["train"]:
        empty = arranged.classes[counts["train"].index(0)]
        raise DataError(
            f"{source.path} has no image of {empty} that can be decoded; replace those files."
        )
    return {split: of_class for split, of_class in counts.items() if any(of_class)}


def _sizes(headers: dict[str, decode_image.Header], shape: tuple[int, int, int]) -> str:
    sizes = sorted(
        {(header.height, header.width) for header in headers.values()},
        key=lambda size: size[0] * size[1],
    )
    smallest, largest = (f"{height} x {width}" for height, width in (sizes[0], sizes[-1]))
    of = (
        f"of {smallest}"
        if len(sizes) == 1
        else f"of {len(sizes):,} sizes from {smallest} to {largest}"
    )
    fate = (
        "kept as they are"
        if sizes == [shape[:2]]
        else f"each resized whole to {shape[0]} x {shape[1]}"
    )
    return f"{len(headers):,} images {of}, {fate}"


def _skipped(bad: dict[str, DataError]) -> list[str]:
    if not bad:
        return []
    named = [f"{shown(name)} {problem}" for name, problem in list(bad.items())[:NAMED]]
    more = [f"{len(bad) - NAMED:,} more"] if len(bad) > NAMED else []
    return [
        f"{len(bad):,} bad {'file' if len(bad) == 1 else 'files'} skipped: {', '.join([*named, *more])}"
    ]

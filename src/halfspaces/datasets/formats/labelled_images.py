"""Images with labels from any source, decoded once into the cache: what their readers share.

A reader gives a `Source` of files and a function that arranges their names in splits and classes.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import decoded_cache
from halfspaces.datasets.files.decoded_cache import Stored
from halfspaces.datasets.files.source import Source
from halfspaces.datasets.formats import decode_image, image_depth
from halfspaces.datasets.formats import image_size as sizes
from halfspaces.datasets.formats.class_folders import Layout
from halfspaces.datasets.formats.image_size import AtMost, ImageSize
from halfspaces.datasets.formats.image_workers import map_entries, pillow_warnings, refuse_unless
from halfspaces.system import progress
from halfspaces.system.errors import DataError, shown

NAMED = 3  # skipped files that a note names

Headers = dict[str, decode_image.Header]
BadFiles = dict[str, DataError]
Arrange = Callable[[Iterable[str], Iterable[str], Collection[str]], Layout]
"""arrange(names, folders, bad): the layout of the files that are not among the bad ones."""


@dataclass(frozen=True)
class Wanted:
    """What images become: their size, the depth of those of 16 bits, and what to do with bad ones.

    `size` is (height, width), or (height, width, channels), or the largest size.
    """

    size: tuple[int, ...] | AtMost | None
    bits: int | None
    skip_bad: bool

    @classmethod
    def of(cls, image_size: ImageSize | None, skip_bad: bool, like: Conventions | None) -> "Wanted":
        """From the options of `halfspaces.datasets.open`; DataError for a size out of range."""
        return cls(sizes.checked(image_size), None if like is None else like.bits, skip_bad)


def decoded(
    source: Source, arrange: Arrange, wanted: Wanted, *recipe: object
) -> tuple[np.ndarray, Stored]:
    """The rows in the cache, into which they are decoded if they are not there yet.

    `recipe` is all that the arrangement depends on beside the files.
    """
    libraries = decode_image.libraries()
    key = decoded_cache.key(wanted, libraries, *recipe, stamp=source.stamp())
    found = decoded_cache.load(key)
    if found is None:
        with pillow_warnings():
            _decode_all(source, arrange, wanted, key)
        found = decoded_cache.load(key)
    if found is None:
        raise DataError(
            f"The decoded images of {source.path} changed at once in {decoded_cache.folder()};"
            " try again."
        )
    return found


def dataset(
    name: str, X: np.ndarray, stored: Stored, conventions: Conventions | None = None
) -> Dataset:
    """The data set of decoded rows; `conventions` are those of its table, if it has one."""
    rows: dict[str, np.ndarray | None] = {}
    labels: dict[str, np.ndarray | None] = {}
    start = 0
    for split, of_rows in stored.labels.items():
        rows[split] = X[start : start + len(of_rows)]
        labels[split] = np.array(of_rows, np.int64)
        start += len(of_rows)
    height, width, channels = stored.image_shape
    known = conventions or Conventions()
    return Dataset(
        name,
        rows["train"],  # pyright: ignore[reportArgumentType]
        labels["train"],  # pyright: ignore[reportArgumentType]
        rows.get("test"),
        labels.get("test"),
        class_names=tuple(stored.classes),
        image_shape=(height, width, channels),
        X_val=rows.get("val"),
        y_val=labels.get("val"),
        notes=tuple(stored.notes),
        conventions=Conventions(label=known.label, key=known.key, bits=stored.bits),
        keys={"file": _files_of(stored, "train")},
    )


def rows_to_predict(X: np.ndarray, stored: Stored) -> RowsToPredict:
    """The images of the test split, or all if there is none, with the names of their files."""
    split = "test" if "test" in stored.labels else "train"
    images = X[_rows_of(stored, split)].reshape(-1, *stored.image_shape)
    keys = {"file": _files_of(stored, split)}
    return RowsToPredict(images, keys=keys, notes=tuple(stored.notes[1:]))


def _rows_of(stored: Stored, split: str) -> slice:
    splits = list(stored.labels)
    first = sum(len(stored.labels[before]) for before in splits[: splits.index(split)])
    return slice(first, first + len(stored.labels[split]))


def _files_of(stored: Stored, split: str) -> np.ndarray:
    return np.array(stored.files[_rows_of(stored, split)], object)


# --- decoding into the cache ---------------------------------------------------------------------


def _decode_all(source: Source, arrange: Arrange, wanted: Wanted, key: str) -> None:
    """Read every header, then decode every image into the cache."""
    title = source.path.name
    headers, bad, layout = _survey(source, arrange, wanted.skip_bad)
    height, width, channels = sizes.common_shape(headers.values(), wanted.size)
    bits = image_depth.common_bits(title, source.entries(), headers, wanted.bits)
    rows = {name: row for row, name in enumerate(layout.names())}
    decode = partial(decode_image.decode, height=height, width=width, channels=channels, bits=bits)
    with decoded_cache.writing(key, len(rows), height * width * channels) as file:
        outcomes = map_entries(source.entries(), decode, wanted=rows)
        for name, outcome in progress.tracked(outcomes, f"decoding {title}", len(rows)):
            if isinstance(outcome, DataError):
                refuse_unless(wanted.skip_bad, source.path, name, outcome)
                bad[name] = outcome
            elif outcome is not None:
                file.write(rows[name], outcome)
        labels = _labels(source, layout, file.written)
        file.close_gaps()
    good = [header for name, header in headers.items() if name not in bad]
    shape = (height, width, channels)
    notes = [
        sizes.describe(good, shape),
        *layout.notes,
        *image_depth.notes(good, bits),
        *source.notes,
        *_skipped(bad),
    ]
    files = [name for name, row in rows.items() if file.written[row]]
    stored = Stored(list(layout.classes), labels, list(shape), notes, bits, files)
    decoded_cache.describe(key, stored, source.path)


def _survey(source: Source, arrange: Arrange, skip_bad: bool) -> tuple[Headers, BadFiles, Layout]:
    """The headers of the images, the bad files, and the splits and classes of the images."""
    outcomes: dict[str, decode_image.Header | DataError] = {}
    folders = []
    looked = map_entries(source.entries(), decode_image.look)
    for name, outcome in progress.tracked(looked, f"looking at {source.path.name}"):
        if outcome is None:
            folders.append(name)
        else:
            outcomes[name] = outcome
    headers: Headers = {}
    bad: BadFiles = {}
    layout = arrange(outcomes, folders, ())
    for name in layout.names():
        outcome = outcomes[name]
        if isinstance(outcome, DataError):
            refuse_unless(skip_bad, source.path, name, outcome)
            bad[name] = outcome
        else:
            headers[name] = outcome
    if not bad:
        return headers, bad, layout
    try:
        return headers, bad, arrange(outcomes, folders, bad)
    except DataError as error:
        skipped = "".join(f" ({note})" for note in _skipped(bad))
        raise DataError(f"{str(error).rstrip('.')}{skipped}.") from error


def _labels(source: Source, layout: Layout, written: np.ndarray) -> dict[str, list[int]]:
    """The labels of the decoded images of each split that has any; DataError for a class of the
    training images of which none could be decoded.
    """
    labels: dict[str, list[int]] = {}
    start = 0
    for split, files in layout.splits.items():
        of_files = np.array([label for _, label in files], np.int64)
        decoded = of_files[written[start : start + len(of_files)]]
        start += len(of_files)
        if len(decoded):
            labels[split] = decoded.tolist()
        if split == "train" and (missing := set(of_files.tolist()) - set(decoded.tolist())):
            raise DataError(
                f"{source.path} has no image of {layout.classes[min(missing)]} that can be"
                " decoded; replace those files."
            )
    return labels


def _skipped(bad: BadFiles) -> list[str]:
    """A note on the skipped files, if there are any."""
    if not bad:
        return []
    files = "file" if len(bad) == 1 else "files"
    named = [f"{shown(name)} {problem}" for name, problem in islice(bad.items(), NAMED)]
    if len(bad) > NAMED:
        named.append(f"{len(bad) - NAMED:,} more")
    return [f"{len(bad):,} bad {files} skipped: {', '.join(named)}"]

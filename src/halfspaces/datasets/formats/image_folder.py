"""Images in one sub-folder a class, in a folder, a tar or a zip, decoded once into the cache.

Sub-folders train, val (valid, validation, dev) and test are splits. Files are JPEG, PNG, WebP, BMP,
TIFF and GIF (first frame) of any size and mode: see `halfspaces.datasets.formats.decode_image`.
Images that all have one size of at most 64 x 64 keep it. Other images are resized to 32 x 32, or to
the size that is asked for, without cropping, so the aspect ratio changes.
"""

import os
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import archives, decoded_cache
from halfspaces.datasets.files.source import Source, is_junk
from halfspaces.datasets.formats import class_folders, decode_image, image_depth
from halfspaces.datasets.formats import image_size as sizes
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.image_files import refuse_unless
from halfspaces.datasets.formats.image_size import ImageSize
from halfspaces.datasets.formats.image_workers import map_entries, pillow_warnings
from halfspaces.system import progress
from halfspaces.system.errors import DataError, shown

FIRST_FILES = 10_000  # of a folder, among which an image is looked for
NAMED = 3  # skipped files that a note names


def recognizes(path: Path) -> bool:
    """Whether it is an archive, or a folder with an image among its first files."""
    if not path.is_dir():
        return archives.is_archive(path)
    names = (name for _, _, names in os.walk(path, followlinks=True) for name in names)
    return any(
        name.lower().endswith(decode_image.SUFFIXES) and not is_junk(name)
        for name in islice(names, FIRST_FILES)
    )


def read(
    path: Path,
    image_size: ImageSize | None = None,
    skip_bad: bool = False,
    like: Conventions | None = None,
) -> Dataset:
    """Read the images below `path`; X is (N, height * width * channels), uint8, memory-mapped.

    There is one channel if every image is grey, else three. `image_size` is a side, (height,
    width), or (height, width, channels), which makes all images grey or coloured. `skip_bad` skips
    files that are no image or cannot be decoded; a note says how many. Images of 16 bits are
    divided to 8 bits by the power of two that suits all of them, or the data set `like`. Hidden
    files, those of file managers, and files beside the folders of classes that are not named like
    images are skipped always.

    Raises DataError, by name, for a bad file, fewer than two classes, an empty folder of a class,
    and members of an archive that lead outside, are links, or unpack to too much.
    """
    return _dataset(path, *_decoded(path, image_size, skip_bad, like))


def read_features(
    path: Path,
    image_size: ImageSize | None = None,
    skip_bad: bool = False,
    like: Conventions | None = None,
) -> RowsToPredict:
    """The images of the test split, or all if there is none, with the names of their files."""
    X, stored = _decoded(path, image_size, skip_bad, like)
    splits = list(stored.counts)
    split = "test" if "test" in splits else "train"
    before = splits[: splits.index(split)]
    first = sum(sum(stored.counts[name]) for name in before)
    rows = slice(first, first + sum(stored.counts[split]))
    images = X[rows].reshape(-1, *stored.image_shape)
    files = np.array(stored.files[rows], object)
    return RowsToPredict(images, keys={"file": files}, notes=tuple(stored.notes[1:]))


def _decoded(
    path: Path, image_size: ImageSize | None, skip_bad: bool, like: Conventions | None
) -> tuple[np.ndarray, decoded_cache.Stored]:
    """The rows in the cache, into which they are decoded if they are not there yet."""
    size = sizes.checked(image_size)
    with archives.opened(path) as source:
        bits = None if like is None else like.bits
        key = decoded_cache.key(size, skip_bad, bits, _pillow_version(), stamp=source.stamp())
        found = decoded_cache.load(key)
        if found is None:
            _decode_all(source, key, size, bits, skip_bad)
            found = decoded_cache.load(key)
    if found is None:
        raise DataError(
            f"The decoded images of {path} changed at once in {decoded_cache.folder()}; try again."
        )
    return found


def _pillow_version() -> str:
    import PIL

    return PIL.__version__


def _dataset(path: Path, X: np.ndarray, stored: decoded_cache.Stored) -> Dataset:
    rows: dict[str, np.ndarray | None] = {}
    labels: dict[str, np.ndarray | None] = {}
    start = 0
    for split, counts in stored.counts.items():
        y = np.repeat(np.arange(len(counts)), counts)
        rows[split] = X[start : start + len(y)]
        labels[split] = y
        start += len(y)
    height, width, channels = stored.image_shape
    return Dataset(
        archives.plain_name(path),
        rows["train"],  # pyright: ignore[reportArgumentType]
        labels["train"],  # pyright: ignore[reportArgumentType]
        rows.get("test"),
        labels.get("test"),
        class_names=tuple(stored.classes),
        image_shape=(height, width, channels),
        X_val=rows.get("val"),
        y_val=labels.get("val"),
        notes=tuple(stored.notes),
        conventions=Conventions(bits=stored.bits),
    )


# --- decoding into the cache ---------------------------------------------------------------------

Headers = dict[str, decode_image.Header]
BadFiles = dict[str, DataError]


def _decode_all(
    source: Source, key: str, size: tuple[int, ...] | None, bits: int | None, skip_bad: bool
) -> None:
    """Read every header, then decode every image into the cache."""
    title = source.path.name
    with pillow_warnings():
        headers, bad, layout = _survey(source, skip_bad)
        height, width, channels = sizes.common_shape(headers.values(), size)
        bits = image_depth.common_bits(title, source.entries(), headers, bits)
        rows = {name: row for row, name in enumerate(layout.names())}
        decode = partial(
            decode_image.decode, height=height, width=width, channels=channels, bits=bits
        )
        with decoded_cache.writing(key, len(rows), height * width * channels) as file:
            decoded = map_entries(source.entries(), decode, wanted=rows)
            for name, outcome in progress.tracked(decoded, f"decoding {title}", len(rows)):
                if isinstance(outcome, DataError):
                    refuse_unless(skip_bad, source.path, name, outcome)
                    bad[name] = outcome
                elif outcome is not None:
                    file.write(rows[name], outcome)
            counts = _counts(source, layout, file.written)
            file.close_gaps()
    good = [header for name, header in headers.items() if name not in bad]
    shape = (height, width, channels)
    notes = [
        sizes.describe(good, shape),
        *image_depth.notes(good, bits),
        *source.notes,
        *_skipped(bad),
    ]
    files = [name for name, row in rows.items() if file.written[row]]
    stored = decoded_cache.Stored(list(layout.classes), counts, list(shape), notes, bits, files)
    decoded_cache.describe(key, stored, source.path)


def _survey(source: Source, skip_bad: bool) -> tuple[Headers, BadFiles, class_folders.Layout]:
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
    for name in class_folders.arrange(source.path, outcomes, folders).names():
        outcome = outcomes[name]
        if isinstance(outcome, DataError):
            refuse_unless(skip_bad, source.path, name, outcome)
            bad[name] = outcome
        else:
            headers[name] = outcome
    good = [name for name in outcomes if name not in bad]
    try:
        return headers, bad, class_folders.arrange(source.path, good, folders)
    except DataError as error:
        skipped = "".join(f" ({note})" for note in _skipped(bad))
        raise DataError(f"{str(error).rstrip('.')}{skipped}.") from error


def _counts(
    source: Source, layout: class_folders.Layout, written: np.ndarray
) -> dict[str, list[int]]:
    """The number of decoded images of each class in each split that has any."""
    counts: dict[str, list[int]] = {}
    start = 0
    for split, files in layout.splits.items():
        labels = np.array([label for _, label in files])
        decoded = labels[written[start : start + len(labels)]]
        counts[split] = np.bincount(decoded, minlength=len(layout.classes)).tolist()
        start += len(labels)
    if 0 in counts["train"]:
        empty = layout.classes[counts["train"].index(0)]
        raise DataError(
            f"{source.path} has no image of {empty} that can be decoded; replace those files."
        )
    return {split: by_class for split, by_class in counts.items() if any(by_class)}


def _skipped(bad: BadFiles) -> list[str]:
    """A note on the skipped files, if there are any."""
    if not bad:
        return []
    files = "file" if len(bad) == 1 else "files"
    named = [f"{shown(name)} {problem}" for name, problem in islice(bad.items(), NAMED)]
    if len(bad) > NAMED:
        named.append(f"{len(bad) - NAMED:,} more")
    return [f"{len(bad):,} bad {files} skipped: {', '.join(named)}"]


FORMAT = Format(
    "image_folder",
    recognizes,
    read,
    read_features=read_features,
    options=("image_size", "skip_bad", "like"),
    summary="a folder, .tar or .zip of images with one sub-folder a class",
)

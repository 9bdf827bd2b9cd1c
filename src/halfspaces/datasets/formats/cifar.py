"""CIFAR-10 and CIFAR-100, in their binary and python versions: images of 3,072 bytes (1,024 R, 1,024 G, 1,024 B).

A record of the binary version is one label byte (CIFAR-100: the coarse, then the fine) and the image. The python
version is pickled; its files are read by `halfspaces.datasets.formats.pickles`, which runs nothing. They lie in a folder, or
in the archive that the authors offer, which is read in memory.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", https://www.cs.toronto.edu/~kriz/cifar.html
"""

import io
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import archives, compressed
from halfspaces.datasets.formats import pickles
from halfspaces.support import memory
from halfspaces.support.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PIXELS = 3 * 32 * 32
RECORD = 1 + PIXELS  # of CIFAR-10
MOST_RECORDS = 10_000  # in one batch of CIFAR-10: what a compressed file is given room for
EARLY = 8  # members of an archive among which one of CIFAR's files is
WORKERS = 2  # an xz decoder holds its dictionary (8 MiB and more), so few of them


@dataclass(frozen=True)
class Version:
    """How one of the sets names and lays out its files."""

    training: tuple[str, ...]
    test: str
    names: str  # of the file with the names of the classes
    classes: int
    records: int  # in one file at most
    label: str = ""  # its key, pickled; empty in the binary version
    label_bytes: int = 1
    label_at: int = 0  # which of these bytes

    @property
    def record(self) -> int:
        """Bytes of one record of the binary version."""
        return self.label_bytes + PIXELS


BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
VERSIONS = (
    Version(
        tuple(f"{name}.bin" for name in BATCHES),
        "test_batch.bin",
        "batches.meta.txt",
        10,
        MOST_RECORDS,
    ),
    Version(
        ("train.bin",), "test.bin", "fine_label_names.txt", 100, 50_000, label_bytes=2, label_at=1
    ),
    Version(BATCHES, "test_batch", "batches.meta", 10, MOST_RECORDS, label="labels"),
    Version(("train",), "test", "meta", 100, 50_000, label="fine_labels"),
)


FILES = {name for version in VERSIONS for name in (*version.training, version.test)}


class Held(ABC):
    """The files of one set, by their names."""

    path: Path

    @abstractmethod
    def find(self, name: str) -> Path | None:
        """The file of this name, or None."""

    @abstractmethod
    def reading(self, path: Path) -> AbstractContextManager[BinaryIO]:
        """Its content."""

    @abstractmethod
    def room(self, path: Path, version: Version) -> int:
        """Records it has, or may have, of the binary version."""


@dataclass(frozen=True)
class Folder(Held):
    """Files in a folder, each also as .gz or .xz."""

    path: Path

    def find(self, name: str) -> Path | None:
        """The first of NAME, NAME.gz and NAME.xz."""
        return compressed.find(self.path, name)

    def reading(self, path: Path) -> AbstractContextManager[BinaryIO]:
        """Unpacked."""
        return compressed.reading(path)

    def room(self, path: Path, version: Version) -> int:
        """By its size, where that is known."""
        return (
            version.records
            if path.suffix in compressed.UNPACKERS
            else path.stat().st_size // version.record
        )


@dataclass(frozen=True)
class Archive(Held):
    """Files in a tar or zip; those of CIFAR are in memory."""

    path: Path
    contents: dict[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, path: Path) -> "Archive":
        """Read the archive once."""
        wanted = FILES.union(version.names for version in VERSIONS)
        wanted |= {_coarse(version).names for version in VERSIONS if version.classes == 100}
        contents = {}
        with archives.opened(path) as source:
            for entry in source.entries():
                if entry.load is not None and _last(entry.name) in wanted:
                    with entry.load() as stream:
                        contents[_last(entry.name)] = stream.read()
        return cls(path, contents)

    def find(self, name: str) -> Path | None:
        """Where it would lie if the archive were a folder."""
        return self.path / name if name in self.contents else None

    def reading(self, path: Path) -> AbstractContextManager[BinaryIO]:
        """From memory."""
        return nullcontext(io.BytesIO(self.contents[path.name]))

    def room(self, path: Path, version: Version) -> int:
        """By its size."""
        return len(self.contents[path.name]) // version.record


def recognizes(folder: Path) -> bool:
    """Whether the folder has a file named like one of CIFAR's, in whatever version."""
    if any(path.name.startswith(("data_batch_", "test_batch")) for path in folder.iterdir()):
        return True
    has_meta = compressed.find(folder, "meta") is not None
    return any(
        compressed.find(folder, name)
        for name in ("train.bin", "test.bin", *(("train", "test") if has_meta else ()))
    )


def recognizes_archive(path: Path) -> bool:
    """Whether an early member of the archive is named like one of CIFAR's files."""
    if not archives.is_archive(path):
        return False
    try:
        with archives.opened(path) as source:
            early = islice(
                (entry.name for entry in source.entries() if entry.load is not None), EARLY
            )
            return any(_last(name) in FILES for name in early)
    except DataError:  # the reader of images tells
        return False


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def read(path: Path, label: str | None = None) -> Dataset:
    """Read whichever of data_batch_1..5 and test_batch (CIFAR-100: train and test) exist, each also as .gz or .xz.

    They lie in a folder, or in a tar or zip such as cifar-10-python.tar.gz. The binary version, NAME.bin, comes before
    the python version. X is (N, 3072) and uint8, planar as stored; of CIFAR-100's labels the "fine" ones, or the
    "coarse" ones if `label` says so. Raises DataError for missing, cut or damaged files, wrong labels, and pickles with
    anything but plain values and arrays of bytes; no pickle is ever run.
    """
    held: Held = Folder(path) if path.is_dir() else Archive.of(path)
    version, training = _find_version(held)
    version = _labelled(path, version, label)
    test = held.find(version.test)
    X, y, counts = _read_batches(held, [*training, test] if test else training, version)
    N = sum(counts[: len(training)])
    return Dataset(
        name=archives.plain_name(path),
        X=X[:N],
        y=y[:N],
        X_test=X[N:] if test else None,
        y_test=y[N:] if test else None,
        class_names=_read_class_names(held, version),
        image_shape=(32, 32, 3),
        planar=True,
    )


def _find_version(held: Held) -> tuple[Version, list[Path]]:
    for version in VERSIONS:
        training = [path for name in version.training if (path := held.find(name))]
        if training:
            return version, training
    needed = ", ".join(f"{version.training[0]}" for version in VERSIONS)
    kind = "folder" if held.path.is_dir() else "archive"
    raise DataError(
        f"The {kind} {held.path} has none of CIFAR's training files ({needed}; or .gz, .xz); put them into it."
    )


def _labelled(path: Path, version: Version, label: str | None) -> Version:
    """The version with the labels that are asked for."""
    if label is None or (label == "fine" and version.classes == 100):
        return version
    if label == "coarse" and version.classes == 100:
        return _coarse(version)
    known = (
        "fine or coarse, got"
        if version.classes == 100
        else "of CIFAR-100 alone, and this is CIFAR-10; leave out"
    )
    raise DataError(f"{path}: the label is {known} {label!r}.")


def _coarse(version: Version) -> Version:
    """CIFAR-100 in its 20 classes of classes."""
    names = version.names.replace("fine", "coarse")
    return replace(
        version, names=names, classes=20, label=version.label.replace("fine", "coarse"), label_at=0
    )


def _read_batches(
    held: Held, paths: list[Path], version: Version
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Read the files one after the other into one X and one y; return the number of records of each, too."""
    if version.label:
        batches = [_read_pickled(held, path, version) for path in paths]
        X, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        return X, y, [len(labels) for _, labels in batches]
    stops = list(accumulate(held.room(path, version) for path in paths))
    starts = [0, *stops[:-1]]
    X = memory.empty(
        paths[0].parent, (stops[-1], PIXELS), np.uint8
    )  # pages that are never written cost no memory
    y = np.empty(stops[-1], np.int64)
    rooms = [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
    with ThreadPoolExecutor(WORKERS) as pool:
        fill = partial(_read_batch, held, version)
        counts = list(
            pool.map(fill, paths, (X[room] for room in rooms), (y[room] for room in rooms))
        )
    N = 0
    for start, count in zip(starts, counts, strict=True):
        if start > N:  # an earlier file was shorter than its room
            X[N : N + count], y[N : N + count] = X[start : start + count], y[start : start + count]
        N += count
    return X[:N], y[:N], counts


def _read_batch(held: Held, version: Version, path: Path, X: np.ndarray, y: np.ndarray) -> int:
    """Fill the first rows of X and y from one file; return how many."""
    N, record = 0, version.record
    with held.reading(path) as stream:
        while chunk := stream.read(compressed.CHUNK // record * record):
            count, rest = divmod(len(chunk), record)
            if rest:
                end = f"byte {N * record + len(chunk):,}, inside record {N + count:,}"
                raise DataError(
                    f"{path} ends at {end}; records have {record:,} bytes, so get the file again."
                )
            if N + count > len(X):
                raise DataError(
                    f"{path} goes on after byte {len(X) * record:,}; a batch has {len(X):,} records at most."
                )
            records = np.frombuffer(chunk, np.uint8).reshape(count, record)
            y[N : N + count], X[N : N + count] = (
                records[:, version.label_at],
                records[:, version.label_bytes :],
            )
            N += count
    if N == 0:
        raise DataError(f"{path} is empty; get the file again.")
    wrong = np.flatnonzero(y[:N] >= version.classes)
    if wrong.size:
        place = f"label {y[wrong[0]]} at byte {wrong[0] * record + version.label_at:,}"
        raise DataError(f"{path} has {place}; {_known(version)}, so get the file again.")
    return N


def _known(version: Version) -> str:
    of = "CIFAR-100's coarse" if version.classes == 20 else f"CIFAR-{version.classes}'s"
    return f"{of} labels are 0..{version.classes - 1}"


def _read_pickled(held: Held, path: Path, version: Version) -> tuple[np.ndarray, np.ndarray]:
    with held.reading(path) as stream:
        values = pickles.read(path, stream)
    X, labels = values.get("data"), values.get(version.label)
    if not (isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == PIXELS and len(X)):
        raise DataError(f"{path} has no data of shape (N, {PIXELS:,}); get the file again.")
    if not (
        isinstance(labels, list)
        and len(labels) == len(X)
        and all(type(label) is int for label in labels)
    ):
        raise DataError(
            f"{path} has no {version.label}, one whole number an image; get the file again."
        )
    if not 0 <= min(labels) <= max(labels) < version.classes:
        found = f"labels from {min(labels)} to {max(labels)}"
        raise DataError(f"{path} has {found}; {_known(version)}, so get the file again.")
    return X, np.array(labels, np.int64)


def _read_class_names(held: Held, version: Version) -> tuple[str, ...]:
    path = held.find(version.names)
    if path is None:
        return (
            CLASSES if version.classes == len(CLASSES) else tuple(map(str, range(version.classes)))
        )
    with held.reading(path) as stream:
        lines = (
            _pickled_names(path, stream, version)
            if version.label
            else stream.read(compressed.CHUNK).decode(errors="replace").splitlines()
        )
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != version.classes:
        raise DataError(
            f"{path} has {len(names)} class names, not {version.classes}; correct it or remove it."
        )
    return names


def _pickled_names(path: Path, stream: BinaryIO, version: Version) -> list[str]:
    kind = version.label.removesuffix("labels")
    names = pickles.read(path, stream).get(f"{kind}label_names")
    if not isinstance(names, list) or not all(isinstance(name, (str, bytes)) for name in names):
        raise DataError(f"{path} has no names of classes; get the file again or remove it.")
    return [name if isinstance(name, str) else name.decode("latin1") for name in names]

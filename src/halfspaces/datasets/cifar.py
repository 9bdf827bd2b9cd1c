"""CIFAR-10 and CIFAR-100, in their binary and python versions: images of 3,072 bytes (1,024 R, 1,024 G, 1,024 B).

A record of the binary version is one label byte (CIFAR-100: the coarse, then the fine) and the image. The python
version is pickled; its files are read by `halfspaces.datasets.pickled`, which runs nothing.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", https://www.cs.toronto.edu/~kriz/cifar.html
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import numpy as np

from halfspaces.datasets import arrays, files, pickled
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PIXELS = 3 * 32 * 32
RECORD = 1 + PIXELS  # of CIFAR-10
MOST_RECORDS = 10_000  # in one batch of CIFAR-10: what a compressed file is given room for
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

    @property
    def record(self) -> int:
        """Bytes of one record of the binary version."""
        return self.label_bytes + PIXELS


BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
VERSIONS = (
    Version(tuple(f"{name}.bin" for name in BATCHES), "test_batch.bin", "batches.meta.txt", 10, MOST_RECORDS),
    Version(("train.bin",), "test.bin", "fine_label_names.txt", 100, 50_000, label_bytes=2),
    Version(BATCHES, "test_batch", "batches.meta", 10, MOST_RECORDS, label="labels"),
    Version(("train",), "test", "meta", 100, 50_000, label="fine_labels"),
)


def recognizes(folder: Path) -> bool:
    """Whether the folder has a file named like one of CIFAR's, in whatever version."""
    if any(path.name.startswith(("data_batch_", "test_batch")) for path in folder.iterdir()):
        return True
    has_meta = files.find(folder, "meta") is not None
    return any(files.find(folder, name) for name in ("train.bin", "test.bin", *(("train", "test") if has_meta else ())))


def read(folder: Path) -> Dataset:
    """Read whichever of data_batch_1..5 and test_batch (CIFAR-100: train and test) exist, each also as .gz or .xz.

    The binary version, NAME.bin, comes before the python version. X is (N, 3072) and uint8, planar as stored; labels of
    CIFAR-100 are the fine ones. Raises DataError for missing, cut or damaged files, wrong labels, and pickles with
    anything but plain values and arrays of bytes; no pickle is ever run.
    """
    version, training = _find_version(folder)
    test = files.find(folder, version.test)
    X, y, counts = _read_batches([*training, test] if test else training, version)
    N = sum(counts[: len(training)])
    return Dataset(
        name=folder.resolve().name,
        X=X[:N],
        y=y[:N],
        X_test=X[N:] if test else None,
        y_test=y[N:] if test else None,
        class_names=_read_class_names(folder, version),
        image_shape=(32, 32, 3),
        planar=True,
    )


def _find_version(folder: Path) -> tuple[Version, list[Path]]:
    for version in VERSIONS:
        training = [path for name in version.training if (path := files.find(folder, name))]
        if training:
            return version, training
    needed = ", ".join(f"{version.training[0]}" for version in VERSIONS)
    raise DataError(
        f"The folder {folder} has none of CIFAR's training files ({needed}; or .gz, .xz); put them into it."
    )


def _read_batches(paths: list[Path], version: Version) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Read the files one after the other into one X and one y; return the number of records of each, too."""
    if version.label:
        batches = [_read_pickled(path, version) for path in paths]
        X, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        return X, y, [len(labels) for _, labels in batches]
    stops = list(accumulate(_room(path, version) for path in paths))
    starts = [0, *stops[:-1]]
    X = arrays.empty(paths[0].parent, (stops[-1], PIXELS), np.uint8)  # pages that are never written cost no memory
    y = np.empty(stops[-1], np.int64)
    rooms = [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
    with ThreadPoolExecutor(WORKERS) as pool:
        fill = partial(_read_batch, version)
        counts = list(pool.map(fill, paths, (X[room] for room in rooms), (y[room] for room in rooms)))
    N = 0
    for start, count in zip(starts, counts, strict=True):
        if start > N:  # an earlier file was shorter than its room
            X[N : N + count], y[N : N + count] = X[start : start + count], y[start : start + count]
        N += count
    return X[:N], y[:N], counts


def _room(path: Path, version: Version) -> int:
    return version.records if path.suffix in files.UNPACKERS else path.stat().st_size // version.record


def _read_batch(version: Version, path: Path, X: np.ndarray, y: np.ndarray) -> int:
    """Fill the first rows of X and y from one file; return how many."""
    N, record = 0, version.record
    with files.reading(path) as stream:
        while chunk := stream.read(files.CHUNK // record * record):
            count, rest = divmod(len(chunk), record)
            if rest:
                end = f"byte {N * record + len(chunk):,}, inside record {N + count:,}"
                raise DataError(f"{path} ends at {end}; records have {record:,} bytes, so get the file again.")
            if N + count > len(X):
                raise DataError(
                    f"{path} goes on after byte {len(X) * record:,}; a batch has {len(X):,} records at most."
                )
            records = np.frombuffer(chunk, np.uint8).reshape(count, record)
            y[N : N + count], X[N : N + count] = records[:, version.label_bytes - 1], records[:, version.label_bytes :]
            N += count
    if N == 0:
        raise DataError(f"{path} is empty; get the file again.")
    wrong = np.flatnonzero(y[:N] >= version.classes)
    if wrong.size:
        place = f"label {y[wrong[0]]} at byte {wrong[0] * record + version.label_bytes - 1:,}"
        raise DataError(f"{path} has {place}; {_known(version)}, so get the file again.")
    return N


def _known(version: Version) -> str:
    return f"CIFAR-{version.classes}'s labels are 0..{version.classes - 1}"


def _read_pickled(path: Path, version: Version) -> tuple[np.ndarray, np.ndarray]:
    with files.reading(path) as stream:
        held = pickled.read(path, stream)
    X, labels = held.get("data"), held.get(version.label)
    if not (isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == PIXELS and len(X)):
        raise DataError(f"{path} has no data of shape (N, {PIXELS:,}); get the file again.")
    if not (isinstance(labels, list) and len(labels) == len(X) and all(type(label) is int for label in labels)):
        raise DataError(f"{path} has no {version.label}, one whole number an image; get the file again.")
    if not 0 <= min(labels) <= max(labels) < version.classes:
        found = f"labels from {min(labels)} to {max(labels)}"
        raise DataError(f"{path} has {found}; {_known(version)}, so get the file again.")
    return X, np.array(labels, np.int64)


def _read_class_names(folder: Path, version: Version) -> tuple[str, ...]:
    path = folder / version.names
    if not path.is_file():
        return CLASSES if version.classes == len(CLASSES) else tuple(map(str, range(version.classes)))
    with files.reading(path) as stream:
        lines = (
            _pickled_names(path, stream)
            if version.label
            else stream.read(files.CHUNK).decode(errors="replace").splitlines()
        )
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != version.classes:
        raise DataError(f"{path} has {len(names)} class names, not {version.classes}; correct it or remove it.")
    return names


def _pickled_names(path: Path, stream: BinaryIO) -> list[str]:
    held = pickled.read(path, stream)
    names = held.get("fine_label_names", held.get("label_names"))
    if not isinstance(names, list) or not all(isinstance(name, (str, bytes)) for name in names):
        raise DataError(f"{path} has no names of classes; get the file again or remove it.")
    return [name if isinstance(name, str) else name.decode("latin1") for name in names]

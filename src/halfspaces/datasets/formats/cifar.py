"""CIFAR-10 and CIFAR-100, in their binary and python versions, in a folder or their archive.

An image has 3,072 bytes: 1,024 of red, 1,024 of green, 1,024 of blue. A record of the binary
version is one label byte (CIFAR-100: the coarse, then the fine label) and the image. The python
version is pickled; `halfspaces.datasets.formats.pickles` reads its files and runs nothing. Archives
are read in memory.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images",
https://www.cs.toronto.edu/~kriz/cifar.html
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import archives, compressed
from halfspaces.datasets.files.file_set import ArchiveFiles, FileSet, FolderFiles, last_part
from halfspaces.datasets.formats import pickles
from halfspaces.datasets.formats.format import Format
from halfspaces.system import memory
from halfspaces.system.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PIXELS = 3 * 32 * 32
RECORD = 1 + PIXELS  # bytes of CIFAR-10
FIRST_MEMBERS = 8  # of an archive, among which one of CIFAR's files is
WORKERS = 2  # few: an xz decoder holds its dictionary, 8 MiB and more


@dataclass(frozen=True)
class Version:
    """The names and the layout of the files of one version."""

    training: tuple[str, ...]
    test: str
    names: str  # the file with the names of the classes
    classes: int
    records: int  # in one file at most
    label_key: str = ""  # in the dictionary of a pickle; empty in the binary version
    label_bytes: int = 1
    label_index: int = 0  # among these bytes

    @property
    def record(self) -> int:
        """Bytes of one record of the binary version."""
        return self.label_bytes + PIXELS

    def coarse(self) -> "Version":
        """CIFAR-100 with its 20 coarse classes."""
        return replace(
            self,
            names=self.names.replace("fine", "coarse"),
            classes=20,
            label_key=self.label_key.replace("fine", "coarse"),
            label_index=0,
        )


BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
CIFAR10 = Version(
    training=tuple(f"{name}.bin" for name in BATCHES),
    test="test_batch.bin",
    names="batches.meta.txt",
    classes=10,
    records=10_000,
)
CIFAR100 = Version(
    training=("train.bin",),
    test="test.bin",
    names="fine_label_names.txt",
    classes=100,
    records=50_000,
    label_bytes=2,
    label_index=1,
)
VERSIONS = (
    CIFAR10,
    CIFAR100,
    replace(CIFAR10, training=BATCHES, test="test_batch", names="batches.meta", label_key="labels"),
    replace(CIFAR100, training=("train",), test="test", names="meta", label_key="fine_labels"),
)
DATA_FILES = {name for version in VERSIONS for name in (*version.training, version.test)}
NAME_FILES = {version.names for version in VERSIONS} | {CIFAR100.coarse().names}


def recognizes(path: Path) -> bool:
    """Whether it is a folder, or an archive, with a file named like one of CIFAR's."""
    if path.is_dir():
        return _recognizes_folder(path)
    if not archives.is_archive(path):
        return False
    try:
        with archives.opened(path) as source:
            files = (entry.name for entry in source.entries() if entry.load is not None)
            return any(last_part(name) in DATA_FILES for name in islice(files, FIRST_MEMBERS))
    except DataError:  # raised again by the reader of images
        return False


def _recognizes_folder(folder: Path) -> bool:
    if any(path.name.startswith(("data_batch_", "test_batch")) for path in folder.iterdir()):
        return True
    names = ["train.bin", "test.bin"]
    if compressed.find(folder, "meta") is not None:
        names += ["train", "test"]
    return compressed.find(folder, *names) is not None


def read(path: Path, label: str | None = None) -> Dataset:
    """Read the files that exist of data_batch_1..5 and test_batch (CIFAR-100: train and test).

    They lie in a folder, each also as .gz or .xz, or in a tar or zip such as
    cifar-10-python.tar.gz. The binary version, NAME.bin, is preferred to the python version. X is
    (N, 3072), uint8, planar. `label` selects CIFAR-100's "fine" labels (default) or the "coarse"
    ones. Raises DataError for missing, cut or damaged files, wrong labels, and pickles with
    anything but plain values and arrays of bytes; no pickle is ever run.
    """
    if path.is_dir():
        files: FileSet = FolderFiles(path)
    else:
        files = ArchiveFiles.read(path, DATA_FILES | NAME_FILES)
    version, training = _find_version(files)
    version = _with_labels(path, version, label)
    test = files.find(version.test)
    X, y, counts = _read_batches(files, [*training, test] if test else training, version)
    N = sum(counts[: len(training)])
    return Dataset(
        name=archives.plain_name(path),
        X=X[:N],
        y=y[:N],
        X_test=X[N:] if test else None,
        y_test=y[N:] if test else None,
        class_names=_read_class_names(files, version),
        image_shape=(32, 32, 3),
        planar=True,
    )


def _find_version(files: FileSet) -> tuple[Version, list[Path]]:
    """The version and its training files."""
    for version in VERSIONS:
        training = [path for name in version.training if (path := files.find(name))]
        if training:
            return version, training
    needed = ", ".join(version.training[0] for version in VERSIONS)
    kind = "folder" if files.path.is_dir() else "archive"
    raise DataError(
        f"The {kind} {files.path} has none of CIFAR's training files ({needed}; or .gz, .xz);"
        " put them into it."
    )


def _with_labels(path: Path, version: Version, label: str | None) -> Version:
    """The version with the labels that are asked for."""
    if label is None:
        return version
    if version.classes != 100:
        raise DataError(
            f"{path}: the label is of CIFAR-100 alone, and this is CIFAR-10; leave out {label!r}."
        )
    if label not in ("fine", "coarse"):
        raise DataError(f"{path}: the label is fine or coarse, got {label!r}.")
    return version.coarse() if label == "coarse" else version


# --- images and labels ---------------------------------------------------------------------------


def _read_batches(
    files: FileSet, paths: list[Path], version: Version
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Read all files into one X and one y; also return the number of records of each file."""
    if version.label_key:
        batches = [_read_pickled(files, path, version) for path in paths]
        X = np.concatenate([images for images, _ in batches])
        y = np.concatenate([labels for _, labels in batches])
        return X, y, [len(labels) for _, labels in batches]
    stops = list(accumulate(_most_records(files, path, version) for path in paths))
    starts = [0, *stops[:-1]]
    X = memory.empty(paths[0].parent, (stops[-1], PIXELS), np.uint8)  # unwritten pages are free
    y = np.empty(stops[-1], np.int64)
    rooms = [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
    fill = partial(_read_batch, files, version)
    with ThreadPoolExecutor(WORKERS) as pool:
        filled = pool.map(fill, paths, (X[room] for room in rooms), (y[room] for room in rooms))
        counts = list(filled)
    N = 0
    for start, count in zip(starts, counts, strict=True):
        if start > N:  # an earlier file was shorter than its room
            X[N : N + count] = X[start : start + count]
            y[N : N + count] = y[start : start + count]
        N += count
    return X[:N], y[:N], counts


def _most_records(files: FileSet, path: Path, version: Version) -> int:
    """The number of records of a file, or the largest possible one if its size is unknown."""
    size = files.size(path)
    return version.records if size is None else size // version.record


def _read_batch(files: FileSet, version: Version, path: Path, X: np.ndarray, y: np.ndarray) -> int:
    """Fill the first rows of X and y from one file; return their number."""
    N = 0
    record = version.record
    with files.reading(path) as stream:
        while chunk := stream.read(compressed.CHUNK // record * record):
            count, rest = divmod(len(chunk), record)
            if rest:
                end = f"byte {N * record + len(chunk):,}, inside record {N + count:,}"
                raise DataError(
                    f"{path} ends at {end}; records have {record:,} bytes, so get the file again."
                )
            if N + count > len(X):
                raise DataError(
                    f"{path} goes on after byte {len(X) * record:,};"
                    f" a batch has {len(X):,} records at most."
                )
            records = np.frombuffer(chunk, np.uint8).reshape(count, record)
            y[N : N + count] = records[:, version.label_index]
            X[N : N + count] = records[:, version.label_bytes :]
            N += count
    if N == 0:
        raise DataError(f"{path} is empty; get the file again.")
    wrong = np.flatnonzero(y[:N] >= version.classes)
    if wrong.size:
        place = f"label {y[wrong[0]]} at byte {wrong[0] * record + version.label_index:,}"
        raise DataError(f"{path} has {place}; {_label_range(version)}, so get the file again.")
    return N


def _label_range(version: Version) -> str:
    of = "CIFAR-100's coarse" if version.classes == 20 else f"CIFAR-{version.classes}'s"
    return f"{of} labels are 0..{version.classes - 1}"


def _read_pickled(files: FileSet, path: Path, version: Version) -> tuple[np.ndarray, np.ndarray]:
    with files.reading(path) as stream:
        values = pickles.read(path, stream)
    X = values.get("data")
    labels = values.get(version.label_key)
    if not (isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == PIXELS and len(X)):
        raise DataError(f"{path} has no data of shape (N, {PIXELS:,}); get the file again.")
    is_complete = isinstance(labels, list) and len(labels) == len(X)
    if not is_complete or not all(type(label) is int for label in labels):
        raise DataError(
            f"{path} has no {version.label_key}, one whole number an image; get the file again."
        )
    if not 0 <= min(labels) <= max(labels) < version.classes:
        found = f"labels from {min(labels)} to {max(labels)}"
        raise DataError(f"{path} has {found}; {_label_range(version)}, so get the file again.")
    return X, np.array(labels, np.int64)


# --- names of classes ----------------------------------------------------------------------------


def _read_class_names(files: FileSet, version: Version) -> tuple[str, ...]:
    """The names in the file for them; without it CIFAR-10's known names, or numbers."""
    path = files.find(version.names)
    if path is None:
        if version.classes == len(CLASSES):
            return CLASSES
        return tuple(map(str, range(version.classes)))
    with files.reading(path) as stream:
        if version.label_key:
            lines = _pickled_names(path, stream, version)
        else:
            lines = stream.read(compressed.CHUNK).decode(errors="replace").splitlines()
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != version.classes:
        raise DataError(
            f"{path} has {len(names)} class names, not {version.classes}; correct it or remove it."
        )
    return names


def _pickled_names(path: Path, stream: BinaryIO, version: Version) -> list[str]:
    kind = version.label_key.removesuffix("labels")
    names = pickles.read(path, stream).get(f"{kind}label_names")
    if not isinstance(names, list) or not all(isinstance(name, (str, bytes)) for name in names):
        raise DataError(f"{path} has no names of classes; get the file again or remove it.")
    return [name if isinstance(name, str) else name.decode("latin1") for name in names]


FORMAT = Format(
    "cifar",
    recognizes,
    read,
    options=("label",),
    summary="a folder with CIFAR-10's data_batch_1.bin",
)

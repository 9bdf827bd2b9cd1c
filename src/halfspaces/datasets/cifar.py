"""CIFAR-10 in its binary version: records of one label byte and 3,072 pixel bytes (1,024 R, 1,024 G, 1,024 B).

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", https://www.cs.toronto.edu/~kriz/cifar.html
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import numpy as np

from halfspaces.datasets import files
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAINING = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = "test_batch.bin"
PIXELS = 3 * 32 * 32
RECORD = 1 + PIXELS
MOST_RECORDS = 10_000  # in one upstream batch: what a compressed file is given room for
WORKERS = 2  # an xz decoder holds its dictionary (8 MiB and more), so few of them


def recognizes(folder: Path) -> bool:
    """Whether the folder has a file named like one of CIFAR-10's, in whatever version."""
    return any(path.name.startswith(("data_batch_", "test_batch")) for path in folder.iterdir())


def read(folder: Path) -> Dataset:
    """Read whichever of data_batch_1..5.bin and test_batch.bin exist, each also as .gz or .xz.

    X is (N, 3072) and uint8, planar as stored. Raises DataError for missing, cut or damaged files and wrong labels.
    """
    training = [path for name in TRAINING if (path := files.find(folder, name))]
    if not training:
        raise DataError(
            f"The folder {folder} has none of {TRAINING[0]} ... {TRAINING[-1]} (or .gz, .xz);"
            " get CIFAR-10's binary version, as the pickled one is never read."
        )
    test = files.find(folder, TEST)
    X, y, counts = _read_batches([*training, test] if test else training)
    N = sum(counts[: len(training)])
    return Dataset(
        name=folder.resolve().name,
        X=X[:N],
        y=y[:N],
        X_test=X[N:] if test else None,
        y_test=y[N:] if test else None,
        class_names=_read_class_names(folder),
        image_shape=(32, 32, 3),
        planar=True,
    )


def _read_batches(paths: list[Path]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Read the files one after the other into one X and one y; return the number of records of each, too."""
    stops = list(accumulate(map(_room, paths)))
    starts = [0, *stops[:-1]]
    X = np.empty((stops[-1], PIXELS), np.uint8)  # pages that are never written cost no memory
    y = np.empty(stops[-1], np.int64)
    rooms = [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
    with ThreadPoolExecutor(WORKERS) as pool:
        counts = list(pool.map(_read_batch, paths, (X[room] for room in rooms), (y[room] for room in rooms)))
    N = 0
    for start, count in zip(starts, counts, strict=True):
        if start > N:  # an earlier file was shorter than its room
            X[N : N + count], y[N : N + count] = X[start : start + count], y[start : start + count]
        N += count
    return X[:N], y[:N], counts


def _room(path: Path) -> int:
    return MOST_RECORDS if path.suffix in files.UNPACKERS else path.stat().st_size // RECORD


def _read_batch(path: Path, X: np.ndarray, y: np.ndarray) -> int:
    """Fill the first rows of X and y from one file; return how many."""
    N = 0
    with files.reading(path) as stream:
        while chunk := stream.read(files.CHUNK // RECORD * RECORD):
            count, rest = divmod(len(chunk), RECORD)
            if rest:
                end = f"byte {N * RECORD + len(chunk):,}, inside record {N + count:,}"
                raise DataError(f"{path} ends at {end}; records have {RECORD:,} bytes, so get the file again.")
            if N + count > len(X):
                raise DataError(
                    f"{path} goes on after byte {len(X) * RECORD:,}; a batch has {len(X):,} records at most."
                )
            records = np.frombuffer(chunk, np.uint8).reshape(count, RECORD)
            y[N : N + count], X[N : N + count] = records[:, 0], records[:, 1:]
            N += count
    if N == 0:
        raise DataError(f"{path} is empty; get the file again.")
    wrong = np.flatnonzero(y[:N] >= len(CLASSES))
    if wrong.size:
        place = f"label {y[wrong[0]]} at byte {wrong[0] * RECORD:,}"
        raise DataError(f"{path} has {place}; CIFAR-10's labels are 0..9, so get the file again.")
    return N


def _read_class_names(folder: Path) -> tuple[str, ...]:
    path = folder / "batches.meta.txt"
    if not path.is_file():
        return CLASSES
    with files.reading(path) as stream:
        lines = stream.read(files.CHUNK).decode(errors="replace").splitlines()
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != len(CLASSES):
        raise DataError(f"{path} has {len(names)} class names, not {len(CLASSES)}; correct it or remove it.")
    return names

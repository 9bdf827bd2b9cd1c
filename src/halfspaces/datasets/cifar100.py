"""CIFAR-100 in its binary version: records of a coarse label, a fine label and 3,072 pixel bytes, plane after plane.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", https://www.cs.toronto.edu/~kriz/cifar.html
"""

from pathlib import Path

import numpy as np

from halfspaces.datasets import arrays, files
from halfspaces.datasets.cifar import PIXELS
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.errors import DataError

TRAINING, TEST, NAMES = "train.bin", "test.bin", "fine_label_names.txt"
RECORD = 2 + PIXELS
CLASSES = 100


def recognizes(folder: Path) -> bool:
    """Whether the folder has CIFAR-100's training or test records."""
    return any((folder / name).is_file() for name in (TRAINING, TEST))


def read(folder: Path) -> Dataset:
    """Read train.bin and, where it is, test.bin; y holds the fine labels.

    X is (N, 3072) and uint8, planar as stored. Raises DataError for missing or cut files and wrong labels.
    """
    if not (folder / TRAINING).is_file():
        raise DataError(f"The folder {folder} has {TEST} but no {TRAINING}; put it beside.")
    X, y = _read(folder / TRAINING)
    X_test, y_test = _read(folder / TEST) if (folder / TEST).is_file() else (None, None)
    names = _class_names(folder / NAMES)
    return Dataset(folder.resolve().name, X, y, X_test, y_test, names, (32, 32, 3), planar=True)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    count, rest = divmod(path.stat().st_size, RECORD)
    if rest or not count:
        raise DataError(f"{path} ends {rest:,} bytes into record {count:,}; records have {RECORD:,} bytes.")
    records = np.memmap(path, np.uint8, "r").reshape(count, RECORD)
    if np.any(records[:, 1] >= CLASSES):
        raise DataError(f"{path} has labels of {CLASSES} or more; get the file again.")
    X = arrays.empty(path, (count, PIXELS), records.dtype)
    X[:] = records[:, 2:]
    return X, records[:, 1].astype(np.int64)


def _class_names(path: Path) -> tuple[str, ...] | None:
    if not path.is_file():
        return None
    with files.reading(path) as stream:
        names = tuple(stream.read(files.CHUNK).decode(errors="replace").split())
    if len(names) != CLASSES:
        raise DataError(f"{path} has {len(names)} class names, not {CLASSES}; correct it or remove it.")
    return names

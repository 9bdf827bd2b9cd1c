"""EMNIST's .csv files, without a header: a label, then the pixels of a transposed image.

    emnist-balanced-train.csv, emnist-balanced-test.csv, emnist-balanced-mapping.txt

https://www.kaggle.com/datasets/crawford/emnist
"""

import math
import re
from pathlib import Path

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats import csv, emnist, table_labels, table_values
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.table_columns import Columns
from halfspaces.datasets.optional import PYARROW
from halfspaces.system.errors import DataError, listed

FILE = re.compile(rf"(emnist-(?:{'|'.join(emnist.SETS)}))-(train|test)\.csv(\.gz|\.xz)?")


def recognizes(path: Path) -> bool:
    """Whether it is one of the files, or a folder with training images."""
    return bool(_sets(path)) if path.is_dir() else FILE.fullmatch(path.name) is not None


def read(path: Path) -> Dataset:
    """Read emnist-SET-train.csv and the test images beside it; X is (N, 784), upright.

    `path` is their folder, or a file; that of the test images is read alone. With
    emnist-SET-mapping.txt beside them the labels are the places of its lines, and the characters
    name the classes. Raises DataError for rows that are no images, and for a folder of several
    sets.
    """
    file = _training_file(path) if path.is_dir() else path
    match = FILE.fullmatch(file.name)
    assert match is not None
    name, split, _ = match.groups()
    images, y = _rows(file)
    test = compressed.find(file.parent, f"{name}-test.csv") if split == "train" else None
    test_images, y_test = _rows(test) if test is not None else (None, None)
    mapping = emnist.mapping(file.parent / f"{name}-mapping.txt")
    if mapping:
        y = emnist.places(file.parent, y, mapping)
        y_test = None if y_test is None else emnist.places(file.parent, y_test, mapping)
    return Dataset(
        name=name if split == "train" else f"{name}-test",
        X=emnist.upright(images),
        y=y,
        X_test=None if test_images is None else emnist.upright(test_images),
        y_test=y_test,
        class_names=tuple(mapping[label] for label in sorted(mapping)) or None,
        image_shape=(*images.shape[1:], 1),
        notes=(f"{file.name} has a label and the pixels of an image a row", emnist.UPRIGHT),
    )


def _sets(folder: Path) -> list[str]:
    """The sets whose training images are in the folder."""
    names = [f"emnist-{name}" for name in emnist.SETS]
    return [name for name in names if compressed.find(folder, f"{name}-train.csv")]


def _training_file(folder: Path) -> Path:
    """The one in the folder; DataError for several."""
    names = _sets(folder)
    files = [compressed.find(folder, f"{name}-train.csv") for name in names]
    first = files[0]
    assert first is not None
    if len(names) > 1:
        raise DataError(
            f"{folder} holds the sets {listed(names, len(emnist.SETS))}; give the file of one,"
            f" such as {first}."
        )
    return first


def _rows(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The images (N, side, side) as they are stored, and the labels (N,)."""
    shard = csv.open_shard(path)
    label, *pixels = shard.schema.names
    side = math.isqrt(len(pixels))
    if side**2 != len(pixels):
        raise DataError(
            f"{path} has {1 + len(pixels)} columns, and EMNIST's 785, a label and 28 x 28 pixels;"
            " get the file again, or give another file another name."
        )
    columns = Columns(tuple(pixels), label, are_lists=False, left_out={}, key=None)
    X = table_values.features([shard], columns)
    return X.reshape(-1, side, side), table_labels.labels([shard], label)


FORMAT = Format(
    "emnist_csv", recognizes, read, needs=(PYARROW,), summary="a folder with EMNIST's .csv files"
)

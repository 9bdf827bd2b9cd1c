"""Arrays in .npy files of one folder: X.npy and y.npy, mapped from disk. Pickles are never read."""

import tokenize
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import compressed
from halfspaces.datasets.files.folder import name_of
from halfspaces.datasets.formats.file_pairs import SUFFIXES, FilePairs
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.from_arrays import (
    Layout,
    label_notes,
    rows_to_predict,
    type_notes,
    usable,
)
from halfspaces.system.errors import DataError

DAMAGE = (
    ValueError,
    TypeError,
    EOFError,
    OSError,
    OverflowError,
    SyntaxError,
    tokenize.TokenError,
    RecursionError,
)
FILES = FilePairs(".npy", "np.save('X.npy', X)")


def recognizes(path: Path) -> bool:
    """Whether it is an .npy file, or a folder with an .npy file named like features or labels."""
    if path.is_dir():
        return any(named_arrays.find_pair(FILES.stems(path), "train"))
    return path.suffix == ".npy"


def read(path: Path) -> Dataset:
    """Read X.npy and y.npy of a folder, and X_test, y_test, X_val and y_val if they exist.

    X may be called features, embeddings, images or data, and y labels, label, targets or class;
    X_train, train_X and so on are found, too. `path` may also be the file of the features: if it is
    alone with its labels, its name does not matter. X is mapped from disk, read-only.

    Raises DataError for missing or damaged files, Python objects and shapes that do not fit.
    """
    folder = path if path.is_dir() else path.parent
    rows: dict[str, np.ndarray] = {}
    labels: list[np.ndarray] = []
    mapped: list[np.ndarray] = []
    fields: dict[str, Any] = {}
    for split, files in FILES.splits(path).items():
        X = f"X{SUFFIXES[split]}"
        mapped.append(open_mapped(files.X))
        rows[X] = usable(files.X, mapped[-1])
        fields[X] = named_arrays.flatten(files.X, "an array", _in_order(files.X, rows[X]))
        y = files.labels
        labels.append(open_mapped(y))
        classes = named_arrays.labels(y, "an array", labels[-1])
        fields[f"y{SUFFIXES[split]}"] = np.array(classes)
    layout = Layout.of(folder, rows)
    others = FILES.unread_note(path)
    notes = (*type_notes(mapped), *label_notes(labels), *layout.notes, *others)
    return Dataset(name_of(folder), notes=notes, **layout.fields, **fields)


def read_features(path: Path) -> RowsToPredict:
    """Read rows or images from an .npy file, or those of a folder's X_test.npy, else X.npy."""
    path = FILES.rows_to_predict(path)
    return rows_to_predict(path, "an array", _in_order(path, open_mapped(path)))


def open_mapped(path: Path) -> np.ndarray:
    """The array of an .npy file, memory-mapped, read-only."""
    with compressed.decoding(path, ".npy", *DAMAGE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers that Python 2 wrote
        return np.lib.format.open_memmap(path, mode="r")


def _in_order(path: Path, X: np.ndarray) -> np.ndarray:
    """X; DataError for images whose rows would have to be copied to be flattened."""
    if X.ndim > 2 and not X.flags.c_contiguous:
        raise DataError(
            f"{path} has an array in Fortran's order;"
            " save it with np.save(path, np.ascontiguousarray(X))."
        )
    return X


FORMAT = Format(
    "npy",
    recognizes,
    read,
    read_features=read_features,
    summary="X.npy and y.npy",
)

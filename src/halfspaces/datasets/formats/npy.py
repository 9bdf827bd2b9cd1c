"""Arrays in .npy files of one folder: X.npy and y.npy, mapped from disk. Pickles are never read."""

import tokenize
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import compressed
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
SUFFIXES = {"train": "", "test": "_test", "validation": "_val"}  # of names of a Dataset's fields


class _Split(NamedTuple):
    """The files of one split."""

    X: Path
    y: Path | None


def recognizes(path: Path) -> bool:
    """Whether it is an .npy file, or a folder with an .npy file named like features or labels."""
    if path.is_dir():
        return any(named_arrays.find_pair(_stems(path), "train"))
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
    for split, files in _splits(path, folder).items():
        X = f"X{SUFFIXES[split]}"
        mapped.append(open_mapped(files.X))
        rows[X] = usable(files.X, mapped[-1])
        fields[X] = named_arrays.flatten(files.X, "an array", _in_order(files.X, rows[X]))
        y = _labels_of(files)
        labels.append(open_mapped(y))
        classes = named_arrays.labels(y, "an array", labels[-1])
        fields[f"y{SUFFIXES[split]}"] = np.array(classes)
    layout = Layout.of(folder, rows)
    notes = (*type_notes(mapped), *label_notes(labels), *layout.notes)
    return Dataset(folder.resolve().name, notes=notes, **layout.fields, **fields)


def read_features(path: Path) -> RowsToPredict:
    """Read rows or images from an .npy file, or those of a folder's X_test.npy, else X.npy."""
    if path.is_dir():
        split = _split(path, "test") or _split(path, "train")
        if split is None:
            raise DataError(
                f"The folder {path} has no X.npy; save the features with np.save('X.npy', X)."
            )
        path = split.X
    return rows_to_predict(path, "an array", _in_order(path, open_mapped(path)))


def open_mapped(path: Path) -> np.ndarray:
    """The array of an .npy file, memory-mapped, read-only."""
    with compressed.decoding(path, ".npy", *DAMAGE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers that Python 2 wrote
        return np.lib.format.open_memmap(path, mode="r")


def _splits(path: Path, folder: Path) -> dict[str, _Split]:
    """The files by split; the training split always exists."""
    found = {split: files for split in SUFFIXES if (files := _split(folder, split))}
    if path != folder and path not in [files.X for files in found.values()]:
        train = found.get("train")
        y = train.y if train and train.y != path else _only_labels(folder)
        return {"train": _Split(path, y)}
    if "train" not in found and "test" in found:
        found["train"] = found.pop("test")
    if "train" not in found:
        raise DataError(
            f"The folder {folder} has labels but no X.npy;"
            " save the features with np.save('X.npy', X)."
        )
    return {split: found[split] for split in SUFFIXES if split in found}


def _split(folder: Path, split: str) -> _Split | None:
    X, y = named_arrays.find_pair(_stems(folder), split)
    if X is None:
        return None
    return _Split(folder / f"{X}.npy", None if y is None else folder / f"{y}.npy")


def _stems(folder: Path) -> list[str]:
    return [path.stem for path in sorted(folder.glob("*.npy")) if path.is_file()]


def _only_labels(folder: Path) -> Path | None:
    y = named_arrays.find_pair(_stems(folder), "train").y
    return None if y is None else folder / f"{y}.npy"


def _in_order(path: Path, X: np.ndarray) -> np.ndarray:
    """X; DataError for images whose rows would have to be copied to be flattened."""
    if X.ndim > 2 and not X.flags.c_contiguous:
        raise DataError(
            f"{path} has an array in Fortran's order;"
            " save it with np.save(path, np.ascontiguousarray(X))."
        )
    return X


def _labels_of(split: _Split) -> Path:
    """The file of the labels; DataError if there is none."""
    if split.y is None:
        name = _name_of_labels(split.X.stem)
        raise DataError(
            f"{split.X} has no labels beside it; save them as {split.X.with_name(name)}."
        )
    return split.y


def _name_of_labels(stem: str) -> str:
    """The name of the file of labels that belongs to a file of features.

    >>> _name_of_labels("X_test"), _name_of_labels("val_embeddings"), _name_of_labels("embeddings")
    ('y_test.npy', 'y_val.npy', 'y.npy')
    """
    split = next((split for split in ("test", "train", "val") if split in stem.lower()), None)
    return "y.npy" if split is None else f"y_{split}.npy"


FORMAT = Format(
    "npy",
    recognizes,
    read,
    read_features=read_features,
    summary="X.npy and y.npy",
)

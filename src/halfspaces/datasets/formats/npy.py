"""A user's own arrays as .npy files in one folder: X.npy and y.npy, used from disk. Pickles are never read."""

import tokenize
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.support.errors import DataError

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


class _Files(NamedTuple):
    X: Path
    y: Path | None


def recognizes(path: Path) -> bool:
    """Whether the file is named so."""
    return path.suffix == ".npy"


def recognizes_folder(folder: Path) -> bool:
    """Whether the folder has an .npy file named like features or labels."""
    return any(named_arrays.pair(_stems(folder), "train"))


def read(path: Path) -> Dataset:
    """Read a folder's X.npy and y.npy, and X_test, y_test, X_val and y_val where they are; or those beside a given X.

    X may be called features, embeddings, images or data, y labels, label, targets or class; X_train, train_X and so on
    are known as well. X stays on disk, mapped into memory read-only, whatever its size. A given file of features need
    not have one of these names when it is alone with its labels. Raises DataError for missing or damaged files, Python
    objects and shapes that do not fit.
    """
    folder = path if path.is_dir() else path.parent
    train, test, validation = (_split(folder, split) for split in ("train", "test", "validation"))
    if path != folder and path not in [split.X for split in (train, test, validation) if split]:
        train, test, validation = (
            _Files(path, train.y if train and train.y != path else _only_labels(folder)),
            None,
            None,
        )
    if train is None and test is not None:
        train, test = test, None
    if train is None:
        raise DataError(
            f"The folder {folder} has labels but no X.npy; save the features with np.save('X.npy', X)."
        )
    given = {
        suffix: split
        for suffix, split in {"": train, "_test": test, "_val": validation}.items()
        if split
    }
    mapped = {f"X{suffix}": open_mapped(split.X) for suffix, split in given.items()}
    read: dict[str, Any] = {
        f"X{suffix}": _rows(split.X, mapped[f"X{suffix}"]) for suffix, split in given.items()
    }
    read |= {f"y{suffix}": _labels(split) for suffix, split in given.items()}
    return Dataset(
        name=folder.resolve().name, image_shape=named_arrays.image_shape(folder, mapped), **read
    )


def read_features(path: Path) -> np.ndarray:
    """Read rows alone, (N, D), from an .npy file; of a folder those for testing where there are any."""
    if path.is_dir():
        split = _split(path, "test") or _split(path, "train")
        if split is None:
            raise DataError(
                f"The folder {path} has no X.npy; save the features with np.save('X.npy', X)."
            )
        path = split.X
    return _rows(path, open_mapped(path))


def open_mapped(path: Path) -> np.ndarray:
    """The array of an .npy file, mapped into memory read-only."""
    with compressed.decoding(path, ".npy", *DAMAGE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers that Python 2 wrote
        return np.lib.format.open_memmap(path, mode="r")


def _stems(folder: Path) -> list[str]:
    return [path.stem for path in sorted(folder.glob("*.npy")) if path.is_file()]


def _split(folder: Path, split: str) -> _Files | None:
    X, y = named_arrays.pair(_stems(folder), split)
    if X is None:
        return None
    return _Files(folder / f"{X}.npy", None if y is None else folder / f"{y}.npy")


def _only_labels(folder: Path) -> Path | None:
    y = named_arrays.pair(_stems(folder), "train").y
    return None if y is None else folder / f"{y}.npy"


def _rows(path: Path, X: np.ndarray) -> np.ndarray:
    if X.ndim > 2 and not X.flags.c_contiguous:
        raise DataError(
            f"{path} has an array in Fortran's order; save it with np.save(path, np.ascontiguousarray(X))."
        )
    return named_arrays.flatten(path, "an array", X)


def _labels(given: _Files) -> np.ndarray:
    if given.y is None:
        name = _beside(given.X.stem)
        raise DataError(
            f"{given.X} has no labels beside it; save them as {given.X.with_name(name)}."
        )
    return np.array(named_arrays.labels(given.y, "an array", open_mapped(given.y)))


def _beside(stem: str) -> str:
    """What the labels of such features are called.

    >>> _beside("X_test"), _beside("val_embeddings"), _beside("embeddings")
    ('y_test.npy', 'y_val.npy', 'y.npy')
    """
    split = next((split for split in ("test", "train", "val") if split in stem.lower()), None)
    return "y.npy" if split is None else f"y_{split}.npy"

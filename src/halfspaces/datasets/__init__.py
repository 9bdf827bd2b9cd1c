"""Labelled data sets, read from files as they are or opened by name.

>>> from halfspaces import datasets
>>> digits = datasets.open("digits")
>>> digits.X.shape, digits.X.dtype, digits.image_shape
((1437, 64), dtype('uint8'), (8, 8, 1))
"""

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from halfspaces.datasets import cifar, digits, idx, npz, svmlight
from halfspaces.datasets.dataset import Dataset, Features
from halfspaces.datasets.errors import DataError

__all__ = ["BUILT_IN", "DataError", "Dataset", "open", "open_features"]

BUILT_IN: dict[str, Callable[[], Dataset]] = {"digits": digits.read}
Readers = tuple[tuple[Callable[[Path], bool], Callable[[Path], Dataset]], ...]  # (recognizes, read), first come
FOLDERS: Readers = (
    (cifar.recognizes, cifar.read),
    (idx.recognizes, idx.read),
)
FILES: Readers = (
    (npz.recognizes, npz.read),
    (svmlight.recognizes, svmlight.read),  # looks into the file, so the last
)
READABLE = (
    "a folder with CIFAR-10's data_batch_1.bin or MNIST's train-images-idx3-ubyte, an .npz file with X and y, "
    "or svmlight text"
)


def open(path_or_name: str | os.PathLike[str]) -> Dataset:
    """Open a built-in data set by its name, or a folder or file by its path.

    Built-in is "digits"; "./digits" is a path. Folders hold CIFAR-10 in its binary version, or the idx files of MNIST
    or Fashion-MNIST, plain or as .gz or .xz; a file is an .npz with X and y, or svmlight (libsvm) text, whose X is
    sparse and whose test rows lie beside it as NAME.t.

    Raises DataError, one sentence, for an unknown name, a missing path and data that are cut, damaged or do not fit.

    >>> print(open("digits"))
    digits: 1,437 examples + 360 for testing, 64 features (8 x 8 x 1, uint8), 10 classes
    >>> open("digit")
    Traceback (most recent call last):
    halfspaces.datasets.errors.DataError: There is no data set 'digit' (did you mean 'digits'?); give a built-in name...
    """
    if isinstance(path_or_name, str) and path_or_name in BUILT_IN:
        return BUILT_IN[path_or_name]()
    path = Path(os.path.expanduser(path_or_name))
    if os.path.isdir(path):
        return _open_folder(path)
    if os.path.isfile(path):
        return _open_file(path)
    raise DataError(_unknown(os.fspath(path_or_name), path))


def open_features(path_or_name: str | os.PathLike[str]) -> Features:
    """Rows to predict, X (N, D): from an .npy, an .npz (X_test before X), or the test rows of any other data set.

    Raises DataError as `open` does.

    >>> open_features("digits").shape
    (360, 64)
    """
    path = Path(os.path.expanduser(path_or_name))
    if path.suffix in (".npy", ".npz") and path.is_file():
        return npz.read_features(path)
    dataset = open(path_or_name)
    return dataset.X if dataset.X_test is None else dataset.X_test


def _open_folder(folder: Path) -> Dataset:
    try:
        held = sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read: {error.strerror}.") from error
    for recognizes, read in FOLDERS:
        if recognizes(folder):
            return read(folder)
    listed = ", ".join(held[:3]) + (f" and {len(held) - 3:,} more" if len(held) > 3 else "") or "nothing"
    raise DataError(f"The folder {folder} holds {listed}; needed is {READABLE}.")


def _open_file(path: Path) -> Dataset:
    for recognizes, read in FILES:
        if recognizes(path):
            return read(path)
    raise DataError(f"The file {path} is no data set; give {READABLE}.")


def _unknown(given: str, path: Path) -> str:
    """Name what is nearest to what was given: a built-in name, or else what lies where the path points."""
    near = difflib.get_close_matches(given, BUILT_IN, n=1)
    if not near and os.path.isdir(path.parent) and os.access(path.parent, os.R_OK):
        near = [str(path.parent / name) for name in difflib.get_close_matches(path.name, os.listdir(path.parent), n=2)]
    hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
    accepted = f"a built-in name ({', '.join(BUILT_IN)}) or the path of an existing folder or file"
    return f"There is no data set {given!r}{hint}; give {accepted}."

"""SVHN, street view house numbers, in its format 2: MATLAB files of 32 x 32 pictures of one digit.

Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers
"""

from pathlib import Path

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files.folder import name_of
from halfspaces.datasets.formats import matlab
from halfspaces.datasets.formats.format import Format, folder_with
from halfspaces.system import memory
from halfspaces.system.errors import DataError

TRAINING = "train_32x32.mat"
TEST = "test_32x32.mat"
IMAGE = (32, 32, 3)


def read(folder: Path) -> Dataset:
    """Read train_32x32.mat and, if it exists, test_32x32.mat; the label 10 is the digit 0.

    X is (N, 3072), uint8. Raises DataError for missing or damaged files, and for other arrays.
    """
    if not (folder / TRAINING).is_file():
        raise DataError(f"The folder {folder} has {TEST} but no {TRAINING}; put it beside.")
    X, y = _read(folder / TRAINING)
    X_test, y_test = _read(folder / TEST) if (folder / TEST).is_file() else (None, None)
    return Dataset(name_of(folder), X, y, X_test, y_test, tuple("0123456789"), IMAGE)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    arrays = matlab.read(path, ("X", "y"))
    if len(arrays) < 2:
        found = ", ".join(arrays) or "neither"
        raise DataError(
            f"{path} holds {found} of the arrays of numbers X and y, which SVHN has;"
            " get the file again."
        )
    X = arrays["X"]
    y = arrays["y"]
    if X.shape[:-1] != IMAGE or X.ndim != 4 or X.dtype != np.uint8:
        raise DataError(
            f"{path} has X of type {X.dtype}, shape {X.shape};"
            " SVHN has bytes of shape (32, 32, 3, N)."
        )
    if y.shape not in ((X.shape[-1], 1), (1, X.shape[-1])):
        raise DataError(
            f"{path} has {X.shape[-1]:,} images but y of shape {y.shape}; get the file again."
        )
    labels = y.reshape(-1)
    if labels.dtype.kind not in "uif" or not np.all(np.isin(labels, np.arange(1, 11))):
        raise DataError(f"{path} has labels other than 1 ... 10; get the file again.")
    rows = memory.empty(path, (X.shape[-1], *IMAGE), X.dtype)
    rows[:] = np.moveaxis(X, -1, 0)
    return rows.reshape(len(rows), -1), labels.astype(np.int64) % 10


FORMAT = Format("svhn", folder_with(TRAINING, TEST), read, summary="SVHN's train_32x32.mat")

"""STL-10 in its binary version: 96 x 96 colour pictures, each plane stored column after column.

Coates, Lee, Ng 2011, https://cs.stanford.edu/~acoates/stl10
"""

from pathlib import Path

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.support import memory
from halfspaces.support.errors import DataError

CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
SIDE = 96
RECORD = 3 * SIDE * SIDE
ROWS = 256  # images that are turned together


def recognizes(folder: Path) -> bool:
    """Whether the folder has STL-10's training images and labels, or one of them."""
    return any((folder / name).is_file() for name in ("train_X.bin", "train_y.bin"))


def read(folder: Path) -> Dataset:
    """Read train_X.bin, train_y.bin and, where they are, test_X.bin and test_y.bin; unlabelled images are left alone.

    X is (N, 27648) and uint8, planar. Raises DataError for missing or cut files and wrong labels.
    """
    X, y = _read(folder, "train")
    has_test = any((folder / f"test_{kind}.bin").is_file() for kind in "Xy")
    X_test, y_test = _read(folder, "test") if has_test else (None, None)
    return Dataset(
        folder.resolve().name, X, y, X_test, y_test, CLASSES, (SIDE, SIDE, 3), planar=True
    )


def _read(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = (folder / f"{split}_{kind}.bin" for kind in "Xy")
    for path in (images, labels):
        if not path.is_file() or not path.stat().st_size:
            raise DataError(
                f"The folder {folder} has no {path.name} or an empty one; put STL-10's beside the others."
            )
    if rest := images.stat().st_size % RECORD:
        raise DataError(
            f"{images} ends {rest:,} bytes into an image; images have {RECORD:,} bytes, get it again."
        )
    y = np.fromfile(labels, np.uint8).astype(np.int64) - 1
    stored = np.memmap(images, np.uint8, "r").reshape(-1, 3, SIDE, SIDE)
    if len(stored) != len(y):
        raise DataError(
            f"{images} has {len(stored):,} images but {labels} has {len(y):,} labels; get both again."
        )
    if not np.all((y >= 0) & (y < len(CLASSES))):
        raise DataError(f"{labels} has labels other than 1 ... 10; get the file again.")
    X = memory.empty(images, stored.shape, stored.dtype)
    for start in range(0, len(X), ROWS):
        X[start : start + ROWS] = stored[start : start + ROWS].transpose(0, 1, 3, 2)
    return X.reshape(len(X), RECORD), y

"""STL-10 in its binary version: 96 x 96 colour pictures, each plane stored column after column.

Coates, Lee, Ng 2011, https://cs.stanford.edu/~acoates/stl10
"""

from pathlib import Path

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files.folder import name_of
from halfspaces.datasets.formats.format import Format, folder_with
from halfspaces.system import memory
from halfspaces.system.errors import DataError

CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
SIDE = 96
RECORD = 3 * SIDE * SIDE
BLOCK_IMAGES = 256  # transposed together


def read(folder: Path) -> Dataset:
    """Read train_X.bin and train_y.bin, and test_X.bin and test_y.bin if they exist.

    X is (N, 27648), uint8, planar; unlabelled images are not read. Raises DataError for files that
    are missing or cut, and for wrong labels.
    """
    X, y = _read(folder, "train")
    has_test = any((folder / f"test_{kind}.bin").is_file() for kind in "Xy")
    X_test, y_test = _read(folder, "test") if has_test else (None, None)
    image_shape = (SIDE, SIDE, 3)
    return Dataset(name_of(folder), X, y, X_test, y_test, CLASSES, image_shape, planar=True)


def _read(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    images = folder / f"{split}_X.bin"
    labels = folder / f"{split}_y.bin"
    for path in (images, labels):
        if not path.is_file() or not path.stat().st_size:
            raise DataError(
                f"The folder {folder} has no {path.name} or an empty one;"
                " put STL-10's beside the others."
            )
    if rest := images.stat().st_size % RECORD:
        raise DataError(
            f"{images} ends {rest:,} bytes into an image; images have {RECORD:,} bytes,"
            " get it again."
        )
    y = np.fromfile(labels, np.uint8).astype(np.int64) - 1
    stored = np.memmap(images, np.uint8, "r").reshape(-1, 3, SIDE, SIDE)
    if len(stored) != len(y):
        raise DataError(
            f"{images} has {len(stored):,} images but {labels} has {len(y):,} labels;"
            " get both again."
        )
    if not np.all((y >= 0) & (y < len(CLASSES))):
        raise DataError(f"{labels} has labels other than 1 ... 10; get the file again.")
    X = memory.empty(images, stored.shape, stored.dtype)
    for start in range(0, len(X), BLOCK_IMAGES):
        block = slice(start, start + BLOCK_IMAGES)
        X[block] = stored[block].transpose(0, 1, 3, 2)
    return X.reshape(len(X), RECORD), y


FORMAT = Format(
    "stl10",
    folder_with("train_X.bin", "train_y.bin"),
    read,
    summary="STL-10's train_X.bin and train_y.bin",
)

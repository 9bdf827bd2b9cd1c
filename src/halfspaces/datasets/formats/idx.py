"""The idx files of MNIST, Fashion-MNIST and their kin: a magic number, big-endian sizes, then bytes.

LeCun, Cortes, Burges, "The MNIST database of handwritten digits", http://yann.lecun.com/exdb/mnist/
"""

import math
import struct
from pathlib import Path

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.support import memory
from halfspaces.support.errors import DataError

FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

DIMENSIONS = {"images": 3, "labels": 1}


def recognizes(folder: Path) -> bool:
    """Whether the folder has a file named like MNIST's training images or labels."""
    return any(path.name.startswith(("train-images", "train-labels")) for path in folder.iterdir())


def read(folder: Path) -> Dataset:
    """Read train-images-idx3-ubyte, train-labels-idx1-ubyte and, where they exist, t10k-...; each also as .gz or .xz.

    X is (N, height * width) and uint8. Raises DataError for missing, cut or damaged files and lying headers.
    """
    images, y = _read_split(folder, "train")
    has_test = _find(folder, "t10k", "images") or _find(folder, "t10k", "labels")
    test_images, y_test = _read_split(folder, "t10k") if has_test else (None, None)
    return Dataset(
        name=folder.resolve().name,
        X=images.reshape(len(images), -1),
        y=y,
        X_test=None if test_images is None else test_images.reshape(len(test_images), -1),
        y_test=y_test,
        class_names=_class_names(folder, int(y.max())),
        image_shape=(images.shape[1], images.shape[2], 1),
    )


def _read_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, height, width) and labels (N,)."""
    paths = {kind: _find(folder, split, kind) for kind in DIMENSIONS}
    for kind, path in paths.items():
        if path is None:
            name = f"{split}-{kind}-idx{DIMENSIONS[kind]}-ubyte"
            raise DataError(
                f"The folder {folder} has no {name} (or .gz, .xz); put it beside the other idx files."
            )
    images, labels = (_read_array(path, DIMENSIONS[kind]) for kind, path in paths.items() if path)
    if len(images) != len(labels):
        counts = f"{paths['images']} has {len(images):,} images but {paths['labels']} has {len(labels):,} labels"
        raise DataError(f"{counts}; get both from the same source.")
    return images, labels.astype(np.int64)


def _find(folder: Path, split: str, kind: str) -> Path | None:
    """Find the file under its upstream name, or with a dot before idx as some mirrors have it."""
    return compressed.find(
        folder, *(f"{split}-{kind}{mark}idx{DIMENSIONS[kind]}-ubyte" for mark in "-.")
    )


def _read_array(path: Path, ndim: int) -> np.ndarray:
    with compressed.reading(path) as stream:
        length = compressed.length(stream)
        array = memory.empty(
            path, _read_shape(path, stream.read(4 + 4 * ndim), ndim, length), np.uint8
        )
        compressed.fill(stream, array)
    return array


def _read_shape(path: Path, header: bytes, ndim: int, length: int) -> tuple[int, ...]:
    """Return the sizes that the header promises once the file's real length has confirmed them."""
    magic, start = bytes([0, 0, 8, ndim]), 4 + 4 * ndim
    if header[:4] != magic:
        found = header[:4].hex(" ") or "nothing"
        raise DataError(
            f"{path} has {found} at byte 0; idx bytes in {ndim} dimensions start with {magic.hex(' ')}."
        )
    if len(header) < start:
        raise DataError(
            f"{path} ends at byte {length}, inside its header of {start} bytes; get the file again."
        )
    shape = struct.unpack(f">{ndim}I", header[4:])
    if 0 in shape:
        raise DataError(
            f"{path} is empty: its header at byte 4 says {' x '.join(map(str, shape))}; get the file again."
        )
    end = start + math.prod(shape)
    if end != length:
        promise = f"its header at byte 4 promises {' x '.join(map(str, shape))}, up to byte {end:,}"
        raise DataError(f"{path} ends at byte {length:,}, but {promise}; get the file again.")
    return shape


def _class_names(folder: Path, largest: int) -> tuple[str, ...]:
    """Name Fashion-MNIST's classes where the folder or the one around it is named so; number all others."""
    around = "".join(folder.resolve().parts[-2:]).lower()
    if "fashion" in around and largest < len(FASHION):
        return FASHION
    return tuple(str(label) for label in range(max(largest + 1, 10)))

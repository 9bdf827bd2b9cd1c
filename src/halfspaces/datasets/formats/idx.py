"""The idx files of MNIST and Fashion-MNIST: a magic number, big-endian sizes, then bytes.

LeCun, Cortes, Burges, "The MNIST database of handwritten digits",
http://yann.lecun.com/exdb/mnist/
"""

import math
import struct
from pathlib import Path

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats.format import Format
from halfspaces.system import memory
from halfspaces.system.errors import DataError

FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DIMENSIONS = {"images": 3, "labels": 1}


def recognizes(path: Path) -> bool:
    """Whether it is a folder with a file named like MNIST's training images or labels."""
    if not path.is_dir():
        return False
    return any(each.name.startswith(("train-images", "train-labels")) for each in path.iterdir())


def read(folder: Path) -> Dataset:
    """Read train-images-idx3-ubyte, train-labels-idx1-ubyte and, if they exist, t10k-....

    Each file may be packed as .gz or .xz. X is (N, height * width), uint8. Raises DataError for
    files that are missing, cut or damaged, and for headers that do not fit their file.
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
    """Images (N, height, width) and labels (N,)."""
    images_path = _find_needed(folder, split, "images")
    labels_path = _find_needed(folder, split, "labels")
    images = _read_array(images_path, DIMENSIONS["images"])
    labels = _read_array(labels_path, DIMENSIONS["labels"])
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} has {len(images):,} images but {labels_path} has {len(labels):,}"
            " labels; get both from the same source."
        )
    return images, labels.astype(np.int64)


def _find_needed(folder: Path, split: str, kind: str) -> Path:
    path = _find(folder, split, kind)
    if path is None:
        name = f"{split}-{kind}-idx{DIMENSIONS[kind]}-ubyte"
        raise DataError(
            f"The folder {folder} has no {name} (or .gz, .xz); put it beside the other idx files."
        )
    return path


def _find(folder: Path, split: str, kind: str) -> Path | None:
    """The file under its original name, or with the dot before idx that some mirrors have."""
    names = (f"{split}-{kind}{mark}idx{DIMENSIONS[kind]}-ubyte" for mark in "-.")
    return compressed.find(folder, *names)


def _read_array(path: Path, ndim: int) -> np.ndarray:
    with compressed.reading(path) as stream:
        length = compressed.length(stream)
        shape = _read_shape(path, stream.read(4 + 4 * ndim), ndim, length)
        memory.check_claim(path, shape, np.dtype(np.uint8))
        array = memory.empty(path, shape, np.uint8)
        compressed.fill(stream, array)
    return array


def _read_shape(path: Path, header: bytes, ndim: int, length: int) -> tuple[int, ...]:
    """The shape that the header promises, if the length of the file agrees; else DataError."""
    magic = bytes([0, 0, 8, ndim])
    start = 4 + 4 * ndim
    if header[:4] != magic:
        found = header[:4].hex(" ") or "nothing"
        raise DataError(
            f"{path} has {found} at byte 0;"
            f" idx bytes in {ndim} dimensions start with {magic.hex(' ')}."
        )
    if len(header) < start:
        raise DataError(
            f"{path} ends at byte {length}, inside its header of {start} bytes; get the file again."
        )
    shape = struct.unpack(f">{ndim}I", header[4:])
    sizes = " x ".join(map(str, shape))
    if 0 in shape:
        raise DataError(f"{path} is empty: its header at byte 4 says {sizes}; get the file again.")
    end = start + math.prod(shape)
    if end != length:
        promise = f"its header at byte 4 promises {sizes}, up to byte {end:,}"
        raise DataError(f"{path} ends at byte {length:,}, but {promise}; get the file again.")
    return shape


def _class_names(folder: Path, largest: int) -> tuple[str, ...]:
    """Fashion-MNIST's names if the folder, or its parent, is named so; else numbers."""
    names = "".join(folder.resolve().parts[-2:]).lower()
    if "fashion" in names and largest < len(FASHION):
        return FASHION
    return tuple(str(label) for label in range(max(largest + 1, 10)))


FORMAT = Format("idx", recognizes, read, summary="a folder with MNIST's train-images-idx3-ubyte")

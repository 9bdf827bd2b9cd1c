"""The idx files of MNIST and Fashion-MNIST: a magic number, big-endian sizes, then numbers.

LeCun, Cortes, Burges, "The MNIST database of handwritten digits",
http://yann.lecun.com/exdb/mnist/
"""

import math
import struct
from pathlib import Path

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.datasets.files.folder import name_of
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
DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # third byte of the file
WORDS = ("ubyte", "byte", "short", "int", "float", "double")  # the types in names of files


def recognizes(path: Path) -> bool:
    """Whether it is a folder with a file named like MNIST's training images or labels."""
    if not path.is_dir():
        return False
    return any(each.name.startswith(("train-images", "train-labels")) for each in path.iterdir())


def read(folder: Path) -> Dataset:
    """Read train-images-idx3-ubyte, train-labels-idx1-ubyte and, if they exist, t10k-....

    Each file may be packed as .gz or .xz. X is (N, height * width), as a rule uint8; numbers of
    the other types of idx are read, too, and labels of all its whole ones. Raises DataError for
    files that are missing, cut or damaged, and for headers that do not fit their file.
    """
    images, y = read_split(folder, "train")
    has_test = find(folder, "t10k", "images") or find(folder, "t10k", "labels")
    test_images, y_test = read_split(folder, "t10k") if has_test else (None, None)
    return Dataset(
        name=name_of(folder),
        X=images.reshape(len(images), -1),
        y=y,
        X_test=None if test_images is None else test_images.reshape(len(test_images), -1),
        y_test=y_test,
        class_names=_class_names(folder, y),
        image_shape=(images.shape[1], images.shape[2], 1),
    )


def read_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, height, width) and labels (N,)."""
    images_path = _find_needed(folder, split, "images")
    labels_path = _find_needed(folder, split, "labels")
    images = _read_array(images_path, DIMENSIONS["images"])
    labels = _read_array(labels_path, DIMENSIONS["labels"])
    if labels.dtype.kind == "f":
        raise DataError(f"{labels_path} holds {labels.dtype}; labels are whole numbers.")
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} has {len(images):,} images but {labels_path} has {len(labels):,}"
            " labels; get both from the same source."
        )
    return images, labels.astype(np.int64)


def _find_needed(folder: Path, split: str, kind: str) -> Path:
    path = find(folder, split, kind)
    if path is None:
        name = f"{split}-{kind}-idx{DIMENSIONS[kind]}-ubyte"
        raise DataError(
            f"The folder {folder} has no {name} (or .gz, .xz); put it beside the other idx files."
        )
    return path


def find(folder: Path, split: str, kind: str) -> Path | None:
    """The file under its original name, or with the dot before idx that some mirrors have."""
    start = f"idx{DIMENSIONS[kind]}"
    names = (f"{split}-{kind}{mark}{start}-{word}" for word in WORDS for mark in "-.")
    return compressed.find(folder, *names)


def _read_array(path: Path, ndim: int) -> np.ndarray:
    with compressed.reading(path) as stream:
        length = compressed.length(stream)
        header = stream.read(4 + 4 * ndim)
        dtype = _read_dtype(path, header[:4], ndim)
        shape = _read_shape(path, header, dtype, length)
        memory.check_claim(path, shape, dtype)
        array = memory.empty(path, shape, dtype)
        compressed.fill(stream, array.reshape(-1).view(np.uint8))
    if dtype.isnative:
        return array
    return array.byteswap(inplace=True).view(dtype.newbyteorder("="))


def _read_dtype(path: Path, magic: bytes, ndim: int) -> np.dtype:
    """The type of the numbers, if the first 4 bytes are those of idx in `ndim` dimensions."""
    if len(magic) < 4 or magic != bytes([0, 0, magic[2], ndim]) or magic[2] not in DTYPES:
        raise DataError(
            f"{path} has {magic.hex(' ') or 'nothing'} at byte 0; idx bytes in {ndim} dimensions"
            f" start with {bytes([0, 0, 8, ndim]).hex(' ')}."
        )
    return np.dtype(DTYPES[magic[2]])


def _read_shape(path: Path, header: bytes, dtype: np.dtype, length: int) -> tuple[int, ...]:
    """The shape that the header promises, if the length of the file agrees; else DataError."""
    ndim = header[3]
    start = 4 + 4 * ndim
    if len(header) < start:
        raise DataError(
            f"{path} ends at byte {length}, inside its header of {start} bytes; get the file again."
        )
    shape = struct.unpack(f">{ndim}I", header[4:])
    sizes = " x ".join(map(str, shape))
    if 0 in shape:
        raise DataError(f"{path} is empty: its header at byte 4 says {sizes}; get the file again.")
    end = start + math.prod(shape) * dtype.itemsize
    if end != length:
        promise = f"its header at byte 4 promises {sizes}, up to byte {end:,}"
        raise DataError(f"{path} ends at byte {length:,}, but {promise}; get the file again.")
    return shape


def _class_names(folder: Path, y: np.ndarray) -> tuple[str, ...] | None:
    """Fashion-MNIST's names if the folder, or its parent, is named so; else numbers.

    None for labels beyond bytes, which stand for themselves.
    """
    names = "".join(folder.resolve().parts[-2:]).lower()
    smallest, largest = int(y.min()), int(y.max())
    if "fashion" in names and smallest >= 0 and largest < len(FASHION):
        return FASHION
    if smallest < 0 or largest > 255:
        return None
    return tuple(str(label) for label in range(max(largest + 1, 10)))


FORMAT = Format("idx", recognizes, read, summary="a folder with MNIST's train-images-idx3-ubyte")

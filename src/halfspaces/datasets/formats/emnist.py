"""The idx files of EMNIST: as MNIST's, but each image is transposed, and a mapping names classes.

Cohen, Afshar, Tapson, van Schaik, "EMNIST: an extension of MNIST to handwritten letters",
https://arxiv.org/abs/1702.05373
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats import idx
from halfspaces.datasets.formats.format import Format
from halfspaces.system.errors import DataError, listed

SETS = ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")
FILE = re.compile(rf"emnist-({'|'.join(SETS)})(\.mat$|-(train|test)-(images|labels)[-.]idx)")
LARGEST_MAPPING = 1 << 16  # bytes
UPRIGHT = "images are transposed: EMNIST stores them so"
IMAGES = 1024  # transposed at a time


def recognizes(path: Path) -> bool:
    """Whether it is a folder with training images of EMNIST, or one of its idx or .mat files."""
    return bool(_sets(path)) if path.is_dir() else FILE.match(path.name) is not None


def read(path: Path) -> Dataset:
    """Read emnist-SET-train-images-idx3-ubyte and its kin, plain, .gz or .xz.

    `path` is their folder, or the file of the training images where it holds several sets. Images
    (N, 28, 28) are transposed to be upright. With emnist-SET-mapping.txt beside them the labels are
    the places of its lines, and the characters name the classes. Raises DataError for files that
    are missing or damaged, and for EMNIST in other formats.
    """
    folder = path if path.is_dir() else path.parent
    name = f"emnist-{_set(path)}"
    images, y = idx.read_split(folder, f"{name}-train")
    has_test = any(idx.find(folder, f"{name}-test", kind) for kind in idx.DIMENSIONS)
    test_images, y_test = idx.read_split(folder, f"{name}-test") if has_test else (None, None)
    names = None
    if characters := mapping(folder / f"{name}-mapping.txt"):
        y = places(folder, y, characters)
        y_test = None if y_test is None else places(folder, y_test, characters)
        names = tuple(characters[label] for label in sorted(characters))
    return Dataset(
        name=name,
        X=upright(images),
        y=y,
        X_test=None if test_images is None else upright(test_images),
        y_test=y_test,
        class_names=names,
        image_shape=(images.shape[2], images.shape[1], 1),
        notes=(UPRIGHT,),
    )


def _sets(folder: Path) -> list[str]:
    """The sets whose training images are in the folder."""
    return [name for name in SETS if idx.find(folder, f"emnist-{name}-train", "images")]


def _set(path: Path) -> str:
    """The set to read: the one in the folder, or that of the file."""
    if not path.is_dir():
        for name in _sets(path.parent):
            if path.name.startswith(f"emnist-{name}-train-images"):
                return name
        raise DataError(
            f"{path} is a file of EMNIST that is not read; give the folder of its idx files, or its"
            " training images there, such as emnist-balanced-train-images-idx3-ubyte.gz."
        )
    names = _sets(path)
    if len(names) > 1:
        raise DataError(
            f"{path} holds the sets {listed(names, len(SETS))} of EMNIST; give the training images"
            f" of one, such as {path / f'emnist-{names[0]}-train-images-idx3-ubyte.gz'}."
        )
    return names[0]


def upright(images: np.ndarray) -> np.ndarray:
    """Rows (N, height · width) of the transposed images; square ones are changed in place."""
    N, height, width = images.shape
    if height != width:
        return np.ascontiguousarray(images.transpose(0, 2, 1)).reshape(N, -1)
    for start in range(0, N, IMAGES):
        part = images[start : start + IMAGES]
        part[:] = part.transpose(0, 2, 1).copy()
    return images.reshape(N, -1)


def mapping(path: Path) -> dict[int, str]:
    """The characters by label: each line has a label, then the codes of one or two characters."""
    if not path.is_file():
        return {}
    with compressed.reading(path) as stream:
        lines = stream.read(LARGEST_MAPPING).split(b"\n")
    try:
        numbers = [list(map(int, line.split())) for line in lines if line.strip()]
        return {label: "/".join(map(chr, codes)) for label, *codes in numbers}
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{path} has a line other than a label and codes of characters; get it again,"
            " or remove it."
        ) from error


def places(folder: Path, y: np.ndarray, characters: Mapping[int, str]) -> np.ndarray:
    """The places of the labels among those of the mapping; DataError for one that it lacks."""
    labels = np.array(sorted(characters))
    places = np.minimum(np.searchsorted(labels, y), len(labels) - 1)
    unknown = y[labels[places] != y]
    if len(unknown):
        raise DataError(
            f"{folder} has the label {unknown[0]}, which its mapping lacks; get both files again."
        )
    return places


FORMAT = Format("emnist", recognizes, read, summary="a folder with EMNIST's idx files")

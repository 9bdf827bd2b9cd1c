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
from typing import Any

import numpy as np

from halfspaces.datasets import catalogue, named_arrays
from halfspaces.datasets.catalogue import CATALOGUE
from halfspaces.datasets.dataset import Dataset, Features
from halfspaces.datasets.files import remote
from halfspaces.datasets.formats import (
    cifar,
    digits,
    hdf5,
    hugging_face,
    idx,
    image_folder,
    npy,
    npz,
    stl10,
    svhn,
    svmlight,
    tables,
    zarr,
)
from halfspaces.support.errors import DataError, listed
from halfspaces.support.memory import budget

__all__ = [
    "BUILT_IN",
    "CATALOGUE",
    "DataError",
    "Dataset",
    "Features",
    "holds_images",
    "open",
    "open_features",
    "open_images",
]

BUILT_IN: dict[str, Callable[[], Dataset]] = {"digits": digits.read}
Recognizes = Callable[[Path], bool]
Readers = tuple[
    tuple[Recognizes, Callable[..., Dataset]], ...
]  # the first that recognizes a path reads it
FOLDERS: Readers = (
    (cifar.recognizes, cifar.read),
    (idx.recognizes, idx.read),
    (svhn.recognizes, svhn.read),
    (stl10.recognizes, stl10.read),
    (hugging_face.recognizes, hugging_face.read),
    (zarr.recognizes, zarr.read),
    (tables.recognizes_folder, tables.read),
    (npy.recognizes_folder, npy.read),
    (image_folder.recognizes, image_folder.read),
)
FILES: Readers = (
    (cifar.recognizes_archive, cifar.read),
    (image_folder.recognizes, image_folder.read),
    (image_folder.is_one, image_folder.refuse_one),
    (npz.recognizes, npz.read),
    (npy.recognizes, npy.read),
    (tables.recognizes, tables.read),
    (hdf5.recognizes, hdf5.read),
    (tables.recognizes_text, tables.refuse_text),
    (svmlight.recognizes, svmlight.read),  # looks into the file, so the last
)
ROWS_ALONE: dict[
    Callable[..., Dataset], Callable[..., Features]
] = {  # readers of rows that need no labels
    npz.read: npz.read_features,
    npy.read: npy.read_features,
    tables.read: tables.read_features,
    hdf5.read: hdf5.read_features,
    hugging_face.read: hugging_face.read_features,
    zarr.read: zarr.read_features,
}
IMAGES, TABLE = ("image_size", "skip_bad"), ("label",)
# What readers take.
OPTIONS = {
    image_folder.read: IMAGES,
    image_folder.refuse_one: IMAGES,
    tables.read: TABLE,
    hugging_face.read: TABLE,
    cifar.read: TABLE,
}
READABLE = (
    "a folder with CIFAR-10's data_batch_1.bin or MNIST's train-images-idx3-ubyte, a folder, .tar or .zip of images "
    "with one sub-folder a class, X.npy and y.npy, a zarr group, an .npz or .h5 file with X and y, .parquet or .arrow "
    "files, what Hugging Face's save_to_disk wrote, or svmlight text"
)


def open(
    path_or_name: str | os.PathLike[str],
    *,
    label: str | None = None,
    image_size: image_folder.ImageSize | None = None,
    skip_bad: bool = False,
    memory: float | None = None,
) -> Dataset:
    """Open a data set by its name, or a folder or file by its path or address.

    "digits" is built in, the names of the `CATALOGUE` are opened once they are downloaded, and "./digits" is a path.
    Folders hold images in one sub-folder a class; CIFAR-10 or CIFAR-100 in their binary or python version, SVHN, STL-10
    (CIFAR also in its own archives), the idx files of MNIST or Fashion-MNIST, plain or as .gz or .xz; X.npy and y.npy,
    Parquet or Arrow files, a zarr group, or what Hugging Face's `datasets` saved. A file is a .tar or .zip of images,
    an .npz or HDF5 with X and y, an .npy beside its labels, Parquet, Arrow, or svmlight (libsvm) text, whose X is
    sparse and whose test rows lie beside it as NAME.t. An address, https://, s3:// or gs://, is downloaded once.

    `label` names the column of a table that holds the classes; of CIFAR-100 it is "fine" or "coarse". Images of many
    sizes are resized to 32 x 32, or to `image_size`, a side, (height, width), or (height, width, channels); `skip_bad`
    leaves out files among them that cannot be decoded: see `halfspaces.datasets.formats.image_folder`. Arrays that would take more
    than a quarter of `memory` (bytes; this machine's unless given) lie on disk, in files without a name: data sets need
    not fit into memory.

    Raises DataError, one sentence, for an unknown name, a missing path and data that are cut, damaged or do not fit.

    >>> print(open("digits"))
    digits: 1,437 examples + 360 for testing, 64 features (8 x 8 x 1, uint8), 10 classes
    >>> open("digit")
    Traceback (most recent call last):
    halfspaces.support.errors.DataError: There is no data set 'digit' (did you mean 'digits'?); give a name (digits...
    """
    asked = {"label": label, "image_size": image_size, "skip_bad": skip_bad or None}
    with budget(memory):
        if isinstance(path_or_name, str) and path_or_name in BUILT_IN:
            _options(path_or_name, None, asked)
            return BUILT_IN[path_or_name]()
        if isinstance(path_or_name, str) and path_or_name in CATALOGUE:
            options = _options(path_or_name, CATALOGUE[path_or_name].read, asked)
            return catalogue.read(path_or_name, **options)
        path = _path(path_or_name)
        read = _reader(path_or_name, path)
        return read(path, **_options(path, read, asked))


def open_features(
    path_or_name: str | os.PathLike[str],
    *,
    label: str | None = None,
    image_size: image_folder.ImageSize | None = None,
    skip_bad: bool = False,
    memory: float | None = None,
) -> Features:
    """Rows to predict, X (N, D): the test rows of a data set, or all rows where there are none; labels are not needed.

    Of a table, the column `label` (or one with such a name) is left out. One image, and a folder of images without
    folders in it, is read, too, in the order of the names. Options and errors as of `open`.

    >>> open_features("digits").shape
    (360, 64)
    """
    asked = {"label": label, "image_size": image_size, "skip_bad": skip_bad or None}
    rows = _rows_alone(path_or_name, asked, memory)
    if rows is not None:
        return rows.reshape(len(rows), -1) if isinstance(rows, np.ndarray) else rows
    dataset = open(
        path_or_name, label=label, image_size=image_size, skip_bad=skip_bad, memory=memory
    )
    return dataset.X if dataset.X_test is None else dataset.X_test


def open_images(
    path_or_name: str | os.PathLike[str],
    *,
    label: str | None = None,
    image_size: image_folder.ImageSize | None = None,
    skip_bad: bool = False,
    memory: float | None = None,
) -> np.ndarray:
    """Images to predict, (N, height, width) or (N, height, width, channels), as stored; else as `open_features`.

    Raises DataError as that does, and for rows that are no images.

    >>> open_images("digits").shape
    (360, 8, 8, 1)
    """
    asked = {"label": label, "image_size": image_size, "skip_bad": skip_bad or None}
    with named_arrays.shapes_kept():
        found: Any = _rows_alone(path_or_name, asked, memory)
    if found is None:
        dataset = open(
            path_or_name, label=label, image_size=image_size, skip_bad=skip_bad, memory=memory
        )
        X: Any = dataset.X if dataset.X_test is None else dataset.X_test
        return dataset.images(X)
    if found.ndim < 3:
        raise DataError(
            f"{path_or_name} holds no images: it has rows {found.shape}; give images (N, H, W, 3)."
        )
    return found


def _rows_alone(path_or_name: Any, asked: dict[str, Any], memory: float | None) -> Features | None:
    """What needs no labels to be read: rows, or images; None where it is to be opened."""
    if path_or_name in BUILT_IN or path_or_name in CATALOGUE:
        return None
    path = _path(path_or_name)
    read: Any = _reader(path_or_name, path)
    options = _options(path, read, asked)
    bare = read in (image_folder.read, image_folder.refuse_one) and image_folder.without_classes(
        path
    )
    alone: Any = image_folder.read_without_classes if bare else ROWS_ALONE.get(read)
    if alone is None:
        return None
    with budget(memory):
        return alone(path, **options)


def holds_images(path_or_name: str | os.PathLike[str]) -> bool:
    """Whether an image, or a folder or archive of images, lies there, which `open` takes at any `image_size`.

    >>> holds_images("digits")
    False
    """
    if path_or_name in BUILT_IN or path_or_name in CATALOGUE:
        return False
    return _reader(path_or_name, _path(path_or_name)) in (
        image_folder.read,
        image_folder.refuse_one,
    )


def _path(given: str | os.PathLike[str]) -> Path:
    if isinstance(given, str) and remote.recognizes(given):
        return remote.fetch(given)
    return Path(os.path.expanduser(given))


def _options(
    given: str | Path, read: Callable[..., Dataset] | None, asked: dict[str, Any]
) -> dict[str, Any]:
    """What was asked for, if the reader has it."""
    options = {name: value for name, value in asked.items() if value is not None}
    for name, value in options.items():
        if read is None or name not in OPTIONS.get(read, ()):
            if name in TABLE:
                raise DataError(
                    f"The label {value!r} names a column of a table, and {given} is none; leave it out."
                )
            option = f"{name} (--{name.replace('_', '-')})"
            raise DataError(
                f"{given} is no folder, .tar or .zip of images, for which {option} is; leave it out."
            )
    return options


def _reader(given: str | os.PathLike[str], path: Path) -> Callable[..., Dataset]:
    """The reader of what lies there."""
    if os.path.isdir(path):
        return _folder_reader(path)
    if os.path.isfile(path):
        for recognizes, read in FILES:
            if recognizes(path):
                return read
        raise DataError(f"The file {path} is no data set; give {READABLE}.")
    raise DataError(_unknown(os.fspath(given), path))


def _folder_reader(folder: Path) -> Callable[..., Dataset]:
    try:
        held = sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read: {error.strerror}.") from error
    for recognizes, read in FOLDERS:
        if recognizes(folder):
            return read
    raise DataError(f"The folder {folder} holds {listed(held, 3)}; needed is {READABLE}.")


def _unknown(given: str, path: Path) -> str:
    """Name what is nearest to what was given: a known name, or else what lies where the path points."""
    near = difflib.get_close_matches(given, (*BUILT_IN, *CATALOGUE), n=1)
    if not near and os.path.isdir(path.parent) and os.access(path.parent, os.R_OK):
        near = [
            str(path.parent / name)
            for name in difflib.get_close_matches(path.name, os.listdir(path.parent), n=2)
        ]
    hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
    accepted = (
        f"a name ({', '.join((*BUILT_IN, *CATALOGUE))}) or the path of an existing folder or file"
    )
    return f"There is no data set {given!r}{hint}; give {accepted}."

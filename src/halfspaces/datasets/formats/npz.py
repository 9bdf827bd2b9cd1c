"""Arrays in one .npz file: X, y, perhaps X_test, y_test, X_val, y_val, class_names; no pickles."""

import lzma
import math
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats import npy
from halfspaces.datasets.formats.format import Format, file_named
from halfspaces.datasets.formats.from_arrays import CLASS_NAMES, from_arrays, rows_to_predict
from halfspaces.system import memory
from halfspaces.system.errors import DataError

DAMAGE = (*npy.DAMAGE, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError)
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path: Path) -> Dataset:
    """Read X (N, D), or images (N, height, width[, channels]), and y (N,), integers or strings.

    Other names are those of `named_arrays`: embeddings and labels, X_train and so on. Raises
    DataError for missing or damaged arrays, Python objects, and shapes that do not fit.
    """
    arrays = _load(path, named_arrays.find_arrays)
    return from_arrays(path, path.stem, arrays)


def read_features(path: Path) -> RowsToPredict:
    """Read the rows or images of X_test, or of X if there is none."""
    X = _load(path, lambda path, names: {"X": named_arrays.find_features(path, names)})["X"]
    return rows_to_predict(path, "X", X)


def _load(
    path: Path, find: Callable[[Path, Sequence[str]], dict[str, str]]
) -> dict[str, np.ndarray]:
    """The arrays that are found among the names, and class_names; no others are read."""
    with (
        compressed.reading(path) as stream,
        compressed.decoding(path, ".npz", *DAMAGE, remedy="save it again with np.savez"),
        zipfile.ZipFile(stream) as archive,
    ):
        members = [name for name in archive.namelist() if name.endswith(".npy")]
        names = [name.removesuffix(".npy") for name in members]
        found = find(path, names)
        if CLASS_NAMES in names:
            found[CLASS_NAMES] = CLASS_NAMES
        return {field: _read_member(path, archive, name) for field, name in found.items()}


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # of no bounded read
        raise DataError(f"{path} has {name} packed otherwise than by NumPy; save it with np.savez.")
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in HEADERS:
            raise DataError(f"{path} has {name} in .npy version {version}; save a plain array.")
        shape, in_columns, dtype = HEADERS[version](stream)
        if dtype.hasobject:
            raise DataError(
                f"{path} has {name} as Python objects, which are never read;"
                " save numbers or strings."
            )
        end = stream.tell() + math.prod(shape) * dtype.itemsize
        if end != member.file_size:  # checked before any memory is allocated
            promise = f"its header promises shape {shape}, up to byte {end:,}"
            raise DataError(
                f"{path} has {name} end at byte {member.file_size:,}, but {promise}; save it again."
            )
        memory.check_claim(path, shape, dtype, member.compress_size)
        return _read_values(path, stream, shape, dtype, in_columns=in_columns)


def _read_values(
    path: Path, stream: Any, shape: tuple[int, ...], dtype: np.dtype, *, in_columns: bool
) -> np.ndarray:
    """The values behind a header; of a large array on disk."""
    array = memory.empty(path, shape[::-1] if in_columns else shape, dtype)
    if array.nbytes:
        compressed.fill(stream, array.reshape(-1).view(np.uint8))
    return array.T if in_columns else array


FORMAT = Format(
    "npz",
    file_named(".npz"),
    read,
    read_features=read_features,
    summary="an .npz file with X and y",
)

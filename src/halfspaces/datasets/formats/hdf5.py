"""HDF5 files with X and y, at the top or in groups called train and test.

The HDF Group, https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t4.html
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays, optional
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.support import memory
from halfspaces.support.errors import DataError

SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5")
PATIENCE = 30.0  # seconds for strings, and more for many
READ_STRINGS = """
import h5py, json, sys
path, name, longest = sys.argv[1:]
with h5py.File(path, "r") as file:
    strings = file[name].asstr()[()].reshape(-1)
    json.dump([string[: int(longest)] for string in strings], sys.stdout)
"""
TIGHTEST = 1032  # bytes that one byte of deflate can stand for
DAMAGE = (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError)


def recognizes(path: Path) -> bool:
    """Whether the file is named so."""
    return path.suffix in SUFFIXES


def read(path: Path) -> Dataset:
    """Read X and y, or features, embeddings, images, data and labels, targets, class; X_test and y_test alike.

    Splits are told by name (X_test, test_X) or by groups called train, test and validation. X is used from
    disk, mapped into memory, where it lies there in one piece; chunked and compressed arrays are read. Raises DataError
    for links, data in other files, virtual data sets, and for what is damaged or does not fit.
    """
    h5py = optional.load("h5py", "hdf5", str(path))
    with compressed.decoding(path, "HDF5", *DAMAGE), h5py.File(path, "r") as file:
        held = _names(file)
        named = {part: held[name] for part, name in named_arrays.named(path, held).items()}
        read: dict[str, Any] = {
            part: (_rows if part.startswith("X") else _labels)(path, array)
            for part, array in named.items()
        }
        return Dataset(name=path.stem, image_shape=named_arrays.image_shape(path, named), **read)


def read_features(path: Path) -> np.ndarray:
    """Read rows alone, (N, D), those for testing where there are any."""
    h5py = optional.load("h5py", "hdf5", str(path))
    with compressed.decoding(path, "HDF5", *DAMAGE), h5py.File(path, "r") as file:
        held = _names(file)
        return _rows(path, held[named_arrays.features_alone(path, held)])


def _names(file: Any) -> dict[str, Any]:
    """The arrays at the top, and those in the groups of splits as split_name."""
    held: dict[str, Any] = {}
    groups = {word: split for split, words in named_arrays.SPLITS.items() for word in words}
    for name, node in _nodes(file).items():
        if hasattr(node, "shape"):
            held[name] = node
        elif name.lower() in groups:
            inner = _nodes(node)
            held.update(
                {
                    f"{groups[name.lower()]}_{key}": each
                    for key, each in inner.items()
                    if hasattr(each, "shape")
                }
            )
    return held


def _nodes(group: Any) -> dict[str, Any]:
    """What lies in a group of the file itself; a link with a name of use is refused."""
    import h5py

    nodes = {}
    for name in group:
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            nodes[name] = group[name]
        elif (
            any(name in named_arrays.pair([name], split) for split in named_arrays.SPLITS)
            or name.lower() in named_arrays.SPLITS
        ):
            raise DataError(
                f"{group.file.filename} has {name} as a link, which is not followed; copy the array into the file."
            )
    return nodes


def _check_stored(path: Path, array: Any) -> None:
    """Raise DataError for what lies in other files, and for sizes that the bytes in this file cannot fill."""
    if array.external or array.is_virtual:
        raise DataError(
            f"{path} has {array.name} in other files, which are not opened; copy it into this one."
        )
    stored, needed = array.id.get_storage_size(), math.prod(array.shape) * array.dtype.itemsize
    if stored * (TIGHTEST if array.id.get_create_plist().get_nfilters() else 1) < needed:
        raise DataError(
            f"{path} has {array.name} of shape {array.shape}, of which only {stored:,} bytes were ever written;"
            " write all of it."
        )


def _rows(path: Path, array: Any) -> np.ndarray:
    """Rows (N, D), from disk where they lie in one piece."""
    _check_stored(path, array)
    named_arrays.check_numbers(path, array.name, array)
    mapped = _mapped(path, array)
    if mapped is None:
        mapped = memory.empty(path, array.shape, array.dtype)
        if mapped.size:
            array.read_direct(mapped)
    return named_arrays.flatten(path, array.name, mapped)


def _mapped(path: Path, array: Any) -> np.ndarray | None:
    """The array where it lies in the file; None where it is chunked, compressed or not written."""
    offset = array.id.get_offset()
    if array.chunks is not None or offset is None or not array.size or not array.dtype.isnative:
        return None
    if offset + math.prod(array.shape) * array.dtype.itemsize > path.stat().st_size:
        raise DataError(f"{path} ends inside {array.name}; get the file again.")
    return np.memmap(path, array.dtype, "r", offset, array.shape)


def _labels(path: Path, array: Any) -> np.ndarray:
    import h5py

    _check_stored(path, array)
    if array.ndim == 2 and array.shape[1] == 1:
        n_labels = array.shape[0]
    elif array.ndim == 1:
        n_labels = len(array)
    else:
        raise DataError(
            f"{path} has {array.name} of shape {array.shape}; one label a row, (N,), is needed."
        )
    memory.check_fits(path, (n_labels,), array.dtype)
    if h5py.check_string_dtype(array.dtype) is None:
        return named_arrays.labels(path, array.name, array[()].reshape(-1))
    if h5py.check_string_dtype(array.dtype).length is None:
        return named_arrays.names(path, array.name, _strings(path, array))
    return named_arrays.names(path, array.name, array.asstr()[()].reshape(-1).tolist())


def _strings(
    path: Path, array: Any, code: str = READ_STRINGS, patience: float = PATIENCE
) -> list[str]:
    """Strings of variable length, read by another process, as HDF5's library never comes back from some damaged ones.

    See https://github.com/HDFGroup/hdf5/issues/1707; numbers and strings of one length are read without such trouble.
    """
    command = [
        sys.executable,
        "-P",
        "-c",
        code,
        str(path),
        array.name,
        str(named_arrays.LONGEST_LABEL + 1),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=patience + len(array) / 1e4, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        why = (
            "its strings have no end"
            if isinstance(error, subprocess.TimeoutExpired)
            else "its strings are damaged"
        )
        raise DataError(
            f"{path} cannot be read as HDF5 ({why} in {array.name}); save it again."
        ) from error
    return json.loads(done.stdout)

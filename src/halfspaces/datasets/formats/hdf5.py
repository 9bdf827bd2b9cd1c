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

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats.format import Format, file_named
from halfspaces.datasets.formats.from_arrays import Layout, label_notes, rows_to_predict
from halfspaces.datasets.optional import H5PY
from halfspaces.datasets.split_words import OF_SPLIT, SPLIT_OF_WORD
from halfspaces.system import memory
from halfspaces.system.errors import DataError

PATIENCE = 30.0  # seconds by the clock for reading strings,
PROCESSOR_SECONDS = 4  # of the processor, both plus
LABELS_PER_SECOND = 1e4
READ_STRINGS = """
import h5py, json, sys
path, name, longest, seconds = sys.argv[1:]
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
except ImportError:
    pass
with h5py.File(path, "r") as file:
    strings = file[name].asstr()[()].reshape(-1)
    json.dump([string[: int(longest)] for string in strings], sys.stdout)
"""
HIGHEST_RATIO = 1032  # bytes that one byte of deflate can stand for
DAMAGE = (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError)


def read(path: Path) -> Dataset:
    """Read X and y, also called features, embeddings, images, data and labels, targets, class.

    X_test and y_test, X_val and y_val are found by name (X_test, test_X) or in groups called train,
    test and validation. X is mapped from disk if it lies there contiguously; chunked and compressed
    arrays are read. Raises DataError for links, data in other files, virtual data sets, and for
    data that are damaged or do not fit.
    """
    import h5py

    with compressed.decoding(path, "HDF5", *DAMAGE), h5py.File(path, "r") as file:
        arrays = _arrays(file)
        names = named_arrays.find_arrays(path, arrays)
        chosen = {field: arrays[name] for field, name in names.items()}
        fields: dict[str, Any] = {}
        for field, array in chosen.items():
            if field.startswith("X"):
                rows = _read_rows(path, array)
                fields[field] = named_arrays.flatten(path, array.name, rows)
            else:
                fields[field] = _read_labels(path, array)
        layout = Layout.of(path, chosen)
        notes = (*label_notes(chosen[field] for field in chosen if field[0] == "y"), *layout.notes)
        return Dataset(name=path.stem, notes=notes, **layout.fields, **fields)


def read_features(path: Path) -> RowsToPredict:
    """Read rows or images without labels: those of the test split if there is one."""
    import h5py

    with compressed.decoding(path, "HDF5", *DAMAGE), h5py.File(path, "r") as file:
        arrays = _arrays(file)
        array = arrays[named_arrays.find_features(path, arrays)]
        return rows_to_predict(path, array.name, _read_rows(path, array))


def _arrays(file: Any) -> dict[str, Any]:
    """The arrays at the top, and those in the groups of splits under the name split_name."""
    arrays: dict[str, Any] = {}
    for name, node in _nodes(file).items():
        split = SPLIT_OF_WORD.get(name.lower())
        if hasattr(node, "shape"):
            arrays[name] = node
        elif split is not None:
            for inner_name, inner in _nodes(node).items():
                if hasattr(inner, "shape"):
                    arrays[f"{split}_{inner_name}"] = inner
    return arrays


def _nodes(group: Any) -> dict[str, Any]:
    """The arrays and groups of a group in this file; a link with a known name is refused."""
    import h5py

    nodes = {}
    for name in group:
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            nodes[name] = group[name]
        elif _is_known(name):
            raise DataError(
                f"{group.file.filename} has {name} as a link, which is not followed;"
                " copy the array into the file."
            )
    return nodes


def _is_known(name: str) -> bool:
    """Whether the name is that of features, labels or a split."""
    if name.lower() in OF_SPLIT:
        return True
    return any(name in named_arrays.find_pair([name], split) for split in OF_SPLIT)


def _check_stored(path: Path, array: Any) -> None:
    """Raise DataError for data in other files, and for shapes that the stored bytes cannot fill."""
    if array.external or array.is_virtual:
        raise DataError(
            f"{path} has {array.name} in other files, which are not opened; copy it into this one."
        )
    stored = array.id.get_storage_size()
    needed = math.prod(array.shape) * array.dtype.itemsize
    ratio = HIGHEST_RATIO if array.id.get_create_plist().get_nfilters() else 1
    if stored * ratio < needed:
        raise DataError(
            f"{path} has {array.name} of shape {array.shape}, of which only {stored:,} bytes were"
            " ever written; write all of it."
        )
    for shape in (array.shape, array.chunks or ()):
        memory.check_claim(path, shape, array.dtype)


def _read_rows(path: Path, array: Any) -> np.ndarray:
    """Rows or images of numbers, mapped from disk if they lie there contiguously."""
    _check_stored(path, array)
    named_arrays.check_numbers(path, array.name, array)
    mapped = _mapped(path, array)
    if mapped is not None:
        return mapped
    rows = memory.empty(path, array.shape, array.dtype)
    if rows.size:
        array.read_direct(rows)
    return rows


def _mapped(path: Path, array: Any) -> np.ndarray | None:
    """The array, memory-mapped; None if it is chunked, compressed or not written."""
    offset = array.id.get_offset()
    if array.chunks is not None or offset is None or not array.size or not array.dtype.isnative:
        return None
    if offset + math.prod(array.shape) * array.dtype.itemsize > path.stat().st_size:
        raise DataError(f"{path} ends inside {array.name}; get the file again.")
    return np.memmap(path, array.dtype, "r", offset, array.shape)


def _read_labels(path: Path, array: Any) -> np.ndarray:
    import h5py

    _check_stored(path, array)
    string = h5py.check_string_dtype(array.dtype)
    is_column = array.ndim == 1 or array.shape[1:] == (1,)
    if not is_column and (string is not None or array.ndim != 2):
        raise DataError(
            f"{path} has {array.name} of shape {array.shape}; one label a row, (N,), is needed."
        )
    memory.check_fits(path, array.shape, array.dtype)
    if string is None:
        return named_arrays.labels(path, array.name, array[()])
    if string.length is None:
        return named_arrays.string_labels(path, array.name, _strings(path, array))
    strings = array.asstr()[()].reshape(-1).tolist()
    return named_arrays.string_labels(path, array.name, strings)


def _strings(
    path: Path, array: Any, code: str = READ_STRINGS, patience: float = PATIENCE
) -> list[str]:
    """Strings of variable length, read by another process with a time limit.

    HDF5's library does not return from some damaged ones, see
    https://github.com/HDFGroup/hdf5/issues/1707; other labels do not need this.
    """
    longest = str(named_arrays.LONGEST_LABEL + 1)
    more = len(array) / LABELS_PER_SECOND
    seconds = str(PROCESSOR_SECONDS + math.ceil(more))
    command = [sys.executable, "-P", "-c", code, str(path), array.name, longest, seconds]
    limit = patience + more
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        endless = isinstance(error, subprocess.TimeoutExpired)
        cause = "its strings have no end" if endless else "its strings are damaged"
        raise DataError(
            f"{path} cannot be read as HDF5 ({cause} in {array.name}); save it again."
        ) from error
    return json.loads(done.stdout)


FORMAT = Format(
    "hdf5",
    file_named(".h5", ".hdf5", ".hdf", ".he5"),
    read,
    read_features=read_features,
    needs=(H5PY,),
    summary="an .h5 file with X and y",
)

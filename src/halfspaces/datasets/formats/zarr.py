"""Zarr groups (versions 2 and 3) with X and y, at the top or in groups called train and test.

Before zarr unpacks a chunk, `zarr_chunks` checks its codecs and the size it unpacks to.

Zarr specification, https://zarr-specs.readthedocs.io
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats import unread, zarr_chunks
from halfspaces.datasets.formats.format import Format, folder_with
from halfspaces.datasets.formats.from_arrays import from_arrays, rows_to_predict
from halfspaces.datasets.optional import ZARR
from halfspaces.datasets.split_words import SPLIT_OF_WORD
from halfspaces.system import memory, tensors
from halfspaces.system.errors import DataError

PATIENCE = 30.0  # seconds for another process to read an array, plus
BYTES_PER_SECOND = 1e6
READ = """
import sys, zarr
array = zarr.open_array(sys.argv[1], mode="r")
for start in range(0, array.shape[0], array.chunks[0]):
    sys.stdout.buffer.write(array[start : start + array.chunks[0]].tobytes())
"""


def read(folder: Path) -> Dataset:
    """Read X and y, also called features, embeddings, images, data and labels, targets, class.

    X_test and y_test, X_val and y_val are found by name (X_test, test_X) or in groups called train,
    test and validation. Raises DataError for codecs other than zstd, blosc, gzip, zlib and lz4, for
    shards, and for data that are damaged or do not fit.
    """
    paths = dict(_arrays(folder))
    names = named_arrays.find_arrays(folder, paths)
    arrays = {field: _read(paths[name]) for field, name in names.items()}
    dataset = from_arrays(folder, folder.resolve().stem, arrays)
    others = unread.note(folder)
    return replace(dataset, notes=(*dataset.notes, *others))


def read_features(folder: Path) -> RowsToPredict:
    """Read rows or images without labels: those of the test split if there is one."""
    paths = dict(_arrays(folder))
    name = named_arrays.find_features(folder, paths)
    return rows_to_predict(folder, name, _read(paths[name]))


def _arrays(folder: Path) -> Iterator[tuple[str, Path]]:
    """The arrays at the top, and those in the groups of splits under the name split_name."""
    for path in sorted(folder.iterdir()):
        split = SPLIT_OF_WORD.get(path.name.lower())
        if _is_array(path):
            yield path.name, path
        elif split is not None and path.is_dir():
            for inner in sorted(path.iterdir()):
                if _is_array(inner):
                    yield f"{split}_{inner.name}", inner


def _is_array(path: Path) -> bool:
    about = zarr_chunks.description(path)
    return about is not None and about.get("node_type", "array") == "array"


def _read(path: Path) -> np.ndarray:
    """The whole array, read one row of chunks at a time."""
    import zarr

    packers = zarr_chunks.codecs(path)
    about = zarr_chunks.description(path) or {}
    if "bfloat16" in (about.get("data_type"), about.get("dtype")):
        raise DataError(
            f"{path} has values of bfloat16, which zarr does not read; save them as float32."
        )
    with compressed.decoding(path, "zarr", Exception):  # zarr raises errors of many types
        array = zarr.open_array(str(path), mode="r")
        shape = array.shape
        chunks = array.chunks
        dtype = np.dtype(array.dtype)
        if not (dtype.kind in "biufU" or tensors.is_bfloat16(dtype)) or not shape or 0 in chunks:
            raise DataError(
                f"{path} has values of type {dtype}, shape {shape};"
                " save rows of numbers, or labels."
            )
        zarr_chunks.check(path, packers, shape, chunks, dtype)
        values = memory.empty(path, shape, dtype)
        if "blosc" in packers:
            _read_elsewhere(path, values)
            return values
        for start in range(0, shape[0], chunks[0]):
            values[start : start + chunks[0]] = array[start : start + chunks[0]]
        return values


def _read_elsewhere(
    path: Path, values: np.ndarray, code: str = READ, patience: float = PATIENCE
) -> None:
    """Fill `values` from another process: blosc crashes on some damaged chunks."""
    left = values.reshape(-1).view(np.uint8)
    command = [sys.executable, "-P", "-c", code, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    ) as process:
        stream: Any = process.stdout
        timer = threading.Timer(patience + values.nbytes / BYTES_PER_SECOND, process.kill)
        timer.start()
        while count := stream.readinto(left.data[: 1 << 20]):
            left = left[count:]
        timer.cancel()
    if process.returncode or left.size:
        raise DataError(
            f"{path} cannot be read as zarr (its chunks are damaged); get it or save it again."
        )


FORMAT = Format(
    "zarr",
    folder_with("zarr.json", ".zgroup"),
    read,
    read_features=read_features,
    needs=(ZARR,),
    summary="a zarr group with X and y",
)

"""Features and labels in a .safetensors file: X and y, mapped from disk.

https://github.com/huggingface/safetensors#format
"""

import json
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats.format import Format, file_named
from halfspaces.datasets.formats.from_arrays import from_arrays, rows_to_predict
from halfspaces.system import memory, tensors
from halfspaces.system.errors import DataError

BFLOAT16 = "BF16"
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", BFLOAT16: "<u2",
}  # fmt: skip
MODEL = "halfspaces"  # the metadata of a model that this package saved


def read(path: Path) -> Dataset:
    """Read X and y, and X_test, y_test, X_val and y_val if they exist, by the usual names.

    X is mapped from disk; bfloat16 becomes float32. Raises DataError for a file that is damaged or
    a model, and for types and shapes that do not fit.
    """
    return from_arrays(path, path.stem, load(path, named_arrays.find_arrays))


def read_features(path: Path) -> RowsToPredict:
    """Read the rows or images of X_test, or of X if there is none."""
    return rows_to_predict(path, "X", load(path, find_rows)["X"])


def find_rows(path: Path, names: Sequence[str]) -> dict[str, str]:
    """The name of the rows to predict, as that of X."""
    return {"X": named_arrays.find_features(path, names)}


def load(
    path: Path, find: Callable[[Path, Sequence[str]], dict[str, str]]
) -> dict[str, np.ndarray]:
    """The tensors that are found among the names."""
    start, entries = _header(path)
    found = find(path, list(entries))
    return {field: _mapped(path, name, entries[name], start) for field, name in found.items()}


def is_model(path: Path) -> bool:
    """Whether this package saved the file as a model; DataError for a damaged one."""
    from safetensors import SafetensorError, safe_open

    with (
        compressed.decoding(path, ".safetensors", SafetensorError, OSError, ValueError),
        safe_open(path, framework="numpy") as file,
    ):
        return MODEL in (file.metadata() or {})


def has_features(path: Path) -> bool:
    """Whether a file has features by a usual name."""
    try:
        _, entries = _header(path)
    except DataError:
        return False
    return any(named_arrays.find_pair(entries, split).X for split in ("train", "test"))


def _header(path: Path) -> tuple[int, dict[str, Any]]:
    """Where the values start, and type, shape and place of each tensor, checked by safetensors."""
    if is_model(path):
        raise DataError(
            f"{path} is a model, not data; use it as in: halfspaces predict {path.name} DATA."
        )
    with compressed.reading(path) as stream:
        length = int.from_bytes(stream.read(8), "little")
        entries = json.loads(stream.read(length))
    entries.pop("__metadata__", None)
    return 8 + length, entries


def _mapped(path: Path, name: str, entry: dict[str, Any], start: int) -> np.ndarray:
    """A tensor, memory-mapped, read-only; bfloat16 is read."""
    if entry["dtype"] not in DTYPES:
        raise DataError(
            f"{path} has {name} of type {entry['dtype']}; save it as float16 or float32."
        )
    dtype = np.dtype(DTYPES[entry["dtype"]])
    shape = tuple(entry["shape"])
    if not math.prod(shape):
        return np.empty(shape, dtype)
    place = start + entry["data_offsets"][0]
    array: np.ndarray = np.memmap(path, dtype, "r", place, shape)
    if entry["dtype"] == BFLOAT16:
        return tensors.widened(array, partial(memory.empty, path))
    return array if array.flags.aligned else array.copy()


FORMAT = Format(
    "safetensors",
    file_named(".safetensors"),
    read,
    read_features=read_features,
    summary="a .safetensors file with X and y",
)

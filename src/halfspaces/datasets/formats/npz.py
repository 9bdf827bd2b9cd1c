"""Arrays in one .npz file: X, y, perhaps X_test, y_test, X_val, y_val, class_names. Pickles are refused."""

import lzma
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.support.errors import DataError, listed

NAMES = ("X", "y", "X_test", "y_test", "X_val", "y_val", "class_names")
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def recognizes(path: Path) -> bool:
    """Whether the file is named so."""
    return path.suffix == ".npz"


def read(path: Path) -> Dataset:
    """Read X (N, D), or images (N, height, width[, channels]) which are flattened, and y (N,) of integers or strings.

    Raises DataError for missing, damaged or object arrays and for shapes that do not fit.
    """
    held = _load(path, NAMES, needed={"X", "y"})
    image_shape = named_arrays.image_shape(path, held)
    for name, array in held.items():
        if name.startswith("X"):
            held[name] = named_arrays.flatten(path, name, array)
        elif name.startswith("y"):
            held[name] = named_arrays.labels(path, name, array)
    class_names = named_arrays.class_names(path, held.pop("class_names", None), held["y"])
    return Dataset(name=path.stem, class_names=class_names, image_shape=image_shape, **held)


def read_features(path: Path) -> np.ndarray:
    """Read rows alone, (N, D): X_test, or X where there is none."""
    held = _load(path, ("X", "X_test"), needed={"X"})
    return named_arrays.flatten(path, "X", held.get("X_test", held["X"]))


def _load(path: Path, wanted: Sequence[str], needed: set[str]) -> dict[str, Any]:
    """Return the arrays that are wanted, and only those."""
    with compressed.reading(path) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                held = [
                    name.removesuffix(".npy")
                    for name in archive.namelist()
                    if name.endswith(".npy")
                ]
                _require(path, needed, held)
                return {name: _read_member(path, archive, name) for name in wanted if name in held}
        except DataError:
            raise
        except DAMAGE as error:
            raise DataError(
                f"{path} cannot be read as .npz ({error}); save it again with np.savez."
            ) from error


def _require(path: Path, needed: set[str], held: Sequence[str]) -> None:
    if not needed <= set(held):
        names = sorted(needed)
        example = ", ".join(f"{name}={name}" for name in names)
        are = "is" if len(names) == 1 else "are"
        raise DataError(
            f"{path} holds {listed(held)}, but {' and '.join(names)} {are} needed;"
            f" save it with np.savez(path, {example})."
        )


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in HEADERS:
            raise DataError(f"{path} has {name} in .npy version {version}; save a plain array.")
        shape, _, dtype = HEADERS[version](stream)
        if dtype.hasobject:
            raise DataError(
                f"{path} has {name} as Python objects, which are never read; save numbers or strings."
            )
        end = stream.tell() + math.prod(shape) * dtype.itemsize
        if end != member.file_size:  # before any memory is asked for
            promise = f"its header promises shape {shape}, up to byte {end:,}"
            raise DataError(
                f"{path} has {name} end at byte {member.file_size:,}, but {promise}; save it again."
            )
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)

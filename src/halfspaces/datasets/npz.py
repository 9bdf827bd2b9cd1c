"""A user's own arrays in one .npz file: X and y, perhaps X_test, y_test and class_names. Pickles are never read."""

import lzma
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import files
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.errors import DataError

NAMES = ("X", "y", "X_test", "y_test", "class_names")
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def recognizes(path: Path) -> bool:
    """Whether the file is named so."""
    return path.suffix == ".npz"


def read(path: Path) -> Dataset:
    """Read X (N, D), or images (N, height, width[, channels]) which are flattened, and y (N,) of integers or strings.

    Raises DataError for missing, damaged or object arrays and for shapes that do not fit.
    """
    arrays = _load(path, NAMES, needed={"X", "y"})
    image_shape = _image_shape(path, arrays["X"])
    for name, array in arrays.items():
        if name in ("X", "X_test"):
            arrays[name] = _flatten(path, name, array)
        elif name in ("y", "y_test"):
            arrays[name] = _labels(path, name, array)
    class_names = _class_names(path, arrays.pop("class_names", None), arrays["y"])
    return Dataset(name=path.stem, class_names=class_names, image_shape=image_shape, **arrays)


def read_features(path: Path) -> np.ndarray:
    """Read rows alone, (N, D): X_test, or X where there is none, from an .npz or, memory-mapped, from an .npy."""
    if path.suffix == ".npy":
        try:
            X = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise DataError(f"{path} cannot be read as .npy ({error}); save it again with np.save.") from error
        return _flatten(path, "an array", X)
    arrays = _load(path, ("X", "X_test"), needed={"X"})
    return _flatten(path, "X", arrays.get("X_test", arrays["X"]))


def _load(path: Path, wanted: Sequence[str], needed: set[str]) -> dict[str, Any]:
    """Return the arrays that are wanted, and only those."""
    with files.reading(path) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                held = [name.removesuffix(".npy") for name in archive.namelist()]
                _require(path, needed, held)
                return {name: _read_member(path, archive, name) for name in wanted if name in held}
        except DataError:
            raise
        except DAMAGE as error:
            raise DataError(f"{path} cannot be read as .npz ({error}); save it again with np.savez.") from error


def _require(path: Path, needed: set[str], held: Sequence[str]) -> None:
    if not needed <= set(held):
        listed, names = ", ".join(held) or "nothing", sorted(needed)
        example = ", ".join(f"{name}={name}" for name in names)
        are = "is" if len(names) == 1 else "are"
        raise DataError(
            f"{path} holds {listed}, but {' and '.join(names)} {are} needed; save it with np.savez(path, {example})."
        )


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in HEADERS:
            raise DataError(f"{path} has {name} in .npy version {version}; save a plain array.")
        shape, _, dtype = HEADERS[version](stream)
        if dtype.hasobject:
            raise DataError(f"{path} has {name} as Python objects, which are never read; save numbers or strings.")
        end = stream.tell() + math.prod(shape) * dtype.itemsize
        if end != member.file_size:  # before any memory is asked for
            promise = f"its header promises shape {shape}, up to byte {end:,}"
            raise DataError(f"{path} has {name} end at byte {member.file_size:,}, but {promise}; save it again.")
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)


def _image_shape(path: Path, X: np.ndarray) -> tuple[int, int, int] | None:
    if X.ndim == 2:
        return None
    if X.ndim not in (3, 4):
        needed = "(N, D), (N, height, width) or (N, height, width, channels)"
        raise DataError(f"{path} has X of shape {X.shape}; {needed} is needed.")
    height, width, *channels = X.shape[1:]
    return height, width, channels[0] if channels else 1


def _flatten(path: Path, name: str, X: np.ndarray) -> np.ndarray:
    if X.dtype.kind not in "biuf":
        raise DataError(f"{path} has {name} of type {X.dtype}; real numbers are needed.")
    if X.ndim < 2:
        raise DataError(f"{path} has {name} of shape {X.shape}; rows of features, (N, D), are needed.")
    return X.reshape(len(X), math.prod(X.shape[1:])) if X.ndim > 2 else X


def _labels(path: Path, name: str, y: np.ndarray) -> np.ndarray:
    """Labels as they are, or as integers where they are whole numbers."""
    if y.dtype.kind == "f" and np.all(y == np.round(y)):
        return y.astype(np.int64)
    if y.dtype.kind not in "biuUS":
        raise DataError(f"{path} has {name} of type {y.dtype}; labels are whole numbers or strings.")
    return y


def _class_names(path: Path, names: np.ndarray | None, y: np.ndarray) -> tuple[str, ...] | None:
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"{path} has class_names of type {names.dtype}, shape {names.shape}; save a list of strings.")
    if y.dtype.kind in "iu" and y.size and not 0 <= y.min() <= y.max() < len(names):
        labels = f"labels from {y.min()} to {y.max()}"
        raise DataError(f"{path} has {len(names)} class_names but {labels}; each label must be the index of its name.")
    return tuple(names.tolist())

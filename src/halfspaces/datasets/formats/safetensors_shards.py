"""A folder of .safetensors files with X and y each: emb_0.safetensors, emb_1.safetensors, ..."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files.folder import name_of
from halfspaces.datasets.formats import joined, safetensors, unread
from halfspaces.datasets.formats.class_folders import natural
from halfspaces.datasets.formats.file_pairs import SUFFIXES
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.from_arrays import from_arrays, rows_to_predict
from halfspaces.datasets.split_words import split_of
from halfspaces.system.errors import DataError, listed

SUFFIX = ".safetensors"

Files = Mapping[Path, Mapping[str, np.ndarray]]  # the arrays of each file, by field


def recognizes(path: Path) -> bool:
    """Whether it is a folder with such a file; weights of a model are none."""
    return path.is_dir() and any(map(safetensors.has_features, path.glob(f"*{SUFFIX}")))


def read(folder: Path) -> Dataset:
    """Read the rows and labels of all files in the natural order of their names.

    Splits are words of the names, such as test-00000-of-00002; a single file may hold all of them.
    Raises DataError for files that do not fit together.
    """
    arrays: dict[str, np.ndarray] = {}
    splits = _splits(folder)
    for split, paths in splits.items():
        files = {path: safetensors.load(path, named_arrays.find_arrays) for path in paths}
        _check_lengths(files)
        for field in dict.fromkeys(itertools.chain(*files.values())):
            name = f"{field}{SUFFIXES[split]}"
            if name in arrays or (split != "train" and field not in ("X", "y")):
                raise DataError(f"{folder} has {name} in several files; keep one of them.")
            arrays[name] = _joined(files, field)
    dataset = from_arrays(folder, name_of(folder), arrays, (_named(splits["train"]),))
    others = unread.note(folder, lambda name: name.endswith(SUFFIX))
    return replace(dataset, notes=(*dataset.notes, *others))


def read_features(folder: Path) -> RowsToPredict:
    """Read the rows of the test split if there is one, else all; they need no labels."""
    splits = _splits(folder)
    paths = splits.get("test") or splits["train"]
    files = {path: safetensors.load(path, safetensors.find_rows) for path in paths}
    return rows_to_predict(folder, "X", _joined(files, "X"))


def _splits(folder: Path) -> dict[str, list[Path]]:
    """The files of each split, that for training first; models of this package are left out."""
    found: dict[str, list[Path]] = {}
    paths = itertools.filterfalse(safetensors.is_model, folder.glob(f"*{SUFFIX}"))
    for path in sorted(paths, key=lambda path: natural(path.name)):
        found.setdefault(split_of(path.stem) or "train", []).append(path)
    if "train" not in found:
        names = [path.name for paths in found.values() for path in paths]
        raise DataError(
            f"The folder {folder} holds {listed(names)} and no file for training; name it"
            f" train{SUFFIX}."
        )
    return {split: found[split] for split in SUFFIXES if split in found}


def _check_lengths(files: Files) -> None:
    """Raise DataError unless each file has as many labels as rows."""
    for path, arrays in files.items():
        X, y = arrays["X"], arrays["y"]
        if not X.ndim or not y.ndim or len(X) != len(y):
            raise DataError(
                f"{path} has X of shape {X.shape} and y of {y.shape}; give one label a row."
            )


def _joined(files: Files, field: str) -> np.ndarray:
    """One field of all files."""
    having = next(path.name for path, arrays in files.items() if field in arrays)
    for path, arrays in files.items():
        if field not in arrays:
            raise DataError(f"{path} has no {field}, which {having} has; add it.")
    parts = {path: arrays[field] for path, arrays in files.items()}
    return joined.rows(parts) if field.startswith("X") else joined.labels(parts)


def _named(paths: list[Path]) -> str:
    """The names of the files, in words."""
    if len(paths) == 1:
        return f"features and labels: {paths[0].name}"
    return f"features and labels: {paths[0].name} to {paths[-1].name}, {len(paths):,} files"


FORMAT = Format(
    "safetensors_shards",
    recognizes,
    read,
    read_features=read_features,
    summary="a folder of .safetensors files with X and y",
)

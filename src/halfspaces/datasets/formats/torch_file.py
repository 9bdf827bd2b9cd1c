"""Tensors of features and labels in a .pt or .pth file of torch; nothing in it is ever run.

torch reads it with `weights_only=True`: tensors, numbers, strings, lists, tuples, dictionaries.
"""

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import batches, named_arrays
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import compressed
from halfspaces.datasets.files.folder import name_of
from halfspaces.datasets.formats.file_pairs import SUFFIXES, FilePairs
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.from_arrays import CLASS_NAMES, from_arrays, rows_to_predict
from halfspaces.datasets.optional import TORCH
from halfspaces.datasets.split_words import SPLIT_OF_WORD
from halfspaces.system import memory, tensors
from halfspaces.system.errors import DataError

Find = Callable[[Path, Sequence[str]], dict[str, str]]
SAVE = "torch.save({'X': X, 'y': y}, path)"


FILES = (FilePairs(".pt", "torch.save(X, 'X.pt')"), FilePairs(".pth", "torch.save(X, 'X.pth')"))


def recognizes(path: Path) -> bool:
    """Whether it is a .pt or .pth file, or a folder with features and labels in two of them."""
    if path.is_dir():
        return _pairs_in(path) is not None
    return path.suffix in [files.suffix for files in FILES]


def read(path: Path) -> Dataset:
    """Read a dictionary of tensors by the usual names, (X, y), or a list of examples or batches.

    A dictionary may have one for each split, called train, test and validation. X may also be alone
    in its file, with y in another beside it: features.pt and labels.pt, perhaps for each split.
    Tensors of files that torch.save writes stay on disk, mapped. Raises DataError for anything but
    tensors, numbers and strings, and for shapes that do not fit.
    """
    content = None if path.is_dir() else _load(path)
    if content is not None and not tensors.is_tensor(content):
        return from_arrays(path, path.stem, _arrays(path, content, named_arrays.find_arrays))
    files = _pairs_in(path) or next(each for each in FILES if each.suffix == path.suffix)
    arrays: dict[str, np.ndarray] = {}
    for split, pair in files.splits(path).items():
        for kind, file in (("X", pair.X), ("y", pair.labels)):
            arrays[f"{kind}{SUFFIXES[split]}"] = _array(file, "its content", _load(file))
    name = name_of(path) if path.is_dir() else path.stem
    dataset = from_arrays(path, name, arrays)
    return replace(dataset, notes=(*dataset.notes, *files.unread_note(path)))


def read_features(path: Path) -> RowsToPredict:
    """Read the rows or images of X_test, or of X if there is none; or a tensor alone."""
    files = _pairs_in(path)
    path = path if files is None else files.rows_to_predict(path)
    content = _load(path)
    if tensors.is_tensor(content):
        return rows_to_predict(path, "the tensor", _array(path, "the tensor", content))
    return rows_to_predict(path, "X", _arrays(path, content, _find_rows)["X"])


def _pairs_in(folder: Path) -> FilePairs | None:
    """The files of a folder with features and labels apart, if it has them."""
    for files in FILES if folder.is_dir() else ():
        if all(named_arrays.find_pair(files.stems(folder), "train")):
            return files
    return None


def _find_rows(path: Path, names: Sequence[str]) -> dict[str, str]:
    return {"X": named_arrays.find_features(path, names)}


def _load(path: Path) -> Any:
    """The content, on the processor; mapped where the file allows it."""
    import torch

    load = partial(torch.load, path, map_location="cpu", weights_only=True)
    try:
        try:
            return load(mmap=True)
        except RuntimeError:  # an older format, which cannot be mapped
            return load()
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} holds more than tensors, numbers and strings, or is damaged, and nothing in"
            f" it is run; save tensors alone: {SAVE}."
        ) from error
    except Exception as error:  # torch's errors on damaged files are of many types
        cause = f"{type(error).__name__}: {compressed.cause(error)}"
        raise DataError(
            f"{path} is damaged, or torch did not write it ({cause}); save it again: {SAVE}."
        ) from error


def _arrays(path: Path, content: Any, find: Find) -> dict[str, np.ndarray]:
    """The arrays by field of `Dataset`, and the names of classes."""
    if isinstance(content, Mapping):
        named = dict(_flat(content))
        found = find(path, list(named))
        if CLASS_NAMES in named:
            found[CLASS_NAMES] = CLASS_NAMES
        return {field: _array(path, name, named[name]) for field, name in found.items()}
    if isinstance(content, (tuple, list)) and _is_pair(content):
        return {name: _array(path, name, each) for name, each in zip("Xy", content, strict=True)}
    if isinstance(content, (tuple, list)) and content and isinstance(content[0], (Mapping, tuple)):
        X, y = batches.written(str(path), content)
        return {"X": X, "y": y}
    raise DataError(f"{path} holds {_described(content)}, but X and y are needed; use {SAVE}.")


def _flat(content: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    """The entries with names, and those of dictionaries called by a split as split_name."""
    for name, value in content.items():
        split = SPLIT_OF_WORD.get(str(name).lower())
        if split is None:
            yield str(name), value
        elif isinstance(value, Mapping):
            yield from ((f"{split}_{inner}", each) for inner, each in value.items())
        elif isinstance(value, (tuple, list)) and _is_pair(value):
            yield from zip((f"{split}_X", f"{split}_y"), value, strict=True)


def _is_pair(content: Sequence[Any]) -> bool:
    """Whether it is features with several rows, and their labels."""
    return len(content) == 2 and tensors.is_tensor(content[0]) and content[0].ndim > 1


def _array(path: Path, name: str, value: Any) -> np.ndarray:
    """A tensor or a list of numbers or strings as an array."""
    try:
        array = np.asarray(tensors.as_numpy(value, partial(memory.empty, path)))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path} has {name} in a form that is not read ({compressed.cause(error)}); use {SAVE}."
        ) from error
    if array.dtype.kind not in "biufU":
        raise DataError(f"{path} has {name} as {_described(value)}; save a dense tensor of it.")
    return array


def _described(content: Any) -> str:
    """What it is, in words.

    >>> _described([1, 2, 3])
    'a list of 3'
    """
    shape = getattr(content, "shape", None)
    size = f" of shape {tuple(shape)}" if shape is not None else ""
    if isinstance(content, (list, tuple, dict)):
        size = f" of {len(content):,}"
    return f"a {type(content).__name__}{size}"


FORMAT = Format(
    "torch",
    recognizes,
    read,
    read_features=read_features,
    needs=(TORCH,),
    summary="a .pt file of tensors X and y",
)

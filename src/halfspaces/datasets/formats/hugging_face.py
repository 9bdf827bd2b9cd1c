"""Folders that Hugging Face's `datasets` wrote by save_to_disk: Arrow streams and JSON, read by pyarrow alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.formats import tables
from halfspaces.support.errors import DataError

DICT, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"
LARGEST = 1 << 26  # bytes of JSON


def recognizes(folder: Path) -> bool:
    """Whether the folder has the JSON of a Dataset or a DatasetDict."""
    return (folder / DICT).is_file() or (folder / STATE).is_file()


def read(folder: Path, label: str | None = None) -> Dataset:
    """Read a Dataset, or the splits train, test and validation of a DatasetDict.

    Columns are found as in any table (`tables.read`); a ClassLabel names the classes. Raises DataError as it does, and
    for JSON that is damaged or points out of the folder.
    """
    splits = _splits(folder)
    info = splits["train"] / INFO
    features = _json(info).get("features") if info.is_file() else None
    return tables.read_shards(
        folder.resolve().name,
        {split: _shards(held) for split, held in splits.items()},
        label,
        class_names=lambda column: tables.named_classes(features, column),
    )


def read_features(folder: Path, label: str | None = None) -> np.ndarray:
    """Read rows alone, (N, D), of the test split where there is one."""
    splits = _splits(folder)
    return tables.rows_alone(_shards(splits.get("test", splits["train"])), label)


def _splits(folder: Path) -> dict[str, Path]:
    if not (folder / DICT).is_file():
        return {"train": folder}
    names = _json(folder / DICT).get("splits")
    if not isinstance(names, list) or "train" not in names:
        raise DataError(
            f"{folder / DICT} has the splits {names}, and none is 'train'; open the folder of one of them."
        )
    return {split: folder / split for split in ("train", "test", "validation") if split in names}


def _shards(folder: Path) -> list[tables.Shard]:
    state = _json(folder / STATE)
    if state.get("_indices_data_files"):
        raise DataError(
            f"{folder} holds a selection of rows; write them with flatten_indices().save_to_disk(...)."
        )
    files = state.get("_data_files")
    names = [file.get("filename") if isinstance(file, dict) else None for file in files or ()]
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(tables.ARROW):
            raise DataError(
                f"{folder / STATE} names the file {name!r}; it must name .arrow files in its folder."
            )
    if not names:
        raise DataError(f"{folder / STATE} names no files; save the data set again.")
    return [tables.open_shard(folder / name) for name in names if name is not None]


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(
                f"{path} has {path.stat().st_size:,} bytes, too many for a description; save it again."
            )
        held = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} cannot be read as JSON ({error}); save the data set again."
        ) from error
    if not isinstance(held, dict):
        raise DataError(f"{path} holds no JSON object; save the data set again.")
    return held

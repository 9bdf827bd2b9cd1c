"""Folders that Hugging Face's `datasets` wrote by save_to_disk: Arrow streams and JSON.

pyarrow alone reads them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import json_file
from halfspaces.datasets.files.folder import name_of
from halfspaces.datasets.formats import arrow, table_columns, tables
from halfspaces.datasets.formats.format import Format, folder_with
from halfspaces.datasets.formats.shard import Shard
from halfspaces.datasets.formats.table_columns import Options
from halfspaces.datasets.formats.table_labels import ShardNames
from halfspaces.datasets.optional import PYARROW
from halfspaces.system.errors import DataError

DICT = "dataset_dict.json"
STATE = "state.json"
INFO = "dataset_info.json"


def read(folder: Path, **options: Unpack[Options]) -> Dataset:
    """Read a Dataset, or the splits train, test and validation of a DatasetDict.

    Columns are found as in any table (`tables.read`); a ClassLabel names the classes. Raises
    DataError as `tables.read` does, and for JSON that is damaged or points out of the folder.
    """
    folders = _splits(folder)
    return tables.read_shards(
        name_of(folder),
        {split: _shards(each) for split, each in folders.items()},
        options,
        names_in=_class_names,
    )


def _class_names(label: str) -> ShardNames:
    """The names of the classes in a column, by the file beside each Arrow file."""

    def names(shard: Shard) -> Sequence[str] | None:
        info = shard.path.parent / INFO
        features = json_file.read(info).get("features") if info.is_file() else None
        return table_columns.named_classes(features, label)

    return names


def read_features(folder: Path, **options: Unpack[Options]) -> RowsToPredict:
    """Read the rows of the test split, or of the training split if there is none."""
    return tables.read_rows(splits(folder), options)


def splits(folder: Path) -> dict[str, list[Shard]]:
    """The opened files of each split."""
    return {split: _shards(each) for split, each in _splits(folder).items()}


def _splits(folder: Path) -> dict[str, Path]:
    """The folder of each split."""
    if not (folder / DICT).is_file():
        return {"train": folder}
    names = json_file.read(folder / DICT).get("splits")
    if not isinstance(names, list) or "train" not in names:
        raise DataError(
            f"{folder / DICT} has the splits {names}, and none is 'train';"
            " open the folder of one of them."
        )
    return {split: folder / split for split in ("train", "test", "validation") if split in names}


def _shards(folder: Path) -> list[Shard]:
    path = folder / STATE
    state = json_file.read(path)
    if state.get("_indices_data_files"):
        raise DataError(
            f"{folder} holds a selection of rows;"
            " write them with flatten_indices().save_to_disk(...)."
        )
    files = state.get("_data_files")
    if not isinstance(files, list) or not files:
        raise DataError(f"{path} names no files; save the data set again.")
    return [arrow.open_shard(folder / _file_name(path, file)) for file in files]


def _file_name(path: Path, file: object) -> str:
    """The name of an Arrow file in the folder; DataError for anything else, such as a path."""
    name = file.get("filename") if isinstance(file, dict) else None
    if not isinstance(name, str) or Path(name).name != name or not name.endswith(arrow.SUFFIXES):
        raise DataError(f"{path} names the file {name!r}; it must name .arrow files in its folder.")
    return name


FORMAT = Format(
    "hugging_face",
    folder_with(DICT, STATE),
    read,
    read_features=read_features,
    options=tables.OPTIONS,
    needs=(PYARROW,),
    summary="a folder that Hugging Face's save_to_disk wrote",
)

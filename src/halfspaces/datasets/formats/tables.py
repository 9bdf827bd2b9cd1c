"""Tables in Parquet and Arrow files, one file or a folder of shards."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.formats import arrow, parquet, table_columns, table_values
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.shard import Shard
from halfspaces.datasets.formats.table_columns import ClassNames
from halfspaces.datasets.optional import PYARROW
from halfspaces.system.errors import DataError, listed


def recognizes(path: Path) -> bool:
    """Whether it is a Parquet or Arrow file by its suffix, or a folder with such a file."""
    if path.is_dir():
        return any(map(_is_named_so, path.iterdir()))
    return _is_named_so(path)


def read(path: Path, label: str | None = None) -> Dataset:
    """Read one file, or a folder of train-*, test-* and validation-*, joined in order of names.

    X is one column of lists of equal length, fixed size or not, or all numeric columns but the
    label, in order. Beside a column of lists, only the label is used. An uncompressed Arrow file of
    one batch is used from disk. Files that name no split are training. The label is the column
    `label`, or the first called label, labels, y, target, targets or class.

    Raises DataError for missing values, columns that are not numbers, missing labels, and shards
    that disagree.
    """
    return read_shards(path.resolve().stem, _splits(path), label)


def read_features(path: Path, label: str | None = None) -> np.ndarray:
    """Read rows (N, D) without labels: those of the test split if there is one."""
    splits = _splits(path)
    return read_rows(splits.get("test", splits["train"]), label)


def read_rows(shards: Sequence[Shard], label: str | None) -> np.ndarray:
    """Read the features of opened shards, which need no labels."""
    columns = table_columns.choose_columns(shards[0], label, needs_label=False)
    return table_values.features(shards, columns)


def read_shards(
    name: str,
    splits: Mapping[str, Sequence[Shard]],
    label: str | None,
    class_names: ClassNames | None = None,
) -> Dataset:
    """Read opened shards: the split train, and test and validation if they exist.

    `class_names` returns the names of the classes in a column; without it they come from the
    schema of the first file.
    """
    first = splits["train"][0]
    columns = table_columns.choose_columns(first, label)
    assert columns.label is not None
    y = table_values.labels(splits["train"], columns.label)
    names = (class_names or table_columns.schema_class_names(first.schema))(columns.label)
    parts: dict[str, Any] = {}
    for split, suffix in {"test": "test", "validation": "val"}.items():
        if split in splits:
            parts[f"X_{suffix}"] = table_values.features(splits[split], columns)
            parts[f"y_{suffix}"] = table_values.labels(splits[split], columns.label)
    return Dataset(
        name=name,
        X=table_values.features(splits["train"], columns),
        y=y,
        class_names=named_arrays.class_names(
            first.path, None if names is None else np.array(names, str), y
        ),
        **parts,
    )


def _is_named_so(path: Path) -> bool:
    return path.suffix in parquet.SUFFIXES + arrow.SUFFIXES


def _splits(path: Path) -> dict[str, list[Shard]]:
    """The opened files of each split."""
    if not path.is_dir():
        return {"train": [_open_shard(path)]}
    files: dict[str, list[Path]] = {}
    for file in sorted(filter(_is_named_so, path.iterdir())):
        files.setdefault(_split(file.name), []).append(file)
    if "train" not in files:
        names = listed(file.name for split in files.values() for file in split)
        raise DataError(
            f"The folder {path} holds {names} and no file for training; name it train.parquet."
        )
    return {split: [_open_shard(file) for file in each] for split, each in files.items()}


def _open_shard(path: Path) -> Shard:
    opener = parquet if path.suffix in parquet.SUFFIXES else arrow
    return opener.open_shard(path)


def _split(name: str) -> str:
    """The split that a file belongs to.

    >>> _split("test-00000-of-00002.parquet"), _split("latest.parquet")
    ('test', 'train')
    """
    first = re.split(r"[-_.]", name.lower(), maxsplit=1)[0]
    return named_arrays.SPLIT_OF_WORD.get(first, "train")


FORMAT = Format(
    "tables",
    recognizes,
    read,
    read_features=read_features,
    options=("label",),
    needs=(PYARROW,),
    summary=".parquet or .arrow files",
)

"""Tables in Parquet, Arrow, CSV and JSON lines files, one file or a folder of shards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import foreign
from halfspaces.datasets.formats import (
    arrow,
    csv,
    image_names,
    json_lines,
    label_copies,
    label_tables,
    parquet,
    table_columns,
    table_labels,
    table_pairs,
    table_splits,
    table_values,
    unread,
)
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.shard import Shard
from halfspaces.datasets.formats.table_columns import Columns, Options
from halfspaces.datasets.formats.table_labels import ShardNames
from halfspaces.datasets.optional import PYARROW
from halfspaces.datasets.split_words import SPLIT_OF_WORD, USES, words
from halfspaces.system.errors import DataError, listed
from halfspaces.system.mark import HISTORY

Splits = Mapping[str, Sequence[Shard]]
OPTIONS = tuple(Options.__annotations__)


@dataclass(frozen=True)
class TableFiles:
    """The reader of files with some suffixes, or of folders with such files.

    `openers` are the functions that open a file, by its suffix.
    """

    openers: Mapping[str, Callable[[Path], Shard]]

    def recognizes(self, path: Path) -> bool:
        """Whether it is a file with such a suffix, or a folder with such a file."""
        if path.is_dir():
            return any(self._files_in(path))
        return self._suffix(path) is not None

    def read(self, path: Path, **options: Unpack[Options]) -> Dataset:
        """Read one file, or a folder of train-*, test-* and validation-*, joined in order of names.

        X is one column of lists of equal length, fixed size or not, or all numeric columns but the
        label, in order, without keys of the rows and columns to ignore. Beside a column of lists,
        only the label is used. An uncompressed Arrow file of one batch is used from disk. Files
        that name no split are training, or are split by a column. X_train and y_train are joined.
        The label is the column `label`, or the first called label, labels, y, target, targets or
        class, or the only one of texts where that is clear: see `only_text`.

        Raises DataError for missing values, columns that are not numbers, missing labels, and
        shards that disagree.
        """
        name = path.resolve().name
        if path.is_file():
            name = name.removesuffix(self._suffix(path) or "")
        dataset = read_shards(name, self.splits(path), options)
        used = {file.name for file in self._files_in(path)} if path.is_dir() else set[str]()
        others = unread.note(path, used.__contains__)
        return replace(dataset, notes=(*dataset.notes, *others))

    def read_features(self, path: Path, **options: Unpack[Options]) -> RowsToPredict:
        """Read rows (N, D) without labels: those of the test split if there is one."""
        return read_rows(self.splits(path), options)

    def splits(self, path: Path) -> dict[str, list[Shard]]:
        """The opened files of each split."""
        if not path.is_dir():
            return {"train": [self._open(path)]}
        files: dict[str, list[Path]] = {}
        for file in self._files_in(path):
            files.setdefault(_split(file.name), []).append(file)
        if "train" not in files:
            names = [file.name for split in files.values() for file in split]
            suffix = self._suffix(path / names[0])
            raise DataError(
                f"The folder {path} holds {listed(names)} and no file for training;"
                f" name it train{suffix}."
            )
        return {split: self._opened(split, each) for split, each in files.items()}

    def _opened(self, split: str, files: Sequence[Path]) -> list[Shard]:
        """The shards of a split; a file of features and one of labels are joined to one."""
        stems = {file.name.removesuffix(self._suffix(file) or ""): file for file in files}
        pair = table_pairs.find(stems, split)
        if pair is None:
            return [self._open(file) for file in files]
        return [table_pairs.joined(*map(self._open, pair))]

    def first(self, path: Path) -> Shard:
        """The file, or the first one in a folder, opened."""
        return self._open(self._files_in(path)[0] if path.is_dir() else path)

    def _files_in(self, folder: Path) -> list[Path]:
        """The shards in a folder.

        The history of a training that lies there is none, nor are the table of labels of images,
        and examples of submissions, which have made-up labels.
        """
        files = filter(self._suffix, folder.iterdir())
        found = sorted(file for file in files if not file.name.endswith(HISTORY))
        shards = [file for file in found if not label_tables.is_example(file.name)] or found
        of_images = [file.name for file in shards] == [label_tables.OF_PARQUET]
        return [] if of_images and image_names.has_image(folder) else shards

    def _open(self, path: Path) -> Shard:
        foreign.check_content(path)
        return self.openers[self._suffix(path) or path.suffix](path)

    def _suffix(self, path: Path) -> str | None:
        return next(filter(path.name.lower().endswith, self.openers), None)


def read_rows(splits: Splits, options: Options) -> RowsToPredict:
    """Read the features of opened shards, which need no labels."""
    splits, options = by_split(splits, options)
    shards = splits.get("test", splits["train"])
    columns = table_columns.choose_columns(shards, options, needs_label=False)
    keys: dict[str, np.ndarray] = {}
    if columns.key is not None:
        keys[columns.key] = table_values.keys(shards, columns.key)
    X = table_values.features(shards, columns)
    shape = columns.image_shape
    images = None if shape is None else X.reshape(-1, *shape)
    return RowsToPredict(X, images, keys, columns.left_out_notes)


def read_shards(
    name: str,
    splits: Splits,
    options: Options,
    names_in: Callable[[str], ShardNames] = table_labels.schema_names,
) -> Dataset:
    """Read opened shards: the split train, and test and validation if they exist.

    `names_in` returns where the names of the classes in a column are found.
    """
    import pyarrow

    splits, options = by_split(splits, options)
    first = splits["train"][0]
    columns = table_columns.choose_columns(splits["train"], options)
    assert columns.label is not None
    labels = table_labels.read(splits, columns.label, names_in(columns.label))
    y = labels.y["train"]
    unlabelled = [split for split in splits if split not in labels.y]
    parts = _of_rows({split: splits[split] for split in labels.y}, options)
    for split, suffix in {"test": "test", "validation": "val"}.items():
        if split in labels.y:
            parts[f"X_{suffix}"] = table_values.features(splits[split], columns, first.path)
            parts[f"y_{suffix}"] = labels.y[split]
    X = table_values.features(splits["train"], columns)
    pyarrow.default_memory_pool().release_unused()  # hundreds of megabytes
    return Dataset(
        name=name,
        X=X,
        y=y,
        class_names=_class_names(first.path, labels.class_names, y),
        notes=(
            *_found(first),
            columns.taken_note,
            *columns.left_out_notes,
            *labels.notes,
            *_copies_note(X, y, columns, options),
            *(_unlabelled_note(split, splits[split]) for split in unlabelled),
        ),
        image_shape=columns.image_shape,
        conventions=columns.conventions,
        **parts,
    )


def _copies_note(X: Any, y: np.ndarray, columns: Columns, options: Options) -> tuple[str, ...]:
    """A line on copies of the label among the columns, where these are chosen."""
    if columns.are_lists or columns.image_shape or (options.get("like") or Conventions()).columns:
        return ()
    return label_copies.note(X, y, columns.features)


def _unlabelled_note(split: str, shards: Sequence[Shard]) -> str:
    rows = sum(shard.rows for shard in shards)
    return f"left out: the {rows:,} rows {USES[split]}, which have no labels"


def _class_names(path: Path, names: Sequence[str] | None, y: np.ndarray) -> tuple[str, ...] | None:
    return named_arrays.class_names(path, None if names is None else np.array(names, str), y)


def _of_rows(splits: Splits, options: Options) -> dict[str, Any]:
    """The groups and weights of the rows, where the options name their columns."""
    parts: dict[str, Any] = {}
    if (group := options.get("group")) is not None:
        groups = table_values.groups(splits["train"], group)
        parts["groups"] = groups
        parts["shared_groups"] = {
            split: table_values.shared_groups(groups, shards, group)
            for split, shards in splits.items()
            if split != "train"
        }
    if (weight := options.get("weight")) is not None:
        parts["weight"] = table_values.weights(splits["train"], weight)
        if "validation" in splits:
            parts["weight_val"] = table_values.weights(splits["validation"], weight)
    return parts


def by_split(splits: Splits, options: Options) -> tuple[Splits, Options]:
    """The rows of each split, by files or by a column, which is then no feature."""
    column = options.get("split")
    is_one = list(splits) == ["train"]
    if column is not None and not is_one:
        raise DataError(
            f"{splits['train'][0].path} lies beside files of other splits,"
            f" so no column {column!r} is needed; leave --split out."
        )
    if column is None and is_one:
        column = table_splits.find_column(splits["train"])
    if column is None:
        return splits, options
    return table_splits.by_column(splits["train"], column), {**options, "split": column}


def _found(shard: Shard) -> tuple[str, ...]:
    return (shard.note,) if shard.note else ()


def _split(name: str) -> str:
    """The split that a file belongs to: that of the first word that says one.

    >>> [_split(name) for name in ("test-00000-of-00002.parquet", "adultTest.csv", "latest.csv")]
    ['test', 'test', 'train']
    """
    splits = (SPLIT_OF_WORD[word] for word in words(name) if word in SPLIT_OF_WORD)
    return next(splits, "train")


_COLUMNAR = TableFiles(
    {
        **dict.fromkeys(parquet.SUFFIXES, parquet.open_shard),
        **dict.fromkeys(arrow.SUFFIXES, arrow.open_shard),
    }
)


def columnar_splits(path: Path) -> Splits:
    """The opened Parquet or Arrow files of each split."""
    return _COLUMNAR.splits(path)


def first_columnar(path: Path) -> Shard | None:
    """The first opened Parquet or Arrow file; None if the path holds none."""
    return _COLUMNAR.first(path) if _COLUMNAR.recognizes(path) else None


_TEXT = TableFiles(dict.fromkeys(csv.SUFFIXES, csv.open_shard))
_LINES = TableFiles(dict.fromkeys(json_lines.SUFFIXES, json_lines.open_shard))
FORMAT = Format(
    "tables",
    _COLUMNAR.recognizes,
    _COLUMNAR.read,
    read_features=_COLUMNAR.read_features,
    options=OPTIONS,
    needs=(PYARROW,),
    summary=".parquet or .arrow files",
)
CSV = Format(
    "csv",
    _TEXT.recognizes,
    _TEXT.read,
    read_features=_TEXT.read_features,
    options=OPTIONS,
    needs=(PYARROW,),
    summary=".csv or .tsv files",
)
JSON_LINES = Format(
    "jsonl",
    _LINES.recognizes,
    _LINES.read,
    read_features=_LINES.read_features,
    options=OPTIONS,
    needs=(PYARROW,),
    summary=".jsonl files",
)

"""Data sets whose rows lie in partitions on an engine.

Parquet files that a pattern names are read by the workers, a partition for each file; the client
reads their footers, labels, groups and weights. Other data are opened here and sent to workers.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.formats import parquet, table_columns, table_labels, table_values
from halfspaces.datasets.formats.arrow_types import is_list, stored
from halfspaces.datasets.formats.shard import BATCH_ROWS, Shard, check_names, reading
from halfspaces.datasets.formats.table_columns import Columns, Options
from halfspaces.datasets.optional import FSSPEC, PYARROW
from halfspaces.engines.base import Engine, Read
from halfspaces.engines.placed import PartitionedRows, check_rows, place
from halfspaces.support.types import Array
from halfspaces.system.errors import DataError

OPENED = 16  # files whose footers are read at the same time
OPTIONS = ("label", "ignore", "group", "weight", "like")


def is_pattern(given: object) -> bool:
    """Whether this names several files: it has a star, and no file has this name.

    >>> is_pattern("s3://bucket/part-*.parquet"), is_pattern("part-0.parquet")
    (True, False)
    """
    return (
        isinstance(given, str | os.PathLike)
        and "*" in os.fspath(given)
        and not os.path.exists(given)
    )


def placed(dataset: Dataset, engine: Engine) -> Dataset:
    """The data set with its rows, those of all splits, on an engine.

    Raises TypeError for sparse rows.

    >>> from halfspaces.engines import Threads
    >>> tiny = Dataset("tiny", np.eye(3), np.arange(3))
    >>> placed(tiny, Threads(2)).X.engine.name
    'threads'
    """
    splits = {name: getattr(dataset, name) for name in ("X", "X_val", "X_test")}
    on: dict[str, Any] = {name: place(X, engine) for name, X in splits.items() if X is not None}
    return replace(dataset, **on, notes=(*dataset.notes, _where(on["X"])))


def open_pattern(
    pattern: str, engine: Engine, storage: Mapping[str, Any], options: Options
) -> Dataset:
    """The labelled rows of Parquet files, which workers read where the files lie.

    Raises
    ------
    DataError
        For a pattern without files, a file that cannot be read, and files of other columns than
        the first one; as `TableFiles.read`.
    """
    files = Files.of(pattern, storage)
    columns = files.columns(options)
    assert columns.label is not None
    of_label = table_labels.schema_names(columns.label)
    labels = table_labels.read({"train": files.shards}, columns.label, of_label)
    X: Any = files.rows(columns, engine)
    group, weight = options.get("group"), options.get("weight")
    return Dataset(
        name=pattern,
        X=X,
        y=labels.y["train"],
        class_names=labels.class_names,
        groups=None if group is None else table_values.groups(files.shards, group),
        weight=None if weight is None else table_values.weights(files.shards, weight),
        conventions=columns.conventions,
        notes=(_where(X), columns.taken_note, *columns.left_out_notes, *labels.notes),
    )


def rows_of_pattern(
    pattern: str, engine: Engine, storage: Mapping[str, Any], options: Options
) -> RowsToPredict:
    """The rows of such files without labels, and the column that names them, if there is one."""
    files = Files.of(pattern, storage)
    columns = files.columns(options, needs_label=False)
    keys = {}
    if columns.key is not None:
        keys[columns.key] = table_values.keys(files.shards, columns.key)
    X: Any = files.rows(columns, engine)
    return RowsToPredict(X, keys=keys, notes=(_where(X), *columns.left_out_notes))


@dataclass(frozen=True, eq=False)
class Files:
    """Parquet files of one file system: their names there, and each of them opened."""

    system: Any  # of fsspec
    names: Sequence[str]
    shards: Sequence[Shard]

    @classmethod
    def of(cls, pattern: str, storage: Mapping[str, Any]) -> "Files":
        """The files of a pattern, in the order of their names."""
        FSSPEC.load(pattern)
        PYARROW.load(pattern)
        from halfspaces.engines.parquet import files_of

        system, names = files_of(pattern, storage)
        others = [name for name in names if not name.lower().endswith(parquet.SUFFIXES)]
        if others:
            raise DataError(
                f"{pattern} names {others[0]}, and workers read Parquet files; give a pattern that"
                " ends in .parquet."
            )
        with ThreadPoolExecutor(OPENED) as threads:
            return cls(system, names, list(threads.map(partial(_shard, system), names)))

    def columns(self, options: Options, *, needs_label: bool = True) -> Columns:
        """The label and the features, as of the first file; all files must have them."""
        first = self.shards[0]
        found = table_columns.choose_columns([first], options, needs_label=needs_label)
        for shard in self.shards[1:]:
            table_columns.check_same_columns(shard, found, first.path)
        return found

    def rows(self, columns: Columns, engine: Engine) -> PartitionedRows:
        """The features on an engine: each file is a partition, which a worker reads."""
        dtype = check_rows(np.empty((0, 1), table_values.common_dtype(self.shards, columns))).dtype
        sources = tuple(
            Read(_read, (self.system, name, columns, dtype), name) for name in self.names
        )
        starts = np.cumsum([0, *(shard.rows for shard in self.shards)])
        if not starts[-1]:
            raise DataError(f"{self.names[0]} has columns but no rows; give at least one example.")
        names = None if columns.are_lists else columns.features
        width = _width(self.shards, columns)
        return PartitionedRows(engine, sources, starts.astype(np.int64), width, dtype, names)


def _where(X: PartitionedRows) -> str:
    count = len(X.sources)
    return f"rows lie in {count:,} partition{'s' if count > 1 else ''} on {X.engine.name}"


def _shard(system: Any, name: str) -> Shard:
    """A file of a file system, opened; its rows are read where they are asked for."""
    import pyarrow.parquet

    path = Path(name)

    def batches(names: Sequence[str]) -> Iterator[Any]:
        with system.open(name) as stream:
            file = pyarrow.parquet.ParquetFile(stream, page_checksum_verification=True)
            yield from file.iter_batches(BATCH_ROWS, columns=list(names))

    with reading(path, parquet.KIND), system.open(name) as stream:
        file = pyarrow.parquet.ParquetFile(stream)
        schema, rows = file.schema_arrow, file.metadata.num_rows
        check_names(path, schema.names)
        return Shard(path, parquet.KIND, schema, rows, batches, stored=system.size(name))


def _read(system: Any, name: str, columns: Columns, dtype: np.dtype) -> Array:
    """The features (n, D) of a file, on a worker."""
    path = Path(name)
    if path.is_file() and "file" in system.protocol:
        shard = parquet.open_shard(path)
    else:
        content = system.cat_file(name)
        shard = replace(parquet.open_shard(path, content), stored=len(content))
    if not shard.rows:
        return np.empty((0, _width([shard], columns)), dtype)
    return table_values.features([shard], columns).astype(dtype, copy=False)


def _width(shards: Sequence[Shard], columns: Columns) -> int:
    """D: the number of columns, or of values in a list, of which one may have to be read."""
    import pyarrow.types as of

    if not columns.are_lists:
        return len(columns.features)
    (name,) = columns.features
    kind = stored(shards[0].schema.field(name).type)
    width = 1
    while of.is_fixed_size_list(kind):
        width *= kind.list_size
        kind = stored(kind.value_type)
    if not is_list(kind):
        return width
    for shard in shards:
        for batch in shard.batches([name]):
            if batch.num_rows:
                return len(np.ravel(np.array(batch.column(0)[0].as_py())))
    return 0

"""Features and labels in two tables of a folder: X_train.csv and y_train.csv, row by row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from halfspaces.datasets import named_arrays
from halfspaces.datasets.formats import table_keys
from halfspaces.datasets.formats.shard import Batches, Shard
from halfspaces.system.errors import DataError, listed

LABEL = "label"


def find(stems: Mapping[str, Path], split: str) -> tuple[Path, Path] | None:
    """The files of features and labels of a split, by the names of files without suffix.

    None unless there are these two and no others.

    >>> find({"X_test": Path("X_test.csv"), "y_test": Path("y_test.csv")}, "test")[1].name
    'y_test.csv'
    """
    pair = named_arrays.find_pair(stems, split)
    if len(stems) != 2 or pair.X is None or pair.y is None:
        return None
    return stems[pair.X], stems[pair.y]


def joined(X: Shard, y: Shard) -> Shard:
    """The columns of X and the column of y, which becomes `LABEL`; DataError if they do not fit."""
    if X.rows != y.rows:
        raise DataError(
            f"{X.path} has {X.rows:,} rows and {y.path} {y.rows:,}; give one label a row."
        )
    names = y.schema.names
    columns = [name for name in names if not table_keys.may_be_index(name)] or names
    if len(columns) > 1:
        raise DataError(
            f"{y.path} has the columns {listed(columns)}; keep the one that holds the labels."
        )
    if LABEL in X.schema.names:
        raise DataError(
            f"{X.path} has a column {LABEL!r} beside the labels of {y.path}; remove one of them."
        )
    schema = X.schema.append(y.schema.field(columns[0]).with_name(LABEL))
    batches = partial(_batches, X.batches, y.batches, columns[0])
    written = None
    if X.written is not None and y.written is not None:
        written = partial(_batches, X.written, y.written, columns[0])
    return replace(X, schema=schema, batches=batches, written=written)


def _batches(X: Batches, y: Batches, column: str, names: Sequence[str]) -> Iterator[Any]:
    """The batches of some columns of both; labels are cut as the rows of X are."""
    import pyarrow

    if list(names) == [LABEL]:
        for batch in y([column]):
            yield batch.rename_columns([LABEL])
        return
    if LABEL not in names:
        yield from X(names)
        return
    labels = pyarrow.Table.from_batches(list(y([column])))
    start = 0
    for batch in X([name for name in names if name != LABEL]):
        part = labels.slice(start, batch.num_rows).column(0).combine_chunks()
        start += batch.num_rows
        yield batch.append_column(LABEL, part).select(list(names))

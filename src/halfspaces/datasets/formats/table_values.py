"""The values of a table's columns: features X (N, D), keys, groups and weights (N,)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets.formats import arrow_types, table_columns
from halfspaces.datasets.formats.shard import Shard, check_has
from halfspaces.datasets.formats.table_columns import Columns
from halfspaces.system import memory
from halfspaces.system.errors import DataError


def features(shards: Sequence[Shard], columns: Columns, first: Path | None = None) -> np.ndarray:
    """X (N, D): a single batch as it lies in the file, or all batches copied into one array.

    `first` is the file whose columns were chosen, that of the first shard by default.
    """
    first = first or shards[0].path
    for shard in shards:
        table_columns.check_same_columns(shard, columns, first)
    N = sum(shard.rows for shard in shards)
    dtype = common_dtype(shards, columns)
    X = None
    stop = 0
    for shard in shards:
        for rows in _batches(shard, columns, dtype):
            if len(rows) == N and rows.dtype == dtype:
                return rows
            if X is None:
                stored = sum(shard.nbytes for shard in shards)
                memory.check_claim(shard.path, (N, rows.shape[1]), dtype, stored)
                X = memory.empty(shard.path, (N, rows.shape[1]), dtype)
            _check_fit(shard, rows, X, stop, first)
            X[stop : stop + len(rows)] = rows
            stop += len(rows)
    if N == 0:
        raise DataError(f"{first} has columns but no rows; give at least one example.")
    if X is None or stop < N:
        raise DataError(f"{first} holds {stop:,} rows where {N:,} are promised; save it again.")
    return X


def keys(shards: Sequence[Shard], name: str) -> np.ndarray:
    """The values (N,) of the column that names the rows: whole numbers, or strings.

    A missing value is an empty string.
    """
    parts = []
    for shard in shards:
        check_has(shard, [name], shards[0].path)
        with shard.reading():
            for batch in shard.batches([name]):
                batch.validate(full=True)
                parts.append(_keys(arrow_types.decoded(batch.column(0))))
    return np.concatenate(parts) if parts else np.empty(0, object)


def groups(shards: Sequence[Shard], name: str) -> np.ndarray:
    """The groups (N,) of the rows: whole numbers, or strings."""
    found = keys(shards, name)
    if found.dtype == object:
        found = found.astype(str)
        if missing := int(np.count_nonzero(found == "")):
            raise DataError(
                f"{shards[0].path} has {missing:,} missing groups in the column {name!r};"
                " name the group of each row."
            )
    return found


def shared_groups(train: np.ndarray, shards: Sequence[Shard], name: str) -> tuple[int, int]:
    """How many groups of a split are groups of the training, too, and how many it has.

    Files without the column `name` have none.
    """
    if any(name not in shard.schema.names for shard in shards):
        return 0, 0
    found = set(map(str, keys(shards, name).tolist())) - {""}
    return len(found.intersection(map(str, train.tolist()))), len(found)


def weights(shards: Sequence[Shard], name: str) -> np.ndarray:
    """The weights (N,) of the rows, float64: finite, none below 0, some above."""
    path = shards[0].path
    for shard in shards:
        if name not in shard.schema.names:
            raise DataError(f"{shard.path} has no column {name!r} for the weights; add it.")
    kind = shards[0].schema.field(name).type
    if not arrow_types.is_number(kind):
        raise DataError(
            f"{path} has {name!r} of type {kind}; weights are numbers, so name another column."
        )
    columns = Columns((name,), None, are_lists=False, left_out={}, key=None)
    parts = [rows for each in shards for rows in _batches(each, columns, np.dtype(np.float64))]
    found = np.concatenate(parts).reshape(-1)
    if not np.isfinite(found).all() or found.min() < 0 or not found.any():
        raise DataError(
            f"{path} has weights from {found.min():g} to {found.max():g} in the column {name!r};"
            " give finite ones of at least 0, and some above."
        )
    return found


def _keys(values: Any) -> np.ndarray:
    import pyarrow.types as of

    if of.is_integer(values.type) and not values.null_count:
        return values.to_numpy(zero_copy_only=False)
    return np.array(values.cast("string").fill_null("").to_pylist(), object)


def common_dtype(shards: Sequence[Shard], columns: Columns) -> np.dtype:
    """The narrowest type that holds the features of all shards."""
    kinds = (shard.schema.field(name).type for shard in shards for name in columns.features)
    return np.result_type(*map(arrow_types.feature_dtype, kinds))


def _check_fit(shard: Shard, rows: np.ndarray, X: np.ndarray, stop: int, first: Path) -> None:
    if rows.shape[1] != X.shape[1]:
        raise DataError(
            f"{shard.path} has {rows.shape[1]:,} features in a row but {first} has {X.shape[1]:,};"
            " all rows need the same features."
        )
    if stop + len(rows) > len(X):
        raise DataError(f"{shard.path} holds more rows than it promises; save it again.")


def _batches(shard: Shard, columns: Columns, dtype: np.dtype) -> Iterator[np.ndarray]:
    """The features of each batch that is not empty."""
    with shard.reading():
        for batch in shard.batches(columns.features):
            batch.validate(full=True)  # no memory is read that the file does not have
            if not batch.num_rows:
                continue
            check_complete(shard, batch)
            if columns.are_lists:
                yield _rows_of_lists(shard.path, batch)
            else:
                yield _rows_of_columns(shard.path, batch, dtype)


def check_complete(shard: Shard, batch: Any) -> None:
    """Raise DataError with the number of missing values, if there are any in the batch."""
    for name in batch.schema.names:
        if _nulls(batch.column(name)):
            missing = sum(_nulls(each.column(name)) for each in shard.batches([name]))
            raise missing_values(shard, name, missing)


def missing_values(shard: Shard, name: str, missing: int, such: str = "") -> DataError:
    """The error about missing values of a column; `such` says how they are written."""
    return DataError(
        f"{shard.path} has {missing:,} missing values (null) in the column {name!r}{such};"
        " fill them or leave their rows out."
    )


def _nulls(array: Any) -> int:
    """The number of missing values, inside lists, too."""
    array = getattr(array, "storage", array)
    inner = _nulls(array.flatten()) if arrow_types.is_list(array.type) else 0
    return array.null_count + inner


def _rows_of_lists(path: Path, batch: Any) -> np.ndarray:
    """One column of lists, perhaps of lists, as rows: a view of the batch if it is contiguous."""
    array = batch.column(0)
    n_rows = batch.num_rows
    while arrow_types.is_list(array.type):
        array = getattr(array, "storage", array)
        inner = array.flatten()
        if len(inner) % len(array) or not _have_length(array, len(inner) // len(array)):
            raise DataError(
                f"{path} has lists of different lengths in the column {batch.schema.names[0]!r};"
                " all rows need the same features."
            )
        array = inner
        if not len(array):
            break
    return _numbers(array).reshape(n_rows, -1) if len(array) else np.empty((n_rows, 0))


def _have_length(array: Any, length: int) -> bool:
    """Whether each list of the array has this length."""
    import pyarrow.types as of

    if of.is_fixed_size_list(array.type):
        return True
    return bool(np.all(np.diff(np.asarray(array.offsets)) == length))


def _rows_of_columns(path: Path, batch: Any, dtype: np.dtype) -> np.ndarray:
    rows = memory.empty(path, (batch.num_rows, batch.num_columns), dtype)
    for i, array in enumerate(batch.columns):
        rows[:, i] = _numbers(array)
    return rows


def _numbers(array: Any) -> np.ndarray:
    import pyarrow.types as of

    if of.is_decimal(array.type):
        array = array.cast("float64")
    values = array.to_numpy(zero_copy_only=False)
    return values.view(np.uint8) if values.dtype == np.bool_ else values

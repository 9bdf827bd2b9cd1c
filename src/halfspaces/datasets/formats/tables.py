"""Tables in Parquet and Arrow (IPC, Feather) files: one column of lists of numbers, or one numeric column a feature.

Apache Arrow, https://arrow.apache.org/docs/format/Columnar.html
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays, optional
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.support import memory
from halfspaces.support.errors import DataError, listed

PARQUET, ARROW = (".parquet", ".pq"), (".arrow", ".feather", ".ipc")
TEXT = (".csv", ".tsv")
BATCH = 4096  # rows that are decoded together
LONGEST_STRING, LONGEST_LIST = 100_000_000, 1_000_000  # of a Parquet header, as pyarrow has it
PANDAS_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class Shard:
    """One opened file: its columns, and its rows in batches of the columns asked for."""

    path: Path
    schema: Any
    rows: int
    batches: Callable[[Sequence[str]], Iterable[Any]] = field(repr=False)


@dataclass(frozen=True)
class Columns:
    """Where the features and the label are; features are one column of lists, or one column each."""

    features: tuple[str, ...]
    label: str | None
    are_lists: bool


# --- readers -----------------------------------------------------------------------------------------------------


def recognizes(path: Path) -> bool:
    """Whether the file is named so."""
    return path.suffix in PARQUET + ARROW


def recognizes_folder(folder: Path) -> bool:
    """Whether the folder has such a file."""
    return any(map(recognizes, folder.iterdir()))


def recognizes_text(path: Path) -> bool:
    """Whether the file is a table in text, which is refused."""
    return path.suffix in TEXT


def refuse_text(path: Path) -> Dataset:
    """Raise DataError with the way out."""
    convert = f"pandas.read_csv({path.name!r}).to_parquet({path.stem + '.parquet'!r})"
    raise DataError(
        f"{path} is text, which says nothing of its types; convert it to Parquet: {convert}."
    )


def read(path: Path, label: str | None = None) -> Dataset:
    """Read one file, or a folder of them: train-*, test-* and validation-*, joined in the order of their names.

    X is one column of lists (fixed size or not, of the same length everywhere), or all numeric columns but the label,
    in order. An uncompressed Arrow file of one batch is used from disk. Where there is a column of lists, columns
    beside it and the label are left out. Files that name no split are training. The label is the column `label`, or the
    first called label, labels, y, target, targets or class.

    Raises DataError for null values, columns that are no numbers, missing labels, and shards that disagree.
    """
    splits = _splits(path)
    return read_shards(path.resolve().stem, splits, label)


def read_features(path: Path, label: str | None = None) -> np.ndarray:
    """Read rows alone, (N, D), labels left out; test rows where there are any."""
    splits = _splits(path)
    return rows_alone(splits.get("test", splits["train"]), label)


def rows_alone(shards: Sequence[Shard], label: str | None) -> np.ndarray:
    """Read the features of opened shards, which need no labels."""
    return _features(shards, choose_columns(shards[0], label, needs_label=False))


def read_shards(
    name: str,
    splits: Mapping[str, Sequence[Shard]],
    label: str | None,
    class_names: Callable[[str], Sequence[str] | None] | None = None,
) -> Dataset:
    """Read opened shards: train, and test and validation where there are any.

    `class_names` are those of a label column, or what the first file itself says.
    """
    first = splits["train"][0]
    columns = choose_columns(first, label)
    assert columns.label is not None
    y = _labels(splits["train"], columns.label)
    names = (class_names or _class_names(first.schema))(columns.label)
    held = {
        suffix: splits[split]
        for split, suffix in (("test", "test"), ("validation", "val"))
        if split in splits
    }
    parts: dict[str, Any] = {
        f"X_{suffix}": _features(shards, columns) for suffix, shards in held.items()
    }
    parts |= {f"y_{suffix}": _labels(shards, columns.label) for suffix, shards in held.items()}
    return Dataset(
        name=name,
        X=_features(splits["train"], columns),
        y=y,
        class_names=named_arrays.class_names(
            first.path, None if names is None else np.array(names, str), y
        ),
        **parts,
    )


# --- files -------------------------------------------------------------------------------------------------------


def _splits(path: Path) -> dict[str, list[Shard]]:
    """The opened files of each split."""
    if not path.is_dir():
        return {"train": [open_shard(path)]}
    found: dict[str, list[Path]] = {}
    for file in sorted(filter(recognizes, path.iterdir())):
        found.setdefault(_split(file.name), []).append(file)
    if "train" not in found:
        names = listed(file.name for held in found.values() for file in held)
        raise DataError(
            f"The folder {path} holds {names} and no file for training; name it train.parquet."
        )
    return {split: [open_shard(file) for file in held] for split, held in found.items()}


def _split(name: str) -> str:
    """The split that a file belongs to.

    >>> _split("test-00000-of-00002.parquet"), _split("latest.parquet")
    ('test', 'train')
    """
    first = re.split(r"[-_.]", name.lower(), maxsplit=1)[0]
    return next((split for split, words in named_arrays.SPLITS.items() if first in words), "train")


def open_shard(path: Path) -> Shard:
    """Open a file without reading its rows."""
    optional.load("pyarrow", "parquet", str(path))
    with reading(path):
        shard = _open_parquet(path) if path.suffix in PARQUET else _open_arrow(path)
        names = shard.schema.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(
                f"{path} has the column {twice[0]!r} twice; give each a name of its own."
            )
        return shard


def reading(path: Path) -> AbstractContextManager[None]:
    """A context in which what pyarrow raises on a bad file becomes a DataError."""
    import pyarrow

    known = (
        pyarrow.ArrowException,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        OverflowError,
    )
    return compressed.decoding(path, "Parquet" if path.suffix in PARQUET else "Arrow", *known)


def _open_parquet(path: Path) -> Shard:
    import pyarrow.parquet

    def opened() -> Any:
        # Pages are slices of the mapped file, decoded as they are needed. Were they read, a group of rows, often a
        # whole shard, would be held, and gigabytes that a damaged header promises. No list is longer than the file.
        size = path.stat().st_size
        return pyarrow.parquet.ParquetFile(
            path,
            page_checksum_verification=True,
            pre_buffer=False,
            memory_map=True,
            thrift_string_size_limit=min(size, LONGEST_STRING),
            thrift_container_size_limit=min(size, LONGEST_LIST),
        )

    def batches(names: Sequence[str]) -> Iterator[Any]:
        with opened() as file:
            yield from file.iter_batches(BATCH, columns=list(names))

    with opened() as file:
        return Shard(path, file.schema_arrow, file.metadata.num_rows, batches)


def _open_arrow(path: Path) -> Shard:
    """The file and the stream format; batches lie in the mapped file, or are unpacked one after the other."""
    schema = _arrow_reader(path, None)[0]
    narrow = [i for i, kind in enumerate(schema.types) if not _is_list(kind)][
        :1
    ]  # enough to count rows
    rows = sum(batch.num_rows for batch in _arrow_reader(path, narrow)[1])

    def batches(names: Sequence[str]) -> Iterator[Any]:
        # Chosen columns are copied out of the file: lists are large, and stay where they lie where all are asked for.
        has_lists = any(_is_list(schema.field(name).type) for name in names)
        for batch in _arrow_reader(
            path, None if has_lists else [schema.names.index(name) for name in names]
        )[1]:
            yield batch.select(list(names))

    return Shard(path, schema, rows, batches)


def _arrow_reader(path: Path, columns: list[int] | None) -> tuple[Any, Iterator[Any]]:
    """The schema and the batches; other columns are not unpacked."""
    import pyarrow

    source, options = (
        pyarrow.memory_map(str(path)),
        pyarrow.ipc.IpcReadOptions(included_fields=columns),
    )
    try:
        reader = pyarrow.ipc.open_file(source, options=options)
        return reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))
    except pyarrow.ArrowInvalid:
        source.seek(0)
        reader = pyarrow.ipc.open_stream(source, options=options)
        return reader.schema, iter(reader)


# --- columns -----------------------------------------------------------------------------------------------------


def choose_columns(shard: Shard, label: str | None, *, needs_label: bool = True) -> Columns:
    """Find the label and the features among the columns."""
    types = {
        name: shard.schema.field(name).type
        for name in shard.schema.names
        if not PANDAS_INDEX.fullmatch(name)
    }
    label = _choose_label(shard.path, types, label)
    if label is None and needs_label:
        raise DataError(
            f"{shard.path} has the columns {listed(types)}, and none is called label, y, target or class;"
            " name the one with the classes by --label COLUMN, or label=... in Python."
        )
    if label is not None:
        types.pop(label, None)
    lists = [name for name, kind in types.items() if _is_list(kind)]
    known = [
        name for kind in named_arrays.FEATURES for name in lists if name.lower() == kind.lower()
    ]
    if len(lists) > 1 and not known:
        raise DataError(
            f"{shard.path} has lists in the columns {listed(lists)}; call the one with the features 'features'."
        )
    chosen = tuple((known or lists)[:1]) or tuple(types)
    if not chosen:
        raise DataError(f"{shard.path} has no column beside the label {label!r}; add the features.")
    for name in chosen:
        _check_numeric(shard.path, name, types[name])
    return Columns(chosen, label, bool(lists))


def _choose_label(path: Path, types: dict[str, Any], label: str | None) -> str | None:
    if label is not None and label not in types:
        raise DataError(f"{path} has no column {label!r} for the labels; it has {listed(types)}.")
    called = {name.lower(): name for name in types}
    return label or next(
        (called[kind] for kind in ("label", *named_arrays.LABELS) if kind in called), None
    )


def _is_list(kind: Any) -> bool:
    import pyarrow.types as of

    kind = _stored(kind)
    return of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind)


def _stored(kind: Any) -> Any:
    return getattr(kind, "storage_type", kind)


def _check_numeric(path: Path, name: str, kind: Any) -> None:
    import pyarrow.types as of

    inner = _leaf(kind)
    if (
        of.is_integer(inner)
        or of.is_floating(inner)
        or of.is_boolean(inner)
        or of.is_decimal(inner)
    ):
        return
    if of.is_struct(inner) and {"bytes", "path"} <= {
        inner.field(i).name for i in range(inner.num_fields)
    }:
        raise DataError(
            f"{path} has files of images in the column {name!r}, which are not read from tables;"
            " save them as a folder of images, one folder a class."
        )
    raise DataError(
        f"{path} has the column {name!r} of type {inner}; features are numbers, so leave it out, or give --label {name}"
        " where it holds the classes."
    )


def _leaf(kind: Any) -> Any:
    """The type of the numbers within lists."""
    while _is_list(kind):
        kind = _stored(kind).value_type
    return _stored(kind)


def _class_names(schema: Any) -> Callable[[str], Sequence[str] | None]:
    """The names of a label column's classes, as Hugging Face's `datasets` writes them into a file."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return lambda label: None
    return lambda label: named_classes(features, label)


def named_classes(features: Any, label: str) -> Sequence[str] | None:
    """The names of a ClassLabel among Hugging Face's features.

    >>> named_classes({"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}, "label")
    ['cat', 'dog']
    """
    about = features.get(label) if isinstance(features, dict) else None
    names = (
        about.get("names")
        if isinstance(about, dict) and about.get("_type") == "ClassLabel"
        else None
    )
    return (
        names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None
    )


# --- values ------------------------------------------------------------------------------------------------------


def _features(shards: Sequence[Shard], columns: Columns) -> np.ndarray:
    """X (N, D): the one batch as it lies, or all batches copied below one another."""
    for shard in shards:
        _check_columns(shard, columns, shards[0].path)
    N = sum(shard.rows for shard in shards)
    dtype = np.result_type(
        *(_dtype(shard.schema.field(name).type) for shard in shards for name in columns.features)
    )
    X, stop = None, 0
    for shard in shards:
        for rows in _batches(shard, columns, dtype):
            if len(rows) == N and rows.dtype == dtype:
                return rows
            if X is None:
                X = memory.empty(shard.path, (N, rows.shape[1]), dtype)
            _check_fit(shard, rows, X, stop, shards[0].path)
            X[stop : stop + len(rows)] = rows
            stop += len(rows)
    if N == 0:
        raise DataError(f"{shards[0].path} has columns but no rows; give at least one example.")
    if X is None or stop < N:
        raise DataError(
            f"{shards[0].path} holds {stop:,} rows where {N:,} are promised; save it again."
        )
    return X


def _check_columns(shard: Shard, columns: Columns, first: Path) -> None:
    for name in columns.features:
        if name not in shard.schema.names:
            raise DataError(
                f"{shard.path} lacks the column {name!r} of {first}; all files need the same features."
            )
        _check_numeric(shard.path, name, shard.schema.field(name).type)
    if not columns.are_lists:
        known = {*columns.features, columns.label}
        more = [
            name
            for name in shard.schema.names
            if name not in known and not PANDAS_INDEX.fullmatch(name)
        ]
        if more:
            raise DataError(
                f"{shard.path} has the column {more[0]!r}, {first} has not; all need the same features."
            )


def _check_fit(shard: Shard, rows: np.ndarray, X: np.ndarray, stop: int, first: Path) -> None:
    if rows.shape[1] != X.shape[1]:
        raise DataError(
            f"{shard.path} has {rows.shape[1]:,} features in a row but {first} has {X.shape[1]:,};"
            " all rows need the same features."
        )
    if stop + len(rows) > len(X):
        raise DataError(f"{shard.path} holds more rows than it promises; save it again.")


def _dtype(kind: Any) -> np.dtype:
    """The type that a column of features is held in: whole numbers and truth values as they are, decimals as floats."""
    import pyarrow.types as of

    leaf = _leaf(kind)
    if of.is_boolean(leaf):
        return np.dtype(np.uint8)
    return np.dtype(np.float64 if of.is_decimal(leaf) else leaf.to_pandas_dtype())


def _batches(shard: Shard, columns: Columns, dtype: np.dtype) -> Iterator[np.ndarray]:
    """The features of each batch that has rows."""
    with reading(shard.path):
        for batch in shard.batches(columns.features):
            batch.validate(full=True)  # before memory is read that the file may not have
            if batch.num_rows:
                _check_complete(shard, batch)
                yield (
                    _lists(shard.path, batch)
                    if columns.are_lists
                    else _columns(shard.path, batch, dtype)
                )


def _check_complete(shard: Shard, batch: Any) -> None:
    for name in batch.schema.names:
        if _nulls(batch.column(name)):
            missing = sum(_nulls(each.column(name)) for each in shard.batches([name]))
            raise DataError(
                f"{shard.path} has {missing:,} missing values (null) in the column {name!r};"
                " fill them or leave their rows out."
            )


def _nulls(array: Any) -> int:
    """Missing values, within lists too."""
    array = getattr(array, "storage", array)
    return array.null_count + (_nulls(array.flatten()) if _is_list(array.type) else 0)


def _lists(path: Path, batch: Any) -> np.ndarray:
    """One column of lists, perhaps of lists, as rows: a view of the batch where it is of one piece."""
    array, n_rows = batch.column(0), batch.num_rows
    while _is_list(array.type):
        array = getattr(array, "storage", array)
        inner = array.flatten()
        if len(inner) % len(array) or not _same_lengths(array, len(inner) // len(array)):
            raise DataError(
                f"{path} has lists of different lengths in the column {batch.schema.names[0]!r};"
                " all rows need the same features."
            )
        array = inner
        if not len(array):
            break
    return _numbers(array).reshape(n_rows, -1) if len(array) else np.empty((n_rows, 0))


def _same_lengths(array: Any, length: int) -> bool:
    import pyarrow.types as of

    if of.is_fixed_size_list(array.type):
        return True
    return bool(np.all(np.diff(np.asarray(array.offsets)) == length))


def _columns(path: Path, batch: Any, dtype: np.dtype) -> np.ndarray:
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


def _labels(shards: Sequence[Shard], label: str) -> np.ndarray:
    parts = []
    for shard in shards:
        if label not in shard.schema.names:
            raise DataError(
                f"{shard.path} has no column {label!r} for the labels, as {shards[0].path} has; add it."
            )
        with reading(shard.path):
            for batch in shard.batches([label]):
                batch.validate(full=True)
                _check_complete(shard, batch)
                parts.append(_classes(shard.path, label, batch.column(0)))
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _classes(path: Path, label: str, array: Any) -> np.ndarray:
    """Labels as numbers or strings; a dictionary's are looked up."""
    import pyarrow.types as of

    if of.is_dictionary(array.type):
        array = array.dictionary_decode()
    if of.is_string(array.type) or of.is_large_string(array.type) or of.is_string_view(array.type):
        return named_arrays.names(path, repr(label), array.to_pylist())
    if of.is_integer(array.type) or of.is_floating(array.type) or of.is_boolean(array.type):
        return named_arrays.labels(
            path, f"the column {label!r}", array.to_numpy(zero_copy_only=False)
        )
    raise DataError(
        f"{path} has {label!r} of type {array.type}; labels are whole numbers or strings."
    )

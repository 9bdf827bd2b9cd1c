"""Parquet files as partitions that workers read where the files lie; of S3 and other stores, too.

The client reads footers, which say the columns and the number of rows, and the column of labels.
"""

# Not typed: fsspec, pyarrow.
# pyright: reportMissingTypeStubs=false, reportMissingImports=false

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from halfspaces.engines.base import Engine, EngineError, Read
from halfspaces.engines.placed import PartitionedRows
from halfspaces.support.types import Array


class Labelled(NamedTuple):
    """Rows on an engine, and their labels (N,)."""

    X: PartitionedRows
    y: Array


def open_parquet(path: str, label: str, engine: Engine, **storage: Any) -> Labelled:
    """Parquet files as rows on an engine: one partition for each file, in the order of their names.

    Parameters
    ----------
    path : str
        A file or a pattern, such as "s3://bucket/train/*.parquet" or "data/part-*.parquet".
    label : str
        The column of labels; all others are features. A column of lists of one length is as many
        features.
    engine : Engine
    **storage
        Of fsspec's file system, such as `anon=True`.

    Raises
    ------
    EngineError
        For a pattern without files, a file that cannot be read, by its name, and files of other
        columns than the first one.

    Examples
    --------
    >>> import tempfile
    >>> from halfspaces.engines import Threads
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pa.table({"a": [1.0, 2.0], "b": [0.0, 1.0], "y": ["cat", "dog"]})
    ...     pq.write_table(table, f"{folder}/0.parquet")
    ...     X, y = open_parquet(f"{folder}/*.parquet", "y", Threads())
    ...     X.shape, X.columns, y.tolist()
    ((2, 2), ('a', 'b'), ['cat', 'dog'])
    """
    files, found = files_of(path, storage)
    starts = [0]
    labels = []
    first = None
    for name in found:
        schema, y = _footer(files, name, label)
        if first is None:
            first = schema
        elif not schema.equals(first):
            raise EngineError(
                f"{name} has other columns than {found[0]}; give files of the same columns."
            )
        labels.append(y)
        starts.append(starts[-1] + len(y))
    assert first is not None
    features = [field for field in first if field.name != label]
    sources = tuple(Read(_rows, (files, name, label), name) for name in found)
    plain = not any(map(_width, features))
    columns = tuple(field.name for field in features) if plain else None
    n_features = sum(_width(field) or 1 for field in features)
    numbers = np.concatenate([[0], starts[1:]]).astype(np.int64)
    X = PartitionedRows(engine, sources, numbers, n_features, _dtype(features), columns)
    return Labelled(X, np.concatenate(labels))


def files_of(path: str, storage: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """The file system of a path or an address, and the files that it names, in order.

    Raises EngineError where it names none, or cannot be listed.
    """
    import fsspec

    try:
        files, paths = fsspec.core.url_to_fs(path, **storage)
        found = sorted(files.glob(paths))
    except Exception as error:  # each of fsspec's file systems has errors of its own
        raise EngineError(
            f"{path} cannot be listed ({type(error).__name__}: {error}); check the address, the"
            " credentials, and that the library of this protocol is installed."
        ) from error
    if not found:
        raise EngineError(
            f"{path} names no file; give a file, or a pattern such as part-*.parquet."
        )
    return files, found


def _footer(files: Any, name: str, label: str) -> tuple[pa.Schema, Array]:
    """The columns and the labels of a file."""
    try:
        with files.open(name) as file:
            parquet = pq.ParquetFile(file)
            schema = parquet.schema_arrow.remove_metadata()
            if label in schema.names:
                return schema, parquet.read([label])[label].to_numpy()
    except (OSError, pa.ArrowException) as error:
        raise EngineError(
            f"{name} cannot be read ({error}); replace it, or leave it out."
        ) from error
    raise EngineError(f"{name} has no column {label!r}, but {', '.join(schema.names[:10])}.")


def _rows(files: Any, name: str, label: str) -> Array:
    """The features of a file (n, D), on a worker."""
    with files.open(name) as file:
        table = pq.read_table(file)
    return np.column_stack(
        [_values(table[column]) for column in table.column_names if column != label]
    )


def _values(column: pa.ChunkedArray) -> Array:
    """A column (n,), or one of lists of one length (n, k)."""
    if not pa.types.is_fixed_size_list(column.type):
        return column.to_numpy()
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), -1)


def _width(field: pa.Field) -> int:
    """The length of the lists of a column; 0 for a column of numbers."""
    return field.type.list_size if pa.types.is_fixed_size_list(field.type) else 0


def _dtype(features: list[pa.Field]) -> np.dtype:
    """The type of rows of these columns, as a partition holds them."""
    kinds = [field.type.value_type if _width(field) else field.type for field in features]
    common = np.result_type(*(kind.to_pandas_dtype() for kind in kinds))
    taken = common.name in ("uint8", "float16", "float32")
    return common if taken else np.dtype(np.float64)

"""Comma-separated values, .csv and .tsv, plain or packed: opened as the shards of a table.

The dialect is found from the first lines and the types of the columns from all rows; pyarrow reads
the values. RFC 4180, https://www.rfc-editor.org/rfc/rfc4180
"""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats import csv_dialect
from halfspaces.datasets.formats.csv_dialect import Dialect
from halfspaces.datasets.formats.csv_types import MISSING, ColumnType
from halfspaces.datasets.formats.shard import Shard, check_names, reading
from halfspaces.system.errors import DataError

ENDINGS = (".csv", ".tsv", ".tab")
SUFFIXES = tuple(ending + packing for ending in ENDINGS for packing in ("", *compressed.OPENERS))
KIND = "CSV"
BLOCK = 1 << 24  # bytes that are parsed together; a row must be shorter


def open_shard(path: Path) -> Shard:
    """Open a file: a pass over its rows finds the types of its columns, another those of texts."""
    import pyarrow

    dialect = csv_dialect.sniff(path)
    check_names(path, dialect.names)
    with reading(path, KIND):
        columns = _see_numbers(path, dialect)
        texts = [name for name in dialect.names if name not in columns]
        columns |= _see_texts(path, dialect, texts)
    rows = max(column.rows for column in columns.values())
    if not rows:
        raise DataError(f"{path} has columns but no rows; give at least one example.")
    kinds = {name: column.kind for name, column in columns.items()}
    schema = pyarrow.schema([columns[name].field(name) for name in dialect.names])

    def batches(names: Sequence[str]) -> Iterator[Any]:
        wanted = pyarrow.schema([schema.field(name) for name in names])
        for batch in _read(path, dialect, names, {name: kinds[name] for name in names}):
            trimmed = map(_trimmed, batch.columns)
            yield pyarrow.RecordBatch.from_arrays(list(trimmed), batch.schema.names).cast(wanted)

    return Shard(path, KIND, schema, rows, batches, note=f"{path.name} has {dialect}")


def _see_numbers(path: Path, dialect: Dialect) -> dict[str, ColumnType]:
    """The columns of numbers, if those that pyarrow finds in its first block are so to the end."""
    import pyarrow

    columns = {name: ColumnType(dialect.decimal) for name in dialect.names}
    try:
        for batch in _read(path, dialect, dialect.names):
            for name, values in zip(batch.schema.names, batch.columns, strict=True):
                if name in columns and not columns[name].see_numbers(values):
                    del columns[name]
    except pyarrow.ArrowInvalid:  # a later block has another type, or the file is damaged
        return {}
    return columns


def _see_texts(path: Path, dialect: Dialect, names: Sequence[str]) -> dict[str, ColumnType]:
    """Columns of which each value is looked at."""
    import pyarrow

    columns = {name: ColumnType(dialect.decimal) for name in names}
    if columns:
        for batch in _read(path, dialect, names, dict.fromkeys(names, pyarrow.string())):
            for column, texts in zip(columns.values(), batch.columns, strict=True):
                column.see(texts)
    return columns


def _trimmed(values: Any) -> Any:
    """Texts without blanks around them, and missing instead of empty ones."""
    import pyarrow
    import pyarrow.compute as pc

    if values.type != pyarrow.string():
        return values
    texts = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(texts, ""), pyarrow.scalar(None, pyarrow.string()), texts)


def _read(
    path: Path, dialect: Dialect, names: Sequence[str], kinds: Mapping[str, Any] | None = None
) -> Iterator[Any]:
    """The batches of some columns, in these types, or in those that pyarrow finds."""
    from pyarrow import csv

    is_utf8 = dialect.encoding.startswith("utf-8")
    read_options = csv.ReadOptions(
        block_size=BLOCK,
        skip_rows=dialect.skipped_lines,
        column_names=list(dialect.names),
        encoding="utf8" if is_utf8 else dialect.encoding,
    )
    convert_options = csv.ConvertOptions(
        column_types=None if kinds is None else dict(kinds),
        include_columns=list(names),
        null_values=list(MISSING),
        decimal_point=dialect.decimal,
    )
    parse_options = csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True)
    with compressed.reading(path) as stream:
        yield from csv.open_csv(
            stream,
            read_options=read_options,
            parse_options=parse_options,
            convert_options=convert_options,
        )

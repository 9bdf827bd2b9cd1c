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
from halfspaces.datasets.formats import csv_blocks, csv_dialect
from halfspaces.datasets.formats.csv_blocks import Block, Rest
from halfspaces.datasets.formats.csv_dialect import Dialect
from halfspaces.datasets.formats.csv_types import MISSING, ColumnType
from halfspaces.datasets.formats.shard import Shard, check_names, reading
from halfspaces.system.errors import DataError
from halfspaces.system.progress import Bar

ENDINGS = (".csv", ".tsv", ".tab")
SUFFIXES = tuple(ending + packing for ending in ENDINGS for packing in compressed.PACKINGS)
KIND = "CSV"
BLOCK = 1 << 24  # bytes that are read together; a row must be shorter
PART = 1 << 20  # bytes that one core parses


def open_shard(path: Path) -> Shard:
    """Open a file: a pass over its rows finds the types of its columns.

    Another one looks at the texts of columns that pyarrow takes for dates or truth values.
    """
    import pyarrow

    dialect = csv_dialect.sniff(path)
    check_names(path, dialect.names)
    with reading(path, KIND):
        columns = _see_types(path, dialect)
        others = [name for name in dialect.names if name not in columns]
        columns |= _see_texts(path, dialect, others)
    rows = max(column.rows for column in columns.values())
    if not rows:
        raise DataError(f"{path} has columns but no rows; give at least one example.")
    kinds = {name: column.kind for name, column in columns.items()}
    schema = pyarrow.schema([columns[name].field(name) for name in dialect.names])

    def batches(names: Sequence[str]) -> Iterator[Any]:
        wanted = pyarrow.schema([schema.field(name) for name in names])
        for batch in _read(path, dialect, names, {name: kinds[name] for name in names}):
            yield _trimmed(batch).cast(wanted)

    def written(names: Sequence[str]) -> Iterator[Any]:
        texts = dict.fromkeys(names, pyarrow.string())
        return map(_trimmed, _read(path, dialect, names, texts))

    note = f"{path.name} has {dialect}"
    return Shard(path, KIND, schema, rows, batches, note=note, written=written)


def _see_types(path: Path, dialect: Dialect) -> dict[str, ColumnType]:
    """The types of the columns that pyarrow takes for numbers or texts to the end."""
    import pyarrow

    columns = {name: ColumnType(dialect.decimal) for name in dialect.names}
    try:
        for batch in _read(path, dialect, dialect.names):
            for name, values in zip(batch.schema.names, batch.columns, strict=True):
                if name in columns and not columns[name].see_parsed(values):
                    del columns[name]
    except pyarrow.ArrowInvalid:  # the rest of a stream has other types, or the file is damaged
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


def _trimmed(batch: Any) -> Any:
    """The batch with trimmed texts."""
    import pyarrow

    columns = list(map(_trimmed_texts, batch.columns))
    return pyarrow.RecordBatch.from_arrays(columns, batch.schema.names)


def _trimmed_texts(values: Any) -> Any:
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
    import pyarrow
    from pyarrow import csv

    convert_options = csv.ConvertOptions(
        column_types=None if kinds is None else dict(kinds),
        include_columns=list(names),
        null_values=list(MISSING),
        decimal_point=dialect.decimal,
    )
    skipped = dialect.skipped_lines
    for block in _blocks(path, dialect):
        read_options = csv.ReadOptions(
            block_size=BLOCK if isinstance(block, Rest) else PART,
            skip_rows=skipped,
            column_names=list(dialect.names),
        )
        breaks = isinstance(block, Rest) or block.breaks
        parse_options = csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=breaks)
        options = (read_options, parse_options, convert_options)
        skipped = 0
        if isinstance(block, Rest):
            yield from csv.open_csv(block.stream, *options)
        elif not block.rows.isspace():
            yield from csv.read_csv(pyarrow.BufferReader(block.rows), *options).to_batches()


def _blocks(path: Path, dialect: Dialect) -> Iterator[Block | Rest]:
    """The blocks of a file, with a progress bar of the bytes."""
    total = None if compressed.is_packed(path) else path.stat().st_size
    with compressed.reading(path) as stream, Bar(f"reading {path.name}", total, "bytes") as bar:
        found = csv_blocks.blocks(stream, dialect.encoding, dialect.delimiter, BLOCK)
        for block in csv_blocks.ahead(found):
            yield block
            if isinstance(block, Block):
                bar.advance(len(block.rows))

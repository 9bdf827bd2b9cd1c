"""JSON lines, .jsonl and .ndjson, plain or packed: one object a line, opened as a shard of a table.

The types of the columns are found from all lines; pyarrow reads the values. Whole numbers have the
narrowest type, in lists, too. https://jsonlines.org
"""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats import arrow_types
from halfspaces.datasets.formats.csv_types import narrowest
from halfspaces.datasets.formats.shard import Shard, check_names, reading
from halfspaces.system.errors import DataError
from halfspaces.system.progress import Bar

ENDINGS = (".jsonl", ".ndjson")
SUFFIXES = tuple(ending + packing for ending in ENDINGS for packing in compressed.PACKINGS)
KIND = "JSON lines, one object a line"
BLOCK = 1 << 24  # bytes that are read together
PART = 1 << 20  # bytes that one core parses


def open_shard(path: Path) -> Shard:
    """Open a file: a pass over its lines finds the columns and their types."""
    import pyarrow

    with compressed.reading(path) as stream:
        compressed.check_text(path, stream)
    rows = 0
    schemas: dict[Any, None] = {}
    ends: dict[str, tuple[int, int]] = {}
    with reading(path, KIND):
        for table in _tables(path, None):
            rows += len(table)
            schemas[table.schema] = None
            for name in table.schema.names:
                ends |= _wider(name, ends, table.column(name))
        if not rows:
            raise DataError(f"{path} holds no rows; give one JSON object a line.")
        schema = pyarrow.unify_schemas(list(schemas), promote_options="permissive")
    fields = [pyarrow.field(each.name, _narrow(each.type, ends.get(each.name))) for each in schema]
    schema = pyarrow.schema(fields)
    check_names(path, schema.names)

    def batches(names: Sequence[str]) -> Iterator[Any]:
        wanted = pyarrow.schema([schema.field(name) for name in names])
        for table in _tables(path, wanted):
            yield from table.select(list(names)).to_batches()

    return Shard(path, KIND, schema, rows, batches)


def _tables(path: Path, schema: Any) -> Iterator[Any]:
    """The lines, some at a time, in the types of a schema; in those that pyarrow finds if None."""
    import pyarrow
    from pyarrow import json

    parse_options = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    if schema is None:
        parse_options = None
    for lines in _blocks(path):
        options = json.ReadOptions(block_size=max(PART, _longest(lines) + 1))
        yield json.read_json(pyarrow.BufferReader(lines), options, parse_options)


def _blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, with a progress bar of their bytes."""
    total = None if compressed.is_packed(path) else path.stat().st_size
    with compressed.reading(path) as stream, Bar(f"reading {path.name}", total, "bytes") as bar:
        pending = stream.read(BLOCK).removeprefix(codecs.BOM_UTF8)
        while more := stream.read(BLOCK):
            end = pending.rfind(b"\n") + 1
            if end:
                yield pending[:end]
                bar.advance(end)
            pending = pending[end:] + more
        if pending and not pending.isspace():
            yield pending


def _longest(lines: bytes) -> int:
    """The length of the longest line: pyarrow reads none that is longer than its block."""
    breaks = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n"))
    return int(np.diff(breaks, prepend=-1, append=len(lines)).max())


def _wider(name: str, ends: dict[str, tuple[int, int]], values: Any) -> dict[str, tuple[int, int]]:
    """The least and the largest whole number of a column, with those of these values."""
    import pyarrow.compute as pc
    import pyarrow.types as of

    if not of.is_integer(arrow_types.leaf(values.type)):
        return {}
    while arrow_types.is_list(values.type):
        values = pc.list_flatten(values)
    found = pc.min_max(values).as_py()
    least, largest = ends.get(name, (0, 0))
    return {name: (min(least, found["min"] or 0), max(largest, found["max"] or 0))}


def _narrow(kind: Any, ends: tuple[int, int] | None) -> Any:
    """The type with the narrowest whole numbers that hold `ends`."""
    import pyarrow
    import pyarrow.types as of

    if arrow_types.is_list(kind):
        return pyarrow.list_(_narrow(kind.value_type, ends))
    if ends is None or not of.is_integer(kind):
        return kind
    return narrowest(*ends)

"""Arrow (IPC, Feather) files and streams, opened without reading their rows.

Apache Arrow, https://arrow.apache.org/docs/format/Columnar.html
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from halfspaces.datasets.formats import arrow_types
from halfspaces.datasets.formats.shard import Shard, check_names, reading

SUFFIXES = (".arrow", ".feather", ".ipc")
KIND = "Arrow"


def open_shard(path: Path) -> Shard:
    """Open a file or stream without reading its rows.

    Batches lie in the mapped file, or are unpacked one after the other.
    """

    def batches(names: Sequence[str]) -> Iterator[Any]:
        # A choice of columns is copied out of the file. Lists are large; they stay in the map if
        # all columns are asked for.
        has_lists = any(arrow_types.is_list(schema.field(name).type) for name in names)
        columns = None if has_lists else [schema.names.index(name) for name in names]
        wanted = pyarrow.schema([schema.field(name) for name in names])
        for batch in _read(path, columns)[1]:
            chosen = batch.select(list(names))
            if chosen.schema.types != wanted.types:
                chosen.validate(full=True)
                chosen = chosen.cast(wanted)
            yield chosen

    import pyarrow

    with reading(path, KIND):
        stored, _ = _read(path, None)
        schema = _without_views(stored)
        plain = [i for i, kind in enumerate(schema.types) if not arrow_types.is_list(kind)]
        rows = sum(batch.num_rows for batch in _read(path, plain[:1])[1])  # one column is enough
        shard = Shard(path, KIND, schema, rows, batches)
        check_names(path, shard.schema.names)
        return shard


def _without_views(schema: Any) -> Any:
    """The schema with plain texts and bytes instead of views of them, which pyarrow's functions
    do not take: polars writes them.
    """
    import pyarrow

    fields = [field.with_type(arrow_types.without_views(field.type)) for field in schema]
    return pyarrow.schema(fields, schema.metadata)


def _read(path: Path, columns: list[int] | None) -> tuple[Any, Iterator[Any]]:
    """The schema and the batches; only these columns are unpacked."""
    import pyarrow

    source = pyarrow.memory_map(str(path))
    options = pyarrow.ipc.IpcReadOptions(included_fields=columns)
    try:
        reader = pyarrow.ipc.open_file(source, options=options)
        return reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))
    except pyarrow.ArrowInvalid:
        source.seek(0)
        reader = pyarrow.ipc.open_stream(source, options=options)
        return reader.schema, iter(reader)

"""Parquet files, opened without reading their rows.

Apache Parquet, https://parquet.apache.org/docs/file-format
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from halfspaces.datasets.formats import arrow_types
from halfspaces.datasets.formats.shard import BATCH_ROWS, Shard, check_names, reading

SUFFIXES = (".parquet", ".pq")
KIND = "Parquet"
LONGEST_STRING = 100_000_000  # limits of a header, pyarrow's defaults
LONGEST_LIST = 1_000_000
IMAGE_ROWS = 64  # decoded together where each holds a file


def open_shard(path: Path, content: bytes | None = None) -> Shard:
    """Open a file without reading its rows; `content` is that of one in an archive."""

    def batches(names: Sequence[str]) -> Iterator[Any]:
        # Each string of a dictionary is unpacked once, however many rows have it.
        strings = [name for name in names if of.is_string(shard.schema.field(name).type)]
        with _opened(path, content, strings) as file:
            kinds = [shard.schema.field(name).type for name in names]
            rows = IMAGE_ROWS if any(map(arrow_types.holds_files, kinds)) else BATCH_ROWS
            yield from file.iter_batches(rows, columns=list(names))

    import pyarrow.types as of

    with reading(path, KIND):
        with _opened(path, content) as file:
            shard = Shard(path, KIND, file.schema_arrow, file.metadata.num_rows, batches)
        check_names(path, shard.schema.names)
        return shard


def _opened(path: Path, content: bytes | None, dictionaries: Sequence[str] = ()) -> Any:
    """The file, mapped: pages are slices of the map, decoded when they are needed.

    If pages were read, pyarrow would hold a group of rows, often a whole shard, and gigabytes that
    a damaged header promises. No string or list of a header is longer than the file.
    """
    import pyarrow.parquet

    size = path.stat().st_size if content is None else len(content)
    if not size:
        raise ValueError("the file is empty")
    return pyarrow.parquet.ParquetFile(
        path if content is None else pyarrow.BufferReader(content),
        read_dictionary=list(dictionaries),
        page_checksum_verification=True,
        pre_buffer=False,
        memory_map=True,
        thrift_string_size_limit=min(size, LONGEST_STRING),
        thrift_container_size_limit=min(size, LONGEST_LIST),
    )

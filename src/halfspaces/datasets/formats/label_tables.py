"""Tables of labels beside images: metadata.csv, metadata.parquet, labels.csv and the like.

The column whose values name the files, with or without folder and suffix, is found by its values.
"""

import csv
import io
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from halfspaces.datasets import split_words
from halfspaces.datasets.files.source import Source
from halfspaces.datasets.formats import arrow_types, json_lines, parquet
from halfspaces.datasets.formats import csv as csv_files
from halfspaces.datasets.formats.class_folders import SPLITS, Layout, split_of
from halfspaces.datasets.formats.csv_dialect import DELIMITERS, MARKS, WESTERN
from halfspaces.datasets.formats.csv_types import MISSING_LABELS
from halfspaces.datasets.formats.decode_image import SUFFIXES
from halfspaces.datasets.formats.file_names import FileNames
from halfspaces.datasets.formats.shard import Shard
from halfspaces.datasets.optional import PYARROW
from halfspaces.system.errors import DataError
from halfspaces.system.mark import HISTORY

ENDINGS = (*csv_files.ENDINGS, *json_lines.ENDINGS)
OF_PARQUET = "metadata.parquet"  # as the Hub's folders of images call it; others hold features
LIST = ".txt"  # of the files of a split, a name a line
EXAMPLES = {"sample", "submission"}  # words in names of files with made-up labels
DEEPEST = 2  # folders around a table
MOST = 32  # tables; where there are more, each belongs to an image
MOST_COLUMNS = 500
MOST_VALUES = 1 << 24
LARGEST = 1 << 27  # bytes
LOOKED_AT = 200  # values of a column that show whether it names files


@dataclass(frozen=True)
class LabelTable:
    """A table as texts; a missing value is an empty text. `name` is its path in the source."""

    name: str
    columns: Mapping[str, Sequence[str]] = field(repr=False)

    @property
    def folder(self) -> str:
        """The path of its folder, "." for the uppermost."""
        return str(PurePosixPath(self.name).parent)

    @property
    def split(self) -> str | None:
        """The split that its name says, or its folder's."""
        path = PurePosixPath(self.name)
        parts = (path.stem, *reversed(path.parent.parts))
        return next((split for part in parts if (split := split_of(part))), None)

    def naming_column(self, files: FileNames) -> str | None:
        """The column that names most files; None if none names half.

        First come those with a suffix, then those that name the files as they are called.
        """
        ranks: dict[str, tuple[bool, bool, int]] = {}
        for name, values in self.columns.items():
            step = max(1, len(values) // LOOKED_AT)
            given = [value for value in values[::step] if value]
            found = [file for value in given for file in files.candidates(value)[:1]]
            if found and 2 * len(found) >= len(given) and 2 * len(set(found)) >= len(found):
                has_suffix = given[0].lower().endswith(SUFFIXES)
                is_exact = sum(bool(files.named(value)) for value in given) == len(found)
                ranks[name] = has_suffix, is_exact, len(set(found))
        return max(ranks, key=ranks.__getitem__, default=None)


def is_example(name: str) -> bool:
    """Whether a file is named like an example of a submission.

    >>> is_example("sample_submission.csv"), is_example("samples.csv")
    (True, False)
    """
    return not EXAMPLES.isdisjoint(split_words.words(name))


def is_table(name: str) -> bool:
    """Whether a file is named like a table of labels.

    Not like an example of a submission, nor like the history of a training.

    >>> is_table("labels.csv"), is_table("meta/train.txt"), is_table("README.txt")
    (True, True, False)
    """
    path = PurePosixPath(name)
    if is_example(path.stem) or name.endswith(HISTORY):
        return False
    is_named_so = path.suffix.lower() in ENDINGS or path.name == OF_PARQUET or _is_list(path)
    return is_named_so and len(path.parts) <= DEEPEST + 1


def _is_list(path: PurePosixPath) -> bool:
    """Whether a file is a list of names, called like a split, such as train.txt."""
    return path.suffix.lower() == LIST and path.stem.lower() in SPLITS


def read_all(source: Source) -> list[LabelTable]:
    """The tables of a folder or archive; files that cannot be read as a table are none."""
    tables: list[LabelTable] = []
    for entry in source.entries():
        if entry.load is None or not is_table(entry.name):
            continue
        if len(tables) == MOST:
            return []
        if entry.name.endswith(OF_PARQUET):
            PYARROW.load(entry.name)
        with entry.load() as stream:
            content = stream.read(LARGEST + 1)
        columns = _columns(entry.name, content) if len(content) <= LARGEST else {}
        if columns:
            tables.append(LabelTable(entry.name, columns))
    return tables


def naming(tables: Sequence[LabelTable], names: Collection[str]) -> dict[str, str]:
    """The column that names image files, by the name of each table that has one."""
    files = FileNames(name for name in names if name.lower().endswith(SUFFIXES))
    found = {table.name: table.naming_column(files) for table in tables}
    return {name: column for name, column in found.items() if column is not None}


def agrees(table: LabelTable, column: str, layout: Layout, names: Collection[str]) -> bool:
    """Whether another column of the table has one value for each class of the layout."""
    files = FileNames(names)
    label_of = dict(itertools.chain.from_iterable(layout.splits.values()))
    found = [files.candidates(value)[:1] for value in table.columns[column]]
    labels = [label_of.get(each[0]) if each else None for each in found]
    known = len(set(labels) - {None})
    for name, values in table.columns.items():
        pairs = {pair for pair in zip(labels, values, strict=True) if pair[0] is not None}
        if name != column and len(pairs) == known == len({value for _, value in pairs}):
            return True
    return False


# --- texts ---------------------------------------------------------------------------------------


def _columns(name: str, content: bytes) -> dict[str, list[str]]:
    """The columns of a file; none if it is no table."""
    try:
        header, *rows = _rows(name, content)
    except (ValueError, RecursionError, csv.Error, DataError):
        return {}
    if len(set(header)) < len(header) or len(header) > MOST_COLUMNS:
        return {}
    padded = [(row + [""] * len(header))[: len(header)] for row in rows]
    values = zip(*padded, strict=True) if padded else ()
    return {name: list(column) for name, column in zip(header, values, strict=False)}


def _rows(name: str, content: bytes) -> Iterable[list[str]]:
    """The rows of a file as texts, the names of the columns first."""
    if name.endswith(OF_PARQUET):
        return _parquet_rows(parquet.open_shard(Path(name), content))
    text = _text(content)
    if name.lower().endswith(LIST):
        return [["1"], *([line.strip()] for line in text.splitlines() if line.strip())]
    return _json_rows(text) if name.lower().endswith(json_lines.ENDINGS) else _csv_rows(text)


def _text(content: bytes) -> str:
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode(WESTERN)


def _csv_rows(text: str) -> list[list[str]]:
    """The rows, the names of the columns first: '1', '2', ... if the first row names an image."""
    first = text.partition("\n")[0]
    delimiter = max((",", *DELIMITERS), key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = [[_value(field) for field in line] for line in lines if line]
    if rows and any(field.lower().endswith(SUFFIXES) for field in rows[0]):
        rows.insert(0, [str(number) for number in range(1, len(rows[0]) + 1)])
    return rows


def _value(field: str) -> str:
    stripped = field.strip()
    return "" if stripped in MISSING_LABELS else stripped


def _json_rows(text: str) -> Iterator[list[str]]:
    """The same of lines of JSON; values that are no text, number or truth value are missing."""
    objects = [json.loads(line) for line in text.split("\n") if line.strip()]
    if not all(isinstance(each, dict) for each in objects):
        raise ValueError("no objects")
    header = list(dict.fromkeys(name for each in objects for name in each))
    yield header
    for each in objects:
        values = (each.get(name) for name in header)
        yield [str(value) if isinstance(value, str | int | float) else "" for value in values]


def _parquet_rows(shard: Shard) -> Iterator[list[str]]:
    """The same of a Parquet file: its columns of texts, numbers and truth values."""
    schema = shard.schema
    names = [name for name in schema.names if arrow_types.is_plain(schema.field(name).type)]
    if shard.rows * len(names) > MOST_VALUES:
        raise ValueError("too large")
    yield names
    with shard.reading():
        for batch in shard.batches(names):
            batch.validate(full=True)
            yield from map(list, zip(*map(_texts, batch.columns), strict=True))


def _texts(values: Any) -> list[str]:
    return arrow_types.decoded(values).cast("string").fill_null("").to_pylist()

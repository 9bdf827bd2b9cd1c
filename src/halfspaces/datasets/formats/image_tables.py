"""Images in the rows of Parquet and Arrow tables, as Hugging Face's `datasets` stores them.

A column of struct{bytes, path}, or of bytes, holds one encoded image a row. Only the bytes are
read: a path in a table is never opened.
"""

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files.folder import name_of, visible_folders
from halfspaces.datasets.files.source import LIMITS, Entry, refusal, status_stamp
from halfspaces.datasets.formats import (
    arrow_types,
    hugging_face,
    labelled_images,
    labelled_names,
    tables,
)
from halfspaces.datasets.formats.class_folders import LAYOUT_NAMES, Layout
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.image_columns import ImageColumns, check_rows, holds_images
from halfspaces.datasets.formats.image_size import ImageSize
from halfspaces.datasets.formats.labelled_images import Wanted
from halfspaces.datasets.formats.labelled_names import Labelled
from halfspaces.datasets.formats.shard import Shard
from halfspaces.datasets.formats.table_columns import Options
from halfspaces.datasets.optional import PYARROW
from halfspaces.system.errors import DataError

Splits = Mapping[str, Sequence[Shard]]


def recognizes(path: Path) -> bool:
    """Whether it is a table, or a folder of its shards, with a column of images."""
    try:
        first = _first(path)
    except (DataError, ImportError, OSError):  # the reader of tables says it
        return False
    return first is not None and holds_images(first.schema)


def read(
    path: Path,
    image_size: ImageSize | None = None,
    skip_bad: bool = False,
    **options: Unpack[Options],
) -> Dataset:
    """Read the images and labels; X is (N, height * width * channels), uint8, memory-mapped.

    Splits are those of the names of the files, or a column, as for all tables. The options of
    images and their errors are those of `image_folder.read`. A split without labels (all missing,
    or −1 of a ClassLabel) is left out.
    """
    if _without_images(path, options):
        return _plain(path).read(_around(path), **options)
    _check_no_values_of_rows(path, options)
    table = _ImageTable.open(path, options)
    wanted = Wanted.of(image_size, skip_bad, options.get("like"))
    X, stored = labelled_images.decoded(table, table.labelled, wanted, table.recipe())
    name = name_of(path)
    conventions = Conventions(label=table.columns.label)
    return labelled_images.dataset(
        name.rsplit(".", 1)[0] if path.is_file() else name, X, stored, conventions
    )


def read_features(
    path: Path,
    image_size: ImageSize | None = None,
    skip_bad: bool = False,
    **options: Unpack[Options],
) -> RowsToPredict:
    """The images of the test split, or all if there is none, in the order of the rows."""
    if _without_images(path, options):
        return tables.read_rows(_open(path), options)
    table = _ImageTable.open(path, options, needs_label=False)
    wanted = Wanted.of(image_size, skip_bad, options.get("like"))
    return labelled_images.rows_to_predict(
        *labelled_images.decoded(table, table.unlabelled, wanted, table.recipe())
    )


def _check_no_values_of_rows(path: Path, options: Options) -> None:
    """Raise DataError for groups and weights, which rows of images do not have."""
    for name, column in (("group", options.get("group")), ("weight", options.get("weight"))):
        if column is not None:
            raise DataError(
                f"{path} is a table of images, which takes no {name} (--{name} {column}); leave it"
                " out, or leave the images out by --ignore COLUMN."
            )


def _first(path: Path) -> Shard | None:
    """The first opened file; None if the path holds no table."""
    if hugging_face.FORMAT.recognizes(path):
        return hugging_face.splits(path)["train"][0]
    return tables.first_columnar(_around(path))


def _without_images(path: Path, options: Options) -> bool:
    """Whether all columns of images are ignored, so that others may be features."""
    first = _first(path)
    return first is not None and not holds_images(first.schema, options.get("ignore") or ())


def _plain(path: Path) -> Format:
    """The format of a table without its images."""
    return hugging_face.FORMAT if hugging_face.FORMAT.recognizes(path) else tables.FORMAT


def _open(path: Path) -> Splits:
    """The opened files by split."""
    if hugging_face.FORMAT.recognizes(path):
        return hugging_face.splits(path)
    return tables.columnar_splits(_around(path))


def _around(path: Path) -> Path:
    """The only folder in a folder without tables, as in a repository of the Hub; else the path."""
    if path.is_dir() and not tables.FORMAT.recognizes(path):
        inner = visible_folders(path)
        return inner[0] if len(inner) == 1 else path
    return path


@dataclass(frozen=True)
class _ImageTable:
    """A `Source` of the images in the rows of opened tables, and their arrangement."""

    path: Path
    splits: Splits
    columns: ImageColumns
    notes: Sequence[str] = field(default=())

    @classmethod
    def open(cls, path: Path, options: Options, *, needs_label: bool = True) -> "_ImageTable":
        """Open a table that `recognizes` accepts, and choose its columns."""
        splits, options = tables.by_split(_open(path), options)
        columns = ImageColumns.choose(splits["train"][0], options, needs_label=needs_label)
        if not needs_label:
            splits = {"train": splits.get("test", splits["train"])}
        return cls(path, splits, columns)

    def recipe(self) -> tuple[object, ...]:
        """What the arrangement depends on beside the files."""
        rows = {split: [shard.rows for shard in shards] for split, shards in self.splits.items()}
        return self.columns, rows

    def stamp(self) -> Iterator[str]:
        """Lines that change when a file changes."""
        for split, shards in self.splits.items():
            for shard in shards:
                yield f"{split}\0{shard.path.resolve()}\0{status_stamp(shard.path.stat())}"

    def entries(self) -> Iterator[Entry]:
        """The image of each row."""
        for split, shards in self.splits.items():
            for shard in shards:
                names = list(self._names(split, shard))
                row = 0
                for value in self._values(shard):
                    check_rows(shard.path, row + 1, shard.rows, is_end=False)
                    yield _entry(names[row], value)
                    row += 1
                check_rows(shard.path, row, shard.rows)

    def _values(self, shard: Shard) -> Iterator[Any]:
        with shard.reading():
            for batch in shard.batches([self.columns.image]):
                batch.validate(full=True)
                yield from _files(batch.column(0))

    def labelled(
        self, names: Iterable[str], folders: Iterable[str], bad: Collection[str]
    ) -> Layout:
        """The layout by the labels of the rows."""
        columns = self.columns
        labels = columns.labels(self.splits)
        images: dict[str, Labelled] = {}
        for split, y in labels.y.items():
            rows = (name for shard in self.splits[split] for name in self._names(split, shard))
            for name, label in zip(rows, y, strict=True):
                if label is not None:
                    images[name] = Labelled(LAYOUT_NAMES[split], label)
        where = f"the column {columns.label!r}"
        notes = (columns.note(), *labels.notes)
        return labelled_names.arrange(self.path, where, images, bad, labels.classes, notes)

    def unlabelled(
        self, names: Iterable[str], folders: Iterable[str], bad: Collection[str]
    ) -> Layout:
        """The layout of the rows to predict, all in one class."""
        rows = (name for shard in self.splits["train"] for name in self._names("train", shard))
        return Layout(("any class",), {"train": [(name, 0) for name in rows if name not in bad]})

    def _names(self, split: str, shard: Shard) -> Iterator[str]:
        """A name for each row of a file."""
        of = "" if self.path.is_file() else f" of {shard.path.relative_to(self.path)}"
        paths = [each.path for shards in self.splits.values() for each in shards]
        is_divided = paths.count(shard.path) > 1  # by a column of splits
        return (f"row {n}{of}{f' ({split})' if is_divided else ''}" for n in range(shard.rows))


def _files(values: Any) -> Iterator[Any]:
    """The bytes of each row; None where there are none."""
    values = getattr(values, "storage", values)
    if arrow_types.is_image(values.type):
        missing = values.is_null().to_pylist()
        files = values.field("bytes")
        return (None if lacks else file for lacks, file in zip(missing, files, strict=True))
    return iter(values)


def _entry(name: str, value: Any) -> Entry:
    buffer = None if value is None else value.as_buffer()
    if buffer is None:
        problem = "has no bytes of an image, and paths in tables are not followed"
        return Entry(name, refusal(problem))
    if buffer.size > LIMITS.largest:
        problem = f"has {buffer.size:,} bytes, more than the {LIMITS.largest:,} of any image"
        return Entry(name, refusal(problem))
    return Entry(name, partial(io.BytesIO, buffer), buffer.size)


FORMAT = Format(
    "image_tables",
    recognizes,
    read,
    read_features=read_features,
    options=(*tables.OPTIONS, "image_size", "skip_bad"),
    needs=(PYARROW,),
)

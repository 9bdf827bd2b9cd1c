"""The labels of a table's files: one numbering of the classes, and one type, for all of them.

Classes that have names are matched by name. If the labels of one file are texts, those of all files
are, as they are written: a class is the same in the training and the test rows.
"""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.formats import arrow_types, table_columns, table_values
from halfspaces.datasets.formats.csv_types import MISSING, MISSING_LABELS
from halfspaces.datasets.formats.shard import Shard
from halfspaces.system.errors import DataError

LEADING_ZERO = r"^[-+]?0\d"  # 007 is another class than 7
HIDDEN = -1  # in place of the number of a class that is not published
Splits = Mapping[str, Sequence[Shard]]
ShardNames = Callable[[Shard], Sequence[str] | None]  # of the classes, if the file has them


@dataclass(frozen=True, eq=False)
class TableLabels:
    """Labels (N,) by split, and the names of the classes if the files have them.

    A split without labels is missing, also one of which no class is published: the number of such
    a class is `HIDDEN`.
    """

    y: Mapping[str, np.ndarray]
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Part:
    """Labels of some rows: values (n,), or the distinct values and the index (n,) of each row's."""

    values: np.ndarray
    index: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values if self.index is None else self.index)


@dataclass(frozen=True, eq=False)
class _File:
    """The labels of one file, and the names of their classes if it has them.

    `numbers` makes numbers of the distinct labels where they were read as texts.
    """

    path: Path
    parts: Sequence[_Part]
    names: tuple[str, ...] | None
    numbers: Callable[[np.ndarray], np.ndarray] | None = None
    notes: tuple[str, ...] = ()

    @property
    def are_texts(self) -> bool:
        """Whether a label is text, and no number that was read as it is written."""
        return self.numbers is None and any(part.values.dtype.kind == "U" for part in self.parts)

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> "_File":
        """The file with other values."""
        parts = [replace(part, values=change(part.values)) for part in self.parts]
        return replace(self, parts=parts, numbers=None)

    def as_numbers(self) -> "_File":
        """The labels in their own type."""
        return self if self.numbers is None else self.changed(self.numbers)


def labels(shards: Sequence[Shard], label: str) -> np.ndarray:
    """The labels (N,) in the column `label` of files that have no names of classes."""
    return read({"train": shards}, label, lambda _: None).y["train"]


def schema_names(label: str) -> ShardNames:
    """The names of the classes in a column, as the schemas of the files have them."""
    return lambda shard: table_columns.schema_class_names(shard.schema)(label)


def read(splits: Splits, label: str, names_of: ShardNames) -> TableLabels:
    """The labels in the column `label`; splits other than train may lack it, or be empty in it."""
    first = splits["train"][0].path
    labelled = {
        split: splits[split]
        for split in ("train", *(split for split in splits if split != "train"))
        if split == "train" or any(_has_labels(shard, label) for shard in splits[split])
    }
    files = {
        split: [_read_file(shard, label, names_of(shard), first) for shard in shards]
        for split, shards in labelled.items()
    }
    flat = [file for each in files.values() for file in each]
    found = [file.names for file in flat if file.names is not None]
    names = tuple(dict.fromkeys(name for each in found for name in each)) if found else None
    if any(file.are_texts for file in flat):
        one_type = _as_texts
    elif names is None:
        one_type = _File.as_numbers
    else:
        one_type = _numbering(names)
    y = {split: _joined(list(map(one_type, each))) for split, each in files.items()}
    published = {split: each for split, each in y.items() if split == "train" or not _hides(each)}
    return TableLabels(published, names, flat[0].notes)


def _hides(y: np.ndarray) -> bool:
    """Whether no class of the rows is published."""
    return y.dtype.kind in "iu" and len(y) > 0 and bool(np.all(y == HIDDEN))


def _has_labels(shard: Shard, label: str) -> bool:
    import pyarrow.types as of

    return label in shard.schema.names and not of.is_null(shard.schema.field(label).type)


def _numbering(names: tuple[str, ...]) -> Callable[[_File], _File]:
    """Number the classes of a file as in `names`; files without names are numbered so already."""
    position = {name: i for i, name in enumerate(names)}

    def numbered(file: _File) -> _File:
        file = file.as_numbers()
        own = names if file.names is None else file.names
        for part in file.parts:
            published = part.values[part.values != HIDDEN]
            named_arrays.class_names(file.path, np.array(own, str), published)
        if own == names[: len(own)]:
            return file
        places = np.array([*(position[name] for name in own), HIDDEN])  # its place, too, is last
        return file.changed(lambda values: places[values])

    return numbered


def _as_texts(file: _File) -> _File:
    """The labels as they are written, or as the names of their numbers."""
    if file.names is None or file.are_texts:
        return file.changed(lambda values: values.astype(str))
    names = np.array([*file.names, ""], str)
    for part in file.parts:
        named_arrays.class_names(file.path, names[:-1], part.values)
    return file.changed(lambda values: names[values])


def _joined(files: Sequence[_File]) -> np.ndarray:
    """All labels; texts as Python's strings, which the rows of a class share, however long."""
    parts = [part for file in files for part in file.parts]
    if not parts:
        return np.empty(0, np.int64)
    are_texts = any(part.values.dtype.kind == "U" for part in parts)
    kind = object if are_texts else np.result_type(*(part.values for part in parts))
    y = np.empty(sum(map(len, parts)), kind)
    stop = 0
    for part in parts:
        values = part.values.astype(object) if are_texts else part.values
        y[stop : stop + len(part)] = values if part.index is None else values[part.index]
        stop += len(part)
    return y


# --- one file ------------------------------------------------------------------------------------


def _read_file(shard: Shard, label: str, names: Sequence[str] | None, first: Path) -> _File:
    """The labels of a file; DataError if it lacks the column, or some are missing."""
    if label not in shard.schema.names:
        raise DataError(
            f"{shard.path} has no column {label!r} for the labels, as {first} has; add it."
        )
    own_names = None if names is None else tuple(names)
    if shard.written is not None:
        return _read_written(shard, label)
    parts: list[_Part] = []
    with shard.reading():
        for batch in shard.batches([label]):
            batch.validate(full=True)
            table_values.check_complete(shard, batch)
            parts.append(_part(shard.path, label, batch.column(0)))
    return _File(shard.path, parts, own_names, notes=parts[0].notes if parts else ())


def _read_written(shard: Shard, label: str) -> _File:
    """The labels of a file of text, as they are written; numbers if all of them are."""
    kind = shard.schema.field(label).type
    are_texts = arrow_types.is_text(kind)
    missing = MISSING_LABELS if are_texts else MISSING
    parts = []
    with shard.reading():
        for texts in _written(shard, label):
            _check_written(shard, label, missing, texts)
            part = _text_part(shard.path, label, texts)
            are_texts = are_texts or _have_leading_zeros(part)
            parts.append(part)

    def numbers(values: np.ndarray) -> np.ndarray:
        with shard.reading():
            found = _numbers(values, kind)
        return named_arrays.labels(shard.path, f"the column {label!r}", found)

    return _File(shard.path, parts, None, None if are_texts else numbers)


def _written(shard: Shard, label: str) -> Iterator[Any]:
    assert shard.written is not None
    for batch in shard.written([label]):
        batch.validate(full=True)
        yield batch.column(0)


def _check_written(shard: Shard, label: str, missing: Sequence[str], texts: Any) -> None:
    """Raise DataError, with their number in the whole file, for missing labels."""
    import pyarrow
    import pyarrow.compute as pc

    marks = pyarrow.array(missing)

    def count(texts: Any) -> int:
        return texts.null_count + (pc.sum(pc.is_in(texts, value_set=marks)).as_py() or 0)

    if not count(texts):
        return
    words = texts.filter(pc.is_in(texts, value_set=marks))
    such = f", written {words[0].as_py()!r}" if len(words) else ""
    raise table_values.missing_values(shard, label, sum(map(count, _written(shard, label))), such)


def _have_leading_zeros(part: _Part) -> bool:
    import pyarrow
    import pyarrow.compute as pc

    texts = pyarrow.array(part.values.tolist(), pyarrow.string())
    return bool(pc.any(pc.match_substring_regex(texts, LEADING_ZERO)).as_py())


def _numbers(values: np.ndarray, kind: Any) -> np.ndarray:
    """Texts as numbers or truth values of a type; a comma in a number is a decimal mark."""
    import pyarrow
    import pyarrow.types as of

    texts = pyarrow.array([value.replace(",", ".") for value in values.tolist()], pyarrow.string())
    wide = pyarrow.int64() if of.is_integer(kind) else kind
    return texts.cast(wide).cast(kind).to_numpy(zero_copy_only=False)


def _part(path: Path, label: str, array: Any) -> _Part:
    """Labels as numbers or strings; those of a dictionary are looked up in it."""
    import pyarrow.types as of

    if of.is_dictionary(array.type):
        _check_lengths(path, label, array.dictionary)
        array = array.dictionary_decode()
    if arrow_types.is_text(array.type):
        return _text_part(path, label, array)
    if of.is_integer(array.type) or of.is_floating(array.type) or of.is_boolean(array.type):
        y = array.to_numpy(zero_copy_only=False)
        return _Part(named_arrays.labels(path, f"the column {label!r}", y))
    if (rows := _rows_of_lists(array)) is not None:
        y = named_arrays.labels(path, f"the column {label!r}", rows)
        return _Part(y, notes=named_arrays.label_notes(rows))
    raise DataError(
        f"{path} has {label!r} of type {array.type}; labels are whole numbers or strings."
    )


def _rows_of_lists(array: Any) -> np.ndarray | None:
    """Lists of numbers as rows (n, C), perhaps one-hot; None unless all have one length > 1."""
    kind = arrow_types.leaf(array.type)
    if not arrow_types.is_list(array.type) or not arrow_types.is_number(kind) or not len(array):
        return None
    rows = array.to_pylist()
    lengths = {len(row) if isinstance(row, list) else 0 for row in rows}
    found = np.array(rows) if len(lengths) == 1 and min(lengths) > 1 else np.empty(0)
    return found if found.ndim == 2 else None


def _text_part(path: Path, label: str, array: Any) -> _Part:
    _check_lengths(path, label, array)
    texts = array.cast("large_string").dictionary_encode()
    names = named_arrays.string_labels(path, repr(label), texts.dictionary.to_pylist())
    return _Part(names, texts.indices.to_numpy())


def _check_lengths(path: Path, label: str, strings: Any) -> None:
    """Raise DataError for a string that is too long for a label, before any is unpacked."""
    import pyarrow.types as of
    from pyarrow.compute import call_function

    if of.is_string(strings.type) or of.is_large_string(strings.type):
        longest = call_function("max", [call_function("utf8_length", [strings])]).as_py() or 0
        named_arrays.check_label_length(path, repr(label), longest)

"""Which columns of a table are the features, and which is the label."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from shlex import quote
from typing import Any, TypedDict

from halfspaces.datasets import named_arrays
from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.formats import (
    arrow_types,
    label_column,
    only_text,
    pixel_columns,
    table_keys,
)
from halfspaces.datasets.formats.csv_types import WORD
from halfspaces.datasets.formats.shard import Shard, check_has
from halfspaces.system.errors import DataError, listed

THOUSANDS = re.compile(r"[-+]?\d{1,3}([,. '’\xa0\u202f]\d{3})+([.,]\d*)?")
LONGEST_LIST = 80  # characters
PANDAS_INDEX = re.compile(r"__index_level_\d+__")

ClassNames = Callable[[str], Sequence[str] | None]  # of the column of a label
Reasons = dict[str, str]  # why a column is left out, by name


class Options(TypedDict, total=False):
    """What a caller says about the columns of a table."""

    label: str | None
    ignore: Sequence[str]
    split: str | None
    group: str | None
    weight: str | None
    like: Conventions


@dataclass(frozen=True)
class Columns:
    """The names of the features and of the label; features are one column of lists or several.

    `left_out` has a reason for each other column; `key` is the one that names the rows, for a table
    of predictions.
    """

    features: tuple[str, ...]
    label: str | None
    are_lists: bool
    left_out: Reasons
    key: str | None

    @property
    def taken_note(self) -> str:
        """What was taken, in words."""
        count = len(self.features)
        columns = "1 feature column" if count == 1 else f"{count:,} feature columns"
        label = "" if self.label is None else f"label {self.label!r}, "
        return f"{label}{columns}: {listed(self.features, _most_shown(self.features))}"

    @property
    def left_out_notes(self) -> tuple[str, ...]:
        """What was left out, in words, if anything was."""
        return (f"left out: {_reasons(self.left_out)}",) if self.left_out else ()

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """That of images whose pixels are the features; None for other features."""
        return None if self.are_lists else pixel_columns.image_shape(self.features)

    @property
    def conventions(self) -> Conventions:
        """What other rows of the same kind need: the names of the columns."""
        names = None if self.are_lists else self.features
        return Conventions(columns=names, label=self.label, key=self.key)


def choose_columns(
    shards: Sequence[Shard], options: Options, *, needs_label: bool = True
) -> Columns:
    """Find the label and the features among the columns of shards of one kind.

    Columns that are ignored, that of the splits, keys, and texts of one value are left out. If
    the options have `like.columns`, these are the features, and all others are left out. A label
    that neither an option nor its name tells may be the only column of texts.
    """
    path = shards[0].path
    like = options.get("like") or Conventions()
    types = {name: shards[0].schema.field(name).type for name in shards[0].schema.names}
    left_out = _unwanted(path, types, options)
    names = [name for name in types if name not in left_out]
    label = _choose_label(path, names, options.get("label"), like.label)
    names = [name for name in names if name != label]
    lists = [name for name in names if arrow_types.is_list(types[name])]
    if like.columns is not None:
        features = list(like.columns)
        _check_present(path, names, features)
        used = set(features)
        left_out |= {name: "not used in training" for name in names if name not in used}
    elif lists:
        features = [_choose_lists(path, lists)]
        left_out |= dict.fromkeys((name for name in names if name not in features), "no list")
    else:
        left_out |= table_keys.without_use(shards, names)
        features = [name for name in names if name not in left_out]
        texts = [name for name in features if arrow_types.is_text(types[name])]
        if label is None and len(texts) == 1:
            label = only_text.label(shards, features, texts[0], needed=needs_label)
            features.remove(label)
    _check_found(path, types, label, features, left_out, needs_label=needs_label)
    _check_numeric(shards[0], features)
    usable = {name for name in left_out if name in types and arrow_types.is_plain(types[name])}
    key = _key({name: left_out[name] for name in types if name in usable}, like)
    return Columns(tuple(features), label, bool(lists), left_out, key)


def check_same_columns(shard: Shard, columns: Columns, first: Path) -> None:
    """Raise DataError unless a shard has the features of the first one; others may be keys."""
    check_has(shard, columns.features, first)
    _check_numeric(shard, columns.features)
    if columns.are_lists:
        return
    known = {*columns.features, columns.label, *columns.left_out}
    for name in shard.schema.names:
        is_index = PANDAS_INDEX.fullmatch(name) or table_keys.may_be_index(name)
        if name not in known and not is_index:
            raise DataError(
                f"{shard.path} has the column {name!r}, {first} has not;"
                " all need the same features."
            )


# --- choice of columns ---------------------------------------------------------------------------


def _unwanted(path: Path, types: Iterable[str], options: Options) -> Reasons:
    """The columns that are no data, are ignored, or hold the splits."""
    names = list(types)
    left_out = {name: "an index" for name in names if PANDAS_INDEX.fullmatch(name)}
    for name in options.get("ignore") or ():
        if name not in names:
            raise DataError(f"{path} has no column {name!r} to ignore; it has {listed(names)}.")
        left_out[name] = "ignored"
    split = options.get("split")
    if split is not None:
        left_out[split] = "the splits"
    return left_out | _of_rows(path, names, options)


def _of_rows(path: Path, names: Sequence[str], options: Options) -> Reasons:
    """The columns of groups and weights, which say something of the rows and are no features."""
    found: Reasons = {}
    for what, reason in {"group": "the groups", "weight": "the weights"}.items():
        name = options.get(what)
        if name is None:
            continue
        if name not in names:
            raise DataError(f"{path} has no column {name!r} for {reason}; it has {listed(names)}.")
        if name in (options.get("label"), options.get("split"), *found):
            raise DataError(
                f"{path} has one column {name!r}, which cannot hold {reason} and something else;"
                " name another one."
            )
        found[name] = reason
    return found


def _choose_label(
    path: Path, names: Sequence[str], label: str | None, before: str | None
) -> str | None:
    """The label that is asked for, or that of the training, or one with a usual name."""
    if label is not None and label not in names:
        raise DataError(f"{path} has no column {label!r} for the labels; it has {listed(names)}.")
    if label:
        return label
    if before in names:
        return before
    by_name = {name.lower(): name for name in names}
    return next((by_name[name] for name in label_column.USUAL if name in by_name), None)


def _check_present(path: Path, names: Sequence[str], features: Sequence[str]) -> None:
    """Raise DataError, by name, for features of the training that the table lacks."""
    known = set(names)
    missing = [name for name in features if name not in known]
    if missing:
        columns = "column" if len(missing) == 1 else "columns"
        raise DataError(
            f"{path} lacks the {columns} {listed(missing)} of the training; it has"
            f" {listed(names)}; give the same features."
        )


def _check_found(
    path: Path,
    types: Iterable[str],
    label: str | None,
    features: Sequence[str],
    left_out: Reasons,
    *,
    needs_label: bool,
) -> None:
    """Raise DataError unless there are features, and a label if it is needed."""
    if needs_label and label is None:
        raise DataError(
            f"{path} has the columns {listed(types)},"
            " and none is called label, y, target or class;"
            " name the one with the classes by --label COLUMN, or label=... in Python."
        )
    if not features:
        others = f" but {_reasons(left_out)}" if left_out else ""
        raise DataError(
            f"{path} has no column beside the label {label!r}{others}; add the features."
        )


def _most_shown(names: Sequence[str]) -> int:
    """How many names fit on a line; at least five, so an index among the features can be seen."""
    ends = accumulate(len(repr(name)) + 2 for name in names)
    return max(5, sum(end <= LONGEST_LIST for end in ends))


def _key(left_out: Reasons, like: Conventions) -> str | None:
    """The column that names the rows: that of the training, or the first key."""
    if like.key in left_out:
        return like.key
    named = filter(table_keys.may_be_index, left_out)
    by_value = (name for name, reason in left_out.items() if reason == table_keys.KEY)
    return next(named, None) or next(by_value, None)


def _reasons(left_out: Reasons, most: int = 5) -> str:
    """The columns that are left out, each with its reason."""
    named = [f"{name!r} ({reason})" for name, reason in left_out.items()]
    more = f" and {len(named) - most:,} more" if len(named) > most else ""
    return ", ".join(named[:most]) + more


def _choose_lists(path: Path, lists: list[str]) -> str:
    """The column of lists with the features: by its name, or the only one."""
    for kind in named_arrays.FEATURES:
        for name in lists:
            if name.lower() == kind.lower():
                return name
    if len(lists) > 1:
        raise DataError(
            f"{path} has lists in the columns {listed(lists)};"
            " call the one with the features 'features'."
        )
    return lists[0]


def _check_numeric(shard: Shard, names: Iterable[str]) -> None:
    """Raise DataError for features that are no numbers."""
    fields = {name: shard.schema.field(name) for name in names}
    inner = {name: arrow_types.leaf(field.type) for name, field in fields.items()}
    bad = [name for name, kind in inner.items() if not arrow_types.is_number(kind)]
    if not bad:
        return
    kind = inner[bad[0]]
    if arrow_types.is_image(kind):
        raise DataError(
            f"{shard.path} has lists of images in the column {bad[0]!r};"
            " save one image in each row, in a column called image."
        )
    word = ((fields[bad[0]].metadata or {}).get(WORD) or b"").decode(errors="replace")
    among = f" ({word[:20]!r} is no number)" if word else ""
    others = [name for name in bad[1:] if inner[name] == kind]
    also = f", and {listed(others)} too" if others else ""
    write = "write them without marks of thousands, " if THOUSANDS.fullmatch(word) else ""
    ignored = " ".join(f"--ignore {quote(name)}" for name in [bad[0], *others][:5])
    raise DataError(
        f"{shard.path} has the column {bad[0]!r} of type {kind}{among}{also};"
        f" features are numbers, so {write}leave it out by {ignored},"
        f" or give --label {quote(bad[0])} where it holds the classes."
    )


# --- names of classes ----------------------------------------------------------------------------


def schema_class_names(schema: Any) -> ClassNames:
    """The names of classes that Hugging Face's `datasets` writes into the schema of a file."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return lambda label: None
    return lambda label: named_classes(features, label)


def named_classes(features: Any, label: str) -> Sequence[str] | None:
    """The names of a ClassLabel among Hugging Face's features.

    >>> named_classes({"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}, "label")
    ['cat', 'dog']
    """
    about = features.get(label) if isinstance(features, dict) else None
    if not isinstance(about, dict) or about.get("_type") != "ClassLabel":
        return None
    names = about.get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return names

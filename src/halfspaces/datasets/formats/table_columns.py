"""Which columns of a table are the features, and which is the label."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halfspaces.datasets import named_arrays
from halfspaces.datasets.formats import arrow_types
from halfspaces.datasets.formats.shard import Shard
from halfspaces.system.errors import DataError, listed

PANDAS_INDEX = re.compile(r"__index_level_\d+__")

ClassNames = Callable[[str], Sequence[str] | None]  # of the column of a label


@dataclass(frozen=True)
class Columns:
    """The names of the features and of the label; features are one column of lists or several."""

    features: tuple[str, ...]
    label: str | None
    are_lists: bool


def choose_columns(shard: Shard, label: str | None, *, needs_label: bool = True) -> Columns:
    """Find the label and the features among the columns; `label` is the name, if it is given."""
    types = {
        name: shard.schema.field(name).type
        for name in shard.schema.names
        if not PANDAS_INDEX.fullmatch(name)
    }
    label = _choose_label(shard.path, types, label)
    if label is None and needs_label:
        raise DataError(
            f"{shard.path} has the columns {listed(types)},"
            " and none is called label, y, target or class;"
            " name the one with the classes by --label COLUMN, or label=... in Python."
        )
    if label is not None:
        types.pop(label, None)
    lists = [name for name, kind in types.items() if arrow_types.is_list(kind)]
    features = (_choose_lists(shard.path, lists),) if lists else tuple(types)
    if not features:
        raise DataError(f"{shard.path} has no column beside the label {label!r}; add the features.")
    for name in features:
        _check_numeric(shard.path, name, types[name])
    return Columns(features, label, are_lists=bool(lists))


def check_same_columns(shard: Shard, columns: Columns, first: Path) -> None:
    """Raise DataError unless a shard has the features of the first one, and no others."""
    for name in columns.features:
        if name not in shard.schema.names:
            raise DataError(
                f"{shard.path} lacks the column {name!r} of {first};"
                " all files need the same features."
            )
        _check_numeric(shard.path, name, shard.schema.field(name).type)
    if columns.are_lists:
        return
    known = {*columns.features, columns.label}
    for name in shard.schema.names:
        if name not in known and not PANDAS_INDEX.fullmatch(name):
            raise DataError(
                f"{shard.path} has the column {name!r}, {first} has not;"
                " all need the same features."
            )


def _choose_label(path: Path, types: dict[str, Any], label: str | None) -> str | None:
    if label is not None and label not in types:
        raise DataError(f"{path} has no column {label!r} for the labels; it has {listed(types)}.")
    if label:
        return label
    by_name = {name.lower(): name for name in types}
    candidates = ("label", *named_arrays.LABELS)
    return next((by_name[name] for name in candidates if name in by_name), None)


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


def _check_numeric(path: Path, name: str, kind: Any) -> None:
    import pyarrow.types as of

    inner = arrow_types.leaf(kind)
    if arrow_types.is_number(inner):
        return
    if of.is_struct(inner):
        fields = {inner.field(i).name for i in range(inner.num_fields)}
        if {"bytes", "path"} <= fields:
            raise DataError(
                f"{path} has files of images in the column {name!r}, which are not read from"
                " tables; save them as a folder of images, one folder a class."
            )
    raise DataError(
        f"{path} has the column {name!r} of type {inner};"
        f" features are numbers, so leave it out, or give --label {name}"
        " where it holds the classes."
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

"""Which column of a table holds images, and which their labels."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.formats import (
    arrow_types,
    label_column,
    table_columns,
    table_labels,
)
from halfspaces.datasets.formats.shard import Shard
from halfspaces.datasets.formats.table_columns import Options
from halfspaces.datasets.split_words import USES
from halfspaces.system.errors import DataError, listed

USUAL = ("image", "img", "images", "picture", "photo", "jpg", "png")
OF_IMAGES = re.compile(r".*(image|img|picture|photo|jpe?g|png).*", re.IGNORECASE)
Labels = Mapping[str, Sequence[str | None]]  # of the rows, by split; None for a missing one


def holds_images(schema: Any, ignored: Sequence[str] = ()) -> bool:
    """Whether a table has a column of images that is not ignored, and none of features."""
    named = {name.lower() for name in named_arrays.FEATURES}
    lists = [name for name in schema.names if arrow_types.is_list(schema.field(name).type)]
    return bool(_candidates(schema, ignored)) and not any(name.lower() in named for name in lists)


def _candidates(schema: Any, ignored: Sequence[str]) -> list[str]:
    """The columns of files with their paths; without any, those of bytes with a usual name."""
    kinds = {name: arrow_types.stored(schema.field(name).type) for name in schema.names}
    names = [name for name in kinds if name not in ignored]
    images = [name for name in names if arrow_types.is_image(kinds[name])]
    binary = [name for name in names if arrow_types.is_binary(kinds[name])]
    return images or [name for name in binary if OF_IMAGES.fullmatch(name)]


@dataclass(frozen=True)
class ImageColumns:
    """The columns of images and labels."""

    image: str
    label: str | None
    left_out: tuple[str, ...]

    @classmethod
    def choose(cls, shard: Shard, options: Options, *, needs_label: bool) -> "ImageColumns":
        """Choose by names and types; DataError where it is not clear which columns they are."""
        ignored = [*(options.get("ignore") or ()), options.get("split") or ""]
        schema = shard.schema
        image = _choose_image(shard.path, _candidates(schema, ignored))
        kinds = {name: schema.field(name).type for name in schema.names}
        others = [name for name in kinds if name != image and name not in ignored]
        if not needs_label:
            return cls(image, None, tuple(others))
        names = [name for name in others if arrow_types.is_plain(kinds[name])]
        class_names = table_columns.schema_class_names(schema)
        likely = [name for name in names if class_names(name) is not None]
        likely = likely or [name for name in names if arrow_types.is_text(kinds[name])]
        like = options.get("like") or Conventions()
        before = like.label if like.label in names else None
        label = label_column.choose(str(shard.path), names, options.get("label") or before, likely)
        left_out = tuple(name for name in schema.names if name not in (image, label))
        return cls(image, label, left_out)

    def note(self) -> str:
        """What was taken, in words."""
        left_out = f"; left out: {listed(self.left_out)}" if self.left_out else ""
        return f"images {self.image!r}, label {self.label!r}{left_out}"

    def labels(self, splits: Mapping[str, Sequence[Shard]]) -> "ImageLabels":
        """The class of each row, and notes on rows without one: they have −1 in place of a class.

        A split of which no row has a class is left out; DataError if it is that for training.
        """
        assert self.label is not None
        table = table_labels.read(splits, self.label, table_labels.schema_names(self.label))
        found: dict[str, list[str | None]] = {}
        notes = []
        for split, shards in splits.items():
            y = _texts(table.y.get(split, np.empty(0)), table.class_names)
            if y:
                check_rows(shards[0].path, len(y), sum(shard.rows for shard in shards))
            missing = y.count(None)
            if missing == len(y):
                notes.append(f"left out: the rows {USES[split]}, which have no labels")
                continue
            if missing:
                rows = "row" if missing == 1 else "rows"
                notes.append(f"left out: {missing:,} {rows} {USES[split]} without a label")
            found[split] = y
        if "train" not in found:
            path = splits["train"][0].path
            raise DataError(f"{path} has no labels in the column {self.label!r}; add them.")
        return ImageLabels(found, table.class_names, tuple(notes))


@dataclass(frozen=True)
class ImageLabels:
    """The class of each row by split, all classes if the files name them, and notes."""

    y: Labels
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]


def _texts(y: np.ndarray, names: Sequence[str] | None) -> list[str | None]:
    """Labels by name; None for −1 in place of a class."""
    if names is None or y.dtype.kind not in "iu":
        return [str(label) for label in y.tolist()]
    numbers: list[int] = y.tolist()
    return [None if i == table_labels.HIDDEN else names[i] for i in numbers]


def _choose_image(path: Path, candidates: Sequence[str]) -> str:
    """The column with a usual name, or the only one."""
    by_name = {name.lower(): name for name in candidates}
    usual = [by_name[name] for name in USUAL if name in by_name]
    if not usual and len(candidates) != 1:
        raise DataError(
            f"{path} has images in the columns {listed(candidates)}; leave out all but one by"
            " --ignore COLUMN, or ignore=[...] in Python."
        )
    return usual[0] if usual else candidates[0]


def check_rows(path: Path, held: int, promised: int, *, is_end: bool = True) -> None:
    """Raise DataError for a damaged file, which holds fewer or more rows than its header says."""
    if held > promised or (is_end and held < promised):
        raise DataError(
            f"{path} holds {held:,} rows where {promised:,} are promised; save it again."
        )

"""Which split each image belongs to, by tables that name the files of a split.

These are a table for each split (train.csv, test.csv, or train.txt with a name a line), and tables
with a column of splits, such as CelebA's list_eval_partition.csv.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from halfspaces.datasets.formats import label_tables
from halfspaces.datasets.formats.class_folders import SPLITS, Layout, split_of_folders
from halfspaces.datasets.formats.decode_image import SUFFIXES
from halfspaces.datasets.formats.file_names import FileNames
from halfspaces.datasets.formats.label_tables import LabelTable
from halfspaces.system.errors import DataError, listed, shown

COLUMNS = ("split", "subset", "set")
PARTITION = "partition"  # a column of CelebA, whose splits are numbered
NUMBERED = {"0": "train", "1": "val", "2": "test"}


def of_rows(table: LabelTable) -> Sequence[str | None]:
    """The split of each row, if a column tells it."""
    by_name = {name.lower(): values for name, values in table.columns.items()}
    for name in (*COLUMNS, PARTITION):
        splits = {**SPLITS, **NUMBERED} if name == PARTITION else SPLITS
        words = [word.lower() for word in by_name.get(name, ())]
        if words and set(words) <= set(splits):
            return [splits[word] for word in words]
    return [None] * len(next(iter(table.columns.values())))


def of_files(
    path: Path, tables: Sequence[LabelTable], names: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """The split of each image that a table of splits names, and the names of those tables.

    Raises DataError for an image in two splits.
    """
    images = [name for name in names if name.lower().endswith(SUFFIXES)]
    files = FileNames(images)
    naming = label_tables.naming(tables, images)
    found: dict[str, str] = {}
    used = []
    for table in tables:
        if table.name not in naming:
            continue
        splits = [split or table.split for split in of_rows(table)]
        if not any(splits):
            continue
        used.append(table.name)
        for value, split in zip(table.columns[naming[table.name]], splits, strict=True):
            file = meant(table, files.candidates(value))[:1] if value and split else []
            if file and found.setdefault(file[0], str(split)) != split:
                raise DataError(
                    f"{path} has {shown(file[0])} in two splits, {found[file[0]]} and {split}, the"
                    f" latter in {table.name}; name each image in one of them."
                )
    return found, used


def meant(table: LabelTable, candidates: Sequence[str]) -> Sequence[str]:
    """Of several files that a text may mean, those below the table, then those of its split."""
    if table.folder != ".":
        below = [name for name in candidates if name.startswith(f"{table.folder}/")]
        candidates = below or candidates
    if len(candidates) > 1:
        split = table.split or "train"
        candidates = [n for n in candidates if split_of_folders(n) == split] or candidates
    return candidates


def divided(
    path: Path, tables: Sequence[LabelTable], layout: Layout, names: Collection[str]
) -> Layout:
    """A layout of class folders with the splits of the tables, where it has none of its own.

    Where a table has the training images, images that no table names are left out; else these are
    the training images. Raises DataError for a class without training images.
    """
    if list(layout.splits) != ["train"]:
        return layout
    found, used = of_files(path, tables, names)
    files = layout.splits["train"]
    said = {found[name] for name, _ in files if name in found}
    if not said - {"train"}:
        return layout
    rest = None if "train" in found.values() else "train"
    splits: dict[str, list[tuple[str, int]]] = {"train": [], "val": [], "test": []}
    left_out = []
    for name, label in files:
        split = found.get(name, rest)
        if split is None:
            left_out.append(name)
        else:
            splits[split].append((name, label))
    _check_trains(path, layout, splits["train"], used)
    filled = {split: rows for split, rows in splits.items() if rows}
    notes = (*layout.notes, f"splits of {listed(used, 3)}", *_note(left_out))
    return Layout(layout.classes, filled, notes)


def _check_trains(
    path: Path, layout: Layout, files: Sequence[tuple[str, int]], used: Sequence[str]
) -> None:
    """Raise DataError for a class of which no image is for training."""
    missing = set(range(len(layout.classes))) - {label for _, label in files}
    if missing:
        raise DataError(
            f"{path} has no image of {layout.classes[min(missing)]} for training in"
            f" {listed(used, 3)}; add some, or move the tables away to take all images."
        )


def _note(left_out: Sequence[str]) -> tuple[str, ...]:
    if not left_out:
        return ()
    images = "image is" if len(left_out) == 1 else "images are"
    return (f"left out: {len(left_out):,} {images} in no split, such as {shown(left_out[0])}",)

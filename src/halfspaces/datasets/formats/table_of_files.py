"""Splits and classes of images from tables of labels that name their files."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from halfspaces.datasets.formats import label_column, label_tables, labelled_names, split_tables
from halfspaces.datasets.formats.class_folders import Layout, split_of, split_of_folders
from halfspaces.datasets.formats.decode_image import SUFFIXES
from halfspaces.datasets.formats.file_names import FileNames
from halfspaces.datasets.formats.label_tables import LabelTable
from halfspaces.datasets.formats.labelled_names import Labelled
from halfspaces.system.errors import DataError, listed, shown


@dataclass(frozen=True)
class _Columns:
    """The columns of a table that name the files and their classes."""

    table: LabelTable
    file: str
    label: str

    def note(self) -> str:
        """What was taken, in words."""
        others = [name for name in self.table.columns if name not in (self.file, self.label)]
        left_out = f"; left out: {listed(others)}" if others else ""
        return f"{self.table.name}: files {self.file!r}, label {self.label!r}{left_out}"


def arrange(
    path: Path,
    tables: Sequence[LabelTable],
    names: Sequence[str],
    bad: Collection[str],
    label: str | None,
    skip_bad: bool,
) -> Layout:
    """The layout of the files that the tables name; other images are left out, and noted.

    `label` is the column of the classes, which are in the natural order of their names; images have
    the order of the rows. Rows whose file is missing are an error unless bad ones are skipped.
    Raises DataError for labels that contradict each other, names of several files, and columns that
    are not clear.
    """
    images = [name for name in names if name.lower().endswith(SUFFIXES)]
    files = FileNames(images)
    chosen = _choose(path, tables, label_tables.naming(tables, images), label)
    found: dict[str, Labelled] = {}
    notes = [columns.note() for columns in chosen]
    splits, used = _splits_beside(path, tables, chosen, images)
    if used:
        notes.append(f"splits of {listed(used, 3)}")
    for columns in chosen:
        missing = _find_files(path, columns, files, splits, found)
        if missing and not skip_bad:
            raise DataError(
                f"{path} has no file for {_rows(missing, columns)}; get those files, or leave such"
                " rows out with skip_bad (--skip-bad)."
            )
        if missing:
            notes.append(f"left out, as their files are missing: {_rows(missing, columns)}")
    notes += labelled_names.unlabelled_note([name for name in images if name not in found])
    where = f"the column {chosen[0].label!r} of {chosen[0].table.name}"
    return labelled_names.arrange(path, where, found, bad, notes=notes)


def folders_are_classes(
    path: Path, tables: Sequence[LabelTable], layout: Layout, names: Sequence[str]
) -> bool:
    """Whether the folders of images are classes, although there are tables.

    They are if no table names the images, or one has the same classes. They are not if each is
    called like a split. Otherwise the table and the folders contradict each other: DataError.
    """
    described = [table for table in tables if len(table.columns) > 1]
    naming = label_tables.naming(described, names)
    if not naming:
        return True
    if all(split_of(name) for name in layout.classes):
        return False
    by_name = {table.name: table for table in tables}
    if any(label_tables.agrees(by_name[name], naming[name], layout, names) for name in naming):
        return True
    table = next(iter(naming))
    raise DataError(
        f"{path} has images in the folders {listed(layout.classes, 3)}, and {table} names them"
        f" without a column of these classes; name the column of {table} with the classes by"
        " --label COLUMN (label=... in Python), or move the table away to take the folders."
    )


# --- columns -------------------------------------------------------------------------------------


def _choose(
    path: Path, tables: Sequence[LabelTable], naming: Mapping[str, str], label: str | None
) -> list[_Columns]:
    """The tables that name images and have labels; those of a test split may have none."""
    named = [table for table in tables if table.name in naming]
    if not named:
        raise DataError(
            f"{path} has {listed((table.name for table in tables), 3)}, of which no column names"
            " the images; give the names of the files in a column, such as file_name."
        )
    if label is not None and any(label in table.columns for table in named):
        named = [table for table in named if label in table.columns]
    named = [table for table in named if len(table.columns) > 1] or named
    if any(table.split == "train" for table in named):
        named = [table for table in named if table.split is not None]
    chosen: list[_Columns] = []
    for table in sorted(named, key=lambda each: each.split not in (None, "train")):
        file = naming[table.name]
        if chosen and chosen[0].label not in table.columns:
            continue
        asked = chosen[0].label if chosen else label
        others = [name for name in table.columns if name != file and name.lower() != "split"]
        where = str(path / table.name)
        column = label_column.choose(where, others, asked, _likely(table, others))
        chosen.append(_Columns(table, file, column))
    return chosen


def _likely(table: LabelTable, names: Sequence[str]) -> list[str]:
    """The columns of texts of which some are the same."""
    return [
        name
        for name in names
        if 1 < len(set(table.columns[name])) <= len(table.columns[name]) // 2
        and not all(_is_number(value) for value in table.columns[name])
    ]


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True


def _splits_beside(
    path: Path, tables: Sequence[LabelTable], chosen: Sequence[_Columns], images: Sequence[str]
) -> tuple[dict[str, str], list[str]]:
    """The splits of files in tables without labels: lists, and columns of splits."""
    with_labels = [columns.table.name for columns in chosen]
    others = [
        table
        for table in tables
        if table.name not in with_labels
        and (len(table.columns) == 1 or any(split_tables.of_rows(table)))
    ]
    return split_tables.of_files(path, others, images)


# --- rows ----------------------------------------------------------------------------------------


def _find_files(
    path: Path,
    columns: _Columns,
    files: FileNames,
    splits_beside: Mapping[str, str],
    found: dict[str, Labelled],
) -> list[str]:
    """Add the labelled files of a table to `found`; returns the names of missing files."""
    table = columns.table
    missing = []
    splits = split_tables.of_rows(table)
    rows = zip(table.columns[columns.file], table.columns[columns.label], splits, strict=True)
    for value, label, split in rows:
        if not value or not label:
            continue
        file = _file(path, table, files.candidates(value), value)
        if file is None:
            missing.append(value)
            continue
        said = split or table.split or splits_beside.get(file)
        labelled = Labelled(said or split_of_folders(file), label)
        if found.setdefault(file, labelled) != labelled:
            raise DataError(
                f"{path} has two labels or splits for {shown(file)}, {found[file].label!r} and"
                f" {label!r} in {table.name}; give each image one."
            )
    return missing


def _file(path: Path, table: LabelTable, candidates: Sequence[str], value: str) -> str | None:
    """The file that a text means: of several, the one below the table, then that of its split."""
    candidates = split_tables.meant(table, candidates)
    if len(candidates) > 1:
        raise DataError(
            f"{path} has {listed(candidates, 2)}, and {table.name} names both {value!r};"
            " give the folder in the table, too."
        )
    return candidates[0] if candidates else None


def _rows(missing: Sequence[str], columns: _Columns) -> str:
    """Which rows of a table have no file, in words."""
    values = columns.table.columns[columns.file]
    return f"{len(missing):,} of the {len(values):,} rows of {columns.table.name}," + (
        f" such as {shown(missing[0])!r}"
    )

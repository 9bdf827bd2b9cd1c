"""Embeddings in numbered .npy files, as clip-retrieval writes them: img_emb_0.npy, img_emb_1.npy.

    embeddings/img_emb/img_emb_0.npy            rows (n, D), as a rule float16
    embeddings/text_emb/text_emb_0.npy          of the captions
    embeddings/metadata/metadata_0.parquet      columns of the same rows, such as image_path

https://github.com/rom1504/clip-retrieval
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files.folder import name_of
from halfspaces.datasets.formats import joined, npy, parquet, table_labels, table_values, unread
from halfspaces.datasets.formats.file_pairs import SUFFIXES
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.from_arrays import from_arrays, rows_to_predict
from halfspaces.datasets.formats.shard import Shard
from halfspaces.datasets.split_words import SPLIT_OF_WORD
from halfspaces.system.errors import DataError, listed

NUMBERED = re.compile(r"(?P<stem>.+)[-_.](?P<number>\d+)")
METADATA = "metadata"
PATHS = "image_path"
FOLDERS = (".", "img_emb", "text_emb")  # of rows, in the order of preference

Numbered = Mapping[int, Path]  # files by number, in order


@dataclass(frozen=True)
class _Rows:
    """The numbered files of one split, and the stem of their names; `split` as these names say."""

    split: str
    stem: str
    files: Numbered

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return next(iter(self.files.values())).parent


def recognizes(path: Path) -> bool:
    """Whether it is a folder with numbered files of features, and no single file of them."""
    if not path.is_dir() or named_arrays.find_pair(npy.FILES.stems(path), "train").X is not None:
        return False
    return any(True for _ in _splits(path))


def read(path: Path, label: str | None = None, like: Conventions | None = None) -> Dataset:
    """Read the rows of all files in the order of their numbers, and their labels.

    Labels are in labels_0.npy (or y_0.npy) for each file or in one labels.npy for all, or in the
    column `label` of the metadata, or in that of `like`, or in one with a usual name. One file is
    mapped from disk; several are copied into one array. Splits are folders or names:
    train/img_emb, X_test_0.npy.

    Raises DataError for files that do not fit, and where no labels are found.
    """
    known = None if like is None else like.label
    arrays: dict[str, np.ndarray] = {}
    notes: dict[str, None] = {}
    for split, rows in _ordered(path).items():
        arrays[f"X{SUFFIXES[split]}"] = _joined(rows.files)
        labels = _labels(rows, label, known)
        arrays[f"y{SUFFIXES[split]}"] = labels.y
        notes[f"features: {_named(rows)}"] = None
        notes[f"label: {labels.source}"] = None
    dataset = from_arrays(path, name_of(path), arrays, tuple(notes))
    notes_of_all = (*dataset.notes, *unread.note(path, _is_used))
    return replace(dataset, conventions=Conventions(label=label or known), notes=notes_of_all)


def read_features(
    path: Path, label: str | None = None, like: Conventions | None = None
) -> RowsToPredict:
    """Read the rows of the test split if there is one, else all; they need no labels.

    Their keys are the paths of the images, where the metadata has them.
    """
    splits = _ordered(path)
    rows = splits.get("test") or splits["train"]
    read = rows_to_predict(path, rows.stem, _joined(rows.files))
    return replace(read, keys=_paths(rows, len(read.X)))


# --- rows ----------------------------------------------------------------------------------------


def _ordered(path: Path) -> dict[str, _Rows]:
    """The files of each split; the training split always exists."""
    found: dict[str, _Rows] = {}
    for split, rows in _splits(path):
        if split in found:
            raise DataError(
                f"{rows.folder} and {found[split].folder} are both of the split {split};"
                " keep one of them."
            )
        found[split] = rows
    if "train" not in found:
        raise DataError(
            f"The folder {path} has no files for training beside those of {listed(found)};"
            " call their folder train."
        )
    return {split: found[split] for split in SUFFIXES if split in found}


def _splits(path: Path) -> Iterator[tuple[str, _Rows]]:
    """The files by split: by names here, or in folders called train, test and validation."""
    by_name = {split: rows for split in SUFFIXES if (rows := _rows(path, split))}
    yield from by_name.items()
    if by_name:
        return
    for folder in sorted(path.iterdir()):
        split = SPLIT_OF_WORD.get(folder.name.lower())
        rows = _rows(folder, "train") if folder.is_dir() else None
        if split is not None and rows is not None:
            yield split, rows


def _rows(path: Path, split: str) -> _Rows | None:
    """The numbered files of features of a split, here or in a folder of clip-retrieval."""
    for name in FOLDERS:
        stems = _numbered(path / name, ".npy")
        stem = named_arrays.find_pair(stems, split).X
        if stem is not None:
            return _Rows(split, stem, stems[stem])
    return None


def _numbered(folder: Path, suffix: str) -> dict[str, dict[int, Path]]:
    """The numbered files of a folder by stem, then number, in order.

    Raises DataError for two files of one number.
    """
    stems: dict[str, dict[int, Path]] = {}
    files = [path for path in folder.glob(f"*{suffix}") if path.is_file()]
    for path in sorted(files):
        if match := NUMBERED.fullmatch(path.stem):
            numbers = stems.setdefault(match["stem"], {})
            number = int(match["number"])
            if number in numbers:
                raise DataError(
                    f"{path} and {numbers[number].name} have the same number; remove one of them."
                )
            numbers[number] = path
    return {stem: dict(sorted(numbers.items())) for stem, numbers in stems.items()}


def _joined(files: Numbered) -> np.ndarray:
    """The rows of all files: those of one file as they lie on disk."""
    return joined.rows({path: npy.open_mapped(path) for path in files.values()})


def _named(rows: _Rows) -> str:
    """The names of the files, in words, and those that are not used."""
    names = [path.name for path in rows.files.values()]
    count = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}, {len(names):,} files"
    other = rows.folder.parent / "text_emb"
    unused = rows.folder.name == "img_emb" and other.is_dir()
    return f"{count}; text_emb is not used" if unused else count


def _is_used(name: str) -> bool:
    """Whether a file in the folder is named like features, labels or metadata in the right form."""
    path = Path(name)
    match = NUMBERED.fullmatch(path.stem)
    stem = match["stem"] if match else path.stem
    if path.suffix in parquet.SUFFIXES:
        return stem == METADATA
    found = any(any(named_arrays.find_pair([stem], split)) for split in SUFFIXES)
    return path.suffix == ".npy" and found


# --- labels --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Labels:
    """Labels, and where they come from."""

    y: np.ndarray
    source: str


def _labels(rows: _Rows, column: str | None, known: str | None) -> _Labels:
    """The labels of the rows, file by file; DataError if there are none."""
    if column is None:
        for place in _places(rows, "labels"):
            found = _numbered_labels(rows, place) or _one_file(rows, place)
            if found is not None:
                return found
    return _of_metadata(rows, column, known)


def _numbered_labels(rows: _Rows, folder: Path) -> _Labels | None:
    """Those of labels_0.npy, labels_1.npy, ..., one file for each file of rows."""
    stems = _numbered(folder, ".npy")
    stem = named_arrays.find_pair(stems, rows.split).y
    if stem is None:
        return None
    files = {
        path: _same_number(path, number, stems[stem], f"{stem}_{number}.npy")
        for number, path in rows.files.items()
    }
    y = _concatenated({path: (file, npy.open_mapped(file)) for path, file in files.items()})
    return _Labels(y, f"{stem}_*.npy")


def _one_file(rows: _Rows, folder: Path) -> _Labels | None:
    """Those of labels.npy, for the rows of all files."""
    stems = npy.FILES.stems(folder)
    stem = named_arrays.find_pair(stems, rows.split).y
    if stem is None:
        return None
    path = (folder / f"{stem}.npy").resolve()
    return _Labels(np.array(npy.open_mapped(path)), path.name)


def _of_metadata(rows: _Rows, column: str | None, known: str | None) -> _Labels:
    """Those in a column of metadata_0.parquet, metadata_1.parquet, ..."""
    files = _metadata(rows)
    shards: dict[int, Shard] = {number: parquet.open_shard(path) for number, path in files.items()}
    names = next(iter(shards.values())).schema.names if shards else []
    label = column or (known if known in names else named_arrays.find_pair(names, "train").y)
    if label is None or label not in names:
        raise DataError(_without_labels(rows, column, names))
    parts: dict[Path, tuple[Path, np.ndarray]] = {}
    for number, path in rows.files.items():
        file = _same_number(path, number, files, f"{METADATA}_{number}.parquet")
        parts[path] = (file, table_labels.labels([shards[number]], label))
    return _Labels(_concatenated(parts), f"the column {label!r} of {METADATA}")


def _metadata(rows: _Rows) -> Numbered:
    """The tables of the same rows, beside them or in the folder metadata."""
    for place in _places(rows, METADATA):
        files = _numbered(place, ".parquet").get(METADATA)
        if files:
            return files
    return {}


def _paths(rows: _Rows, N: int) -> dict[str, np.ndarray]:
    """The column of the metadata with the paths of the images; none where it does not fit."""
    files = _metadata(rows)
    if not files.keys() >= rows.files.keys():
        return {}
    try:
        shards = [parquet.open_shard(files[number]) for number in rows.files]
        paths = table_values.keys(shards, PATHS)
    except (DataError, ImportError):
        return {}
    return {PATHS: paths} if len(paths) == N else {}


def _without_labels(rows: _Rows, column: str | None, names: Sequence[str]) -> str:
    """A sentence that says where labels were looked for, and what to do."""
    first, path = next(iter(rows.files.items()))
    if column is not None and names:
        return (
            f"{path} has no column {column!r} in its {METADATA}; name one of {listed(names, 8)} by"
            " --label COLUMN, or label=... in Python."
        )
    beside = f"save them as labels_{first}.npy beside it"
    if not names:
        return f"{path} has no labels; {beside}, one file for each file of rows."
    return (
        f"{path} has no labels; {beside}, or name the column of its {METADATA} that holds them by"
        f" --label COLUMN, or label=... in Python ({listed(names, 8)})."
    )


def _same_number(rows: Path, number: int, files: Numbered, name: str) -> Path:
    if number not in files:
        raise DataError(f"{rows} has no file of its number with labels; add {name}.")
    return files[number]


def _places(rows: _Rows, name: str) -> list[Path]:
    """Folders that may hold what belongs to the rows: theirs, that around it, and NAME in both."""
    folders = [rows.folder]
    if name_of(rows.folder) in FOLDERS:
        folders.append(rows.folder / "..")
    return [*folders, *(folder / name for folder in folders)]


def _concatenated(labels: Mapping[Path, tuple[Path, np.ndarray]]) -> np.ndarray:
    """The labels of all files, each given with its own file by the file of the rows.

    Raises DataError unless there is one for each row, and all are of one kind.
    """
    for rows, (file, y) in labels.items():
        N = len(npy.open_mapped(rows))
        if y.ndim == 0 or len(y) != N:
            count = f"{len(y):,} labels" if y.ndim else "one value"
            raise DataError(f"{rows} has {N:,} rows but {file} {count}; give one label a row.")
    return joined.labels(dict(labels.values()))


FORMAT = Format(
    "npy_shards",
    recognizes,
    read,
    read_features=read_features,
    options=("label", "like"),
    summary="a folder with img_emb_0.npy, ...",
)

"""Features and labels in two files of a folder, such as X.npy and y.npy, perhaps for each split."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from halfspaces.datasets import named_arrays
from halfspaces.datasets.formats import unread
from halfspaces.system.errors import DataError, listed

SUFFIXES = {"train": "", "test": "_test", "validation": "_val"}  # of names of a Dataset's fields


class Pair(NamedTuple):
    """The files of one split."""

    X: Path
    y: Path | None

    @property
    def labels(self) -> Path:
        """The file of the labels; DataError if there is none."""
        if self.y is None:
            name = _name_of_labels(self.X)
            raise DataError(f"{self.X} has no labels beside it; save them as {name}.")
        return self.y


@dataclass(frozen=True)
class FilePairs:
    """The files of a folder that have a suffix: each holds one array.

    `save` is the call that writes X to such a file.
    """

    suffix: str
    save: str

    def splits(self, path: Path) -> dict[str, Pair]:
        """The files by split of a folder, or of the file of features; there is always "train".

        A file that is alone with labels may have any name. Raises DataError if there are no
        features.
        """
        folder = path if path.is_dir() else path.parent
        found = {split: files for split in SUFFIXES if (files := self.split(folder, split))}
        if path != folder and path not in [files.X for files in found.values()]:
            train = found.get("train")
            y = train.y if train and train.y != path else self._only_labels(folder)
            return {"train": Pair(path, y)}
        if "train" not in found and "test" in found:
            found["train"] = found.pop("test")
        if "train" not in found:
            raise DataError(
                f"The folder {folder} has labels but no X{self.suffix};"
                f" save the features with {self.save}."
            )
        return {split: found[split] for split in SUFFIXES if split in found}

    def unread_note(self, path: Path) -> tuple[str, ...]:
        """Lines on other files of data in a folder that is read, if there are any.

        X.npy beside X_train.npy is ambiguous: the files that are used are named, too.
        """
        pairs = self.splits(path).values() if path.is_dir() else ()
        used = [file.name for pair in pairs for file in pair if file is not None]
        others = unread.note(path, used.__contains__)
        if not others or len(self.stems(path)) == len(used):
            return others
        return (f"used: {listed(used)}", *others)

    def split(self, folder: Path, split: str) -> Pair | None:
        """The files of one split, if it has features."""
        X, y = named_arrays.find_pair(self.stems(folder), split)
        if X is None:
            return None
        return Pair(self._file(folder, X), None if y is None else self._file(folder, y))

    def rows_to_predict(self, path: Path) -> Path:
        """The file itself, or that of the test rows of a folder, else of all rows."""
        if not path.is_dir():
            return path
        files = self.split(path, "test") or self.split(path, "train")
        if files is None:
            raise DataError(
                f"The folder {path} has no X{self.suffix}; save the features with {self.save}."
            )
        return files.X

    def stems(self, folder: Path) -> list[str]:
        """The names of such files, without the suffix."""
        paths = sorted(folder.glob(f"*{self.suffix}"))
        return [path.stem for path in paths if path.is_file()]

    def _only_labels(self, folder: Path) -> Path | None:
        y = named_arrays.find_pair(self.stems(folder), "train").y
        return None if y is None else self._file(folder, y)

    def _file(self, folder: Path, stem: str) -> Path:
        return folder / f"{stem}{self.suffix}"


def _name_of_labels(X: Path) -> Path:
    """The name of the file of labels that belongs to a file of features.

    >>> [_name_of_labels(Path(name)).name for name in ("X_test.npy", "val_X.pt", "clip.pt")]
    ['y_test.npy', 'y_val.pt', 'y.pt']
    """
    name = X.stem.lower()
    split = next((split for split in ("test", "train", "val") if split in name), None)
    return X.with_name(f"y{'' if split is None else f'_{split}'}{X.suffix}")

"""What the names of files say of an image data set: `[split/]class/file`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from halfspaces.datasets.formats.decode_image import SUFFIXES
from halfspaces.support.errors import DataError, shown

SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
NEEDED = "needed is one sub-folder a class with images in it"


@dataclass(frozen=True)
class Layout:
    """The classes, and (name, label) of the files of each split, sorted by label and name."""

    classes: tuple[str, ...]
    splits: dict[str, list[tuple[str, int]]]

    def names(self) -> list[str]:
        """The files, split by split."""
        return [name for files in self.splits.values() for name, _ in files]


def arrange(path: Path, names: Iterable[str], folders: Iterable[str] = ()) -> Layout:
    """Find splits and classes in the names below `path`. Raises DataError where there are fewer than two classes.

    A folder around all images is no class; train, val and test are splits where there is a train with folders in it;
    files beside the folders of classes are left out if they are not named like images.

    >>> arrange(Path("pets"), ["pets/dog10/b.png", "pets/dog9/a.png", "pets/README.txt"])
    Layout(classes=('dog9', 'dog10'), splits={'train': [('pets/dog9/a.png', 0), ('pets/dog10/b.png', 1)]})
    """
    placed = {name: tuple(name.split("/")) for name in names}
    inner = {tuple(name.split("/")) for name in folders}
    around = _around(path, placed, inner)
    placed = {
        name: parts[len(around) :]
        for name, parts in placed.items()
        if parts[: len(around)] == around
    }
    inner = {parts[len(around) :] for parts in inner if parts[: len(around)] == around}
    split_names = _split_names(
        path, [*placed.values(), *(parts for parts in inner if len(parts) > 1)]
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for name, parts in placed.items():
        split, below = (split_names.get(parts[0]), parts[1:]) if split_names else ("train", parts)
        if len(below) > 1 and split is not None:
            found.setdefault(split, []).append((name, below[0]))
        elif name.lower().endswith(SUFFIXES):
            raise DataError(
                f"{path} has the image {shown(name)} outside the folders of its classes; {NEEDED}."
            )
    labels = _labels(path, found)
    _check_empty(path, inner, {parts[:-1] for parts in placed.values()}, 2 if split_names else 1)
    splits = {
        split: sorted(
            ((name, labels[of]) for name, of in found[split]),
            key=lambda pair: (pair[1], natural(pair[0])),
        )
        for split in ("train", "val", "test")
        if split in found
    }
    return Layout(tuple(map(shown, labels)), splits)


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers in names by size.

    >>> sorted(["b", "a10", "a9", "10", "9"], key=natural)
    ['9', '10', 'a9', 'a10', 'b']
    """
    parts = re.split("([0-9]+)", name)
    return [
        (len(part.lstrip("0")) if at % 2 else 0, part.casefold()) for at, part in enumerate(parts)
    ] + [(0, name)]


Parts = tuple[str, ...]


def _around(path: Path, placed: dict[str, Parts], folders: set[Parts]) -> Parts:
    """The folders that lie around all images and mean nothing."""
    images = [parts for name, parts in placed.items() if name.lower().endswith(SUFFIXES)]
    if not images:
        raise DataError(f"{path} holds no images; {NEEDED}.")
    depth, shallowest = 0, min(map(len, images))
    while shallowest - depth >= 3:
        tops = {parts[depth] for parts in [*images, *folders] if len(parts) > depth}
        if len(tops) > 1 or tops.pop().lower() in SPLITS:
            break
        depth += 1
    return images[0][:depth]


def _split_names(path: Path, below: list[Parts]) -> dict[str, str]:
    """Which folder is which split; empty where they are classes, of which one may be called train."""
    tops, deep = ({parts[0] for parts in below if len(parts) > least} for least in (1, 2))
    known = {top: SPLITS[top.lower()] for top in sorted(tops) if top.lower() in SPLITS}
    if "train" not in {known.get(top) for top in deep}:
        if known and len(known) == len(tops) and deep:
            raise DataError(
                f"{path} has {' and '.join(known)} but no train; name the folder of training images train."
            )
        return {}
    others = sorted(tops - set(known))
    if others:
        raise DataError(
            f"{path} has the folder {shown(others[0])} beside {next(iter(known))}; move one of them away."
        )
    if len(set(known.values())) < len(known):
        raise DataError(
            f"{path} has {', '.join(known)}, of which two are the same split; keep one of them."
        )
    return known


def _labels(path: Path, found: dict[str, list[tuple[str, str]]]) -> dict[str, int]:
    classes = sorted({name for _, name in found.get("train", [])}, key=natural)
    if len(classes) < 2:
        given = f"one class, {shown(classes[0])}" if classes else "no class"
        raise DataError(f"{path} has {given}; give at least two sub-folders with images.")
    for split, files in found.items():
        unknown = sorted({name for _, name in files} - set(classes))
        if unknown:
            raise DataError(
                f"{path} has the class {shown(unknown[0])} in {split} but not in train; add it there or remove it."
            )
    return {name: label for label, name in enumerate(classes)}


def _check_empty(path: Path, folders: set[Parts], filled: set[Parts], length: int) -> None:
    """Raise for a folder of a class, a name of this length, without a file at any depth."""
    holding = {parts[:length] for parts in filled}
    for parts in sorted(folders):
        if len(parts) == length and parts not in holding:
            raise DataError(
                f"{path} has the empty folder {shown('/'.join(parts))}; put images of that class in it or remove it."
            )

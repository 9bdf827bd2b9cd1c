"""Splits and classes of images whose labels are texts: in a table, or beside them in a tar."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from halfspaces.datasets.formats.class_folders import Layout, natural
from halfspaces.system.errors import DataError, shown

FEW = 10  # labels that may all differ
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Labelled:
    """The split and the class of an image."""

    split: str
    label: str


def arrange(
    path: Path,
    where: str,
    images: Mapping[str, Labelled],
    bad: Collection[str] = (),
    classes: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Layout:
    """The layout of the images, by name and in their order, that are not bad.

    `classes` are all classes; without them they are those of the training images, in natural order.
    Raises DataError unless there are two classes in `where`, each with a training image.
    """
    present = {each.label for each in images.values() if each.split == "train"}
    if not present:
        raise DataError(f"{path} has no labelled image for training in {where}; add some.")
    if len(present) < 2:
        raise DataError(f"{path} has one class, {min(present)!r}, in {where}; give at least two.")
    _check_repeated(path, where, images)
    unknown = sorted({each.label for each in images.values()} - present, key=natural)
    if unknown:
        raise DataError(
            f"{path} has the class {unknown[0]!r} in {where}, but no training image of it;"
            " add some or remove it."
        )
    good = {each.label for name, each in images.items() if name not in bad and _trains(each)}
    if present - good:
        raise DataError(
            f"{path} has no image of {min(present - good)} that can be decoded;"
            " replace those files."
        )
    ordered = tuple(sorted(present, key=natural) if classes is None else classes)
    number = {label: i for i, label in enumerate(ordered)}
    splits: dict[str, list[tuple[str, int]]] = {split: [] for split in SPLITS}
    for name, each in images.items():
        if name not in bad:
            splits[each.split].append((name, number[each.label]))
    filled = {split: files for split, files in splits.items() if files}
    return Layout(tuple(map(shown, ordered)), filled, tuple(notes))


def unlabelled_note(names: Sequence[str]) -> list[str]:
    """A note on images without a label, if there are any."""
    if not names:
        return []
    images = "image has" if len(names) == 1 else "images have"
    return [f"left out: {len(names):,} {images} no label, such as {shown(names[0])}"]


def _trains(image: Labelled) -> bool:
    return image.split == "train"


def _check_repeated(path: Path, where: str, images: Mapping[str, Labelled]) -> None:
    """Raise DataError where each image has another label, as captions and measurements are."""
    labels = {each.label for each in images.values()}
    if len(labels) == len(images) >= FEW:
        raise DataError(
            f"{path} has another value for each image in {where}, as captions are; name what"
            " holds the classes by --label NAME, or label=... in Python."
        )

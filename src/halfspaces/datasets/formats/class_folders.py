"""Splits and classes of an image data set from the names of its files: `[split/]class/file`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from halfspaces.datasets import split_words
from halfspaces.datasets.formats.decode_image import SUFFIXES
from halfspaces.datasets.split_words import SPLIT_OF_WORD
from halfspaces.system.errors import DataError, shown

LAYOUT_NAMES = {"train": "train", "validation": "val", "test": "test"}  # of the splits
SPLITS = {word: LAYOUT_NAMES[split] for word, split in SPLIT_OF_WORD.items()}
COUNTED = re.compile(r"([^\W\d_]+)[._ -]?\d+\.\w+")  # cat.0.jpg
TEXTS = (".txt", ".json", ".jsonl", ".csv", ".tsv", ".xml", ".md", ".yaml", ".yml")
NEEDED = "needed is one sub-folder a class with images in it"


@dataclass(frozen=True)
class Layout:
    """The classes, and (name, label) of the files of each split in the order of their rows.

    Those of class folders are sorted by label and name. `notes` are lines for the user.
    """

    classes: tuple[str, ...]
    splits: dict[str, list[tuple[str, int]]]
    notes: tuple[str, ...] = field(default=(), repr=False)

    def names(self) -> list[str]:
        """The names of the files, split by split."""
        return [name for files in self.splits.values() for name, _ in files]


def arrange(path: Path, names: Iterable[str], folders: Iterable[str] = ()) -> Layout:
    """Find splits and classes in the names of files and folders below `path`.

    A single folder around all images is skipped, also beside folders of texts. The folders train,
    val and test are splits if there is a folder train with folders in it; images of a test split
    without such folders have no class and are left out. Files beside the folders of classes are
    skipped unless they are named like images. Raises DataError if there are fewer than two classes.

    >>> arrange(Path("pets"), ["pets/dog10/b.png", "pets/dog9/a.png", "pets/README.txt"])
    Layout(classes=('dog9', 'dog10'),
        splits={'train': [('pets/dog9/a.png', 0), ('pets/dog10/b.png', 1)]})
    """
    files = {name: tuple(name.split("/")) for name in names}
    inner = {tuple(name.split("/")) for name in folders}
    prefix = _common_prefix(path, files, inner)
    depth = len(prefix)
    files = {name: parts[depth:] for name, parts in files.items() if parts[:depth] == prefix}
    inner = {parts[depth:] for parts in inner if parts[:depth] == prefix}
    files = {name: _without_repetition(parts) for name, parts in files.items()}
    inner = {_without_repetition(parts) for parts in inner}
    below = [*files.values(), *(parts for parts in inner if len(parts) > 1)]
    split_names = _split_names(path, below)
    unlabelled = _unlabelled(files, split_names)
    files = {name: parts for name, parts in files.items() if name not in unlabelled}
    found = _by_split(path, files, split_names)
    labels = _labels(path, found)
    class_depth = 2 if split_names else 1
    needed = {parts for parts in inner if split_names.get("".join(parts[:1]), "train") == "train"}
    _check_empty(path, needed, {parts[:-1] for parts in files.values()}, class_depth)
    return Layout(tuple(map(shown, labels)), _in_order(found, labels), _note(unlabelled))


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers in names by size.

    >>> sorted(["b", "a10", "a9", "10", "9"], key=natural)
    ['9', '10', 'a9', 'a10', 'b']
    """
    parts = re.split("([0-9]+)", name)
    return [
        (len(part.lstrip("0")) if at % 2 else 0, part.casefold()) for at, part in enumerate(parts)
    ] + [(0, name)]


Parts = tuple[str, ...]  # of a name, without its slashes
ByName = dict[str, Parts]
BySplit = dict[str, list[tuple[str, str]]]  # names of files with the names of their classes


def _common_prefix(path: Path, files: ByName, folders: set[Parts]) -> Parts:
    """The folders around all images that are neither a class nor a split.

    Folders beside them that hold nothing but texts, such as lists and annotations, do not count.
    """
    images = [parts for name, parts in files.items() if name.lower().endswith(SUFFIXES)]
    if not images:
        raise DataError(f"{path} holds no images; {NEEDED}.")
    prefix: Parts = ()
    shallowest = min(map(len, images))
    while shallowest - len(prefix) >= 3:
        depth = len(prefix)
        inside = [parts for parts in [*images, *folders] if parts[:depth] == prefix]
        tops = {parts[depth] for parts in inside if len(parts) > depth}
        tops -= _of_texts(files, prefix)
        if len(tops) > 1 or split_of(tops.pop()):
            break
        prefix = images[0][: depth + 1]
    return prefix


def _of_texts(files: ByName, prefix: Parts) -> set[str]:
    """The folders in a folder that hold files, all of them texts."""
    depth = len(prefix)
    inside = [parts for parts in files.values() if parts[:depth] == prefix]
    folders = {parts[depth] for parts in inside if len(parts) > depth + 1}
    others = {
        parts[depth]
        for parts in inside
        if len(parts) > depth + 1 and not parts[-1].lower().endswith(TEXTS)
    }
    return folders - others


def _without_repetition(parts: Parts) -> Parts:
    """The parts of a name, without the second of two folders that are called like one split.

    >>> _without_repetition(("seg_train", "seg_train", "sea", "1.jpg"))
    ('seg_train', 'sea', '1.jpg')
    """
    is_repeated = len(parts) > 1 and parts[0] == parts[1] and split_of(parts[0]) is not None
    return parts[1:] if is_repeated else parts


def split_of(name: str) -> str | None:
    """The split, as a layout names it, that a word of a name says; None for none, or for several.

    >>> [split_of(name) for name in ("Train", "seg_test", "training_set", "terrain")]
    ['train', 'test', 'train', None]
    """
    split = split_words.split_of(name)
    return None if split is None else LAYOUT_NAMES[split]


def split_of_folders(name: str) -> str:
    """The split that a folder around a file says; training without one.

    >>> split_of_folders("pets/test/cat/1.png"), split_of_folders("test.png")
    ('test', 'train')
    """
    folders = name.split("/")[:-1]
    return next((split for folder in folders if (split := split_of(folder))), "train")


def _split_names(path: Path, below: list[Parts]) -> dict[str, str]:
    """The split of each top folder; empty if the top folders are classes, even one called train."""
    tops = {parts[0] for parts in below if len(parts) > 1}
    deep = {parts[0] for parts in below if len(parts) > 2}
    known = _known_splits(tops, below)
    if "train" not in {known.get(top) for top in deep}:
        if known and len(known) == len(tops) and deep:
            raise DataError(
                f"{path} has {' and '.join(known)} but no train;"
                " name the folder of training images train."
            )
        _check_not_splits(path, tops, below)
        if not deep:
            _check_have_classes(path, tops, below)
        return {}
    others = sorted(tops - set(known))
    if others:
        raise DataError(
            f"{path} has the folder {shown(others[0])} beside {next(iter(known))};"
            " move one of them away."
        )
    if len(set(known.values())) < len(known):
        raise DataError(
            f"{path} has {', '.join(known)}, of which two are the same split; keep one of them."
        )
    return known


def _known_splits(tops: set[str], below: list[Parts]) -> dict[str, str]:
    """The folders called train, test and so on, or, with folders of the same classes, seg_train,
    training_set and so on; train_tracks beside test_tracks, without such folders, are classes.

    Beside my_train with such folders my_test may have none.
    """
    exact = {top: SPLITS[top.lower()] for top in sorted(tops) if top.lower() in SPLITS}
    by_word = {top: split for top in sorted(tops) if (split := split_of(top))}
    if exact or len(set(by_word.values())) < 2:
        return exact
    inner = {top: _inner(below, top) for top in by_word}
    if set.intersection(*inner.values()):
        return by_word
    labelled = {top: names for top, names in inner.items() if names or by_word[top] != "test"}
    has_one_name = len({_without_split(top) for top in by_word}) == 1
    classes = set.intersection(*labelled.values()) if labelled else set()
    return by_word if has_one_name and len(classes) > 1 else exact


def _without_split(name: str) -> tuple[str, ...]:
    """The words of a name that say no split."""
    return tuple(word for word in split_words.words(name) if word not in SPLIT_OF_WORD)


def _inner(below: list[Parts], top: str) -> set[str]:
    """The folders in a folder."""
    return {parts[1] for parts in below if len(parts) > 2 and parts[0] == top}


def _check_not_splits(path: Path, tops: set[str], below: list[Parts]) -> None:
    """Raise DataError for folders that hold nothing but the same two or more folders each."""
    inside = [_inner(below, top) for top in tops]
    has_files = any(len(parts) == 2 and parts[-1].lower().endswith(SUFFIXES) for parts in below)
    if (
        len(inside) > 1
        and len(inside[0]) > 1
        and not has_files
        and all(names == inside[0] for names in inside)
    ):
        if not any(map(_without_split, inside[0])):  # images/train beside labels/train
            raise _without_classes(path, inside[0])
        first, second, *_ = sorted(tops, key=natural)
        raise DataError(
            f"{path} has {shown(first)} and {shown(second)} with the same folders in them, which"
            " look like splits; name them train and test, or put each class in one folder."
        )


def _check_have_classes(path: Path, tops: set[str], below: list[Parts]) -> None:
    """Raise DataError for folders of images that are all called train, test1, val2017 and so on."""
    splits = {split_of(top) for top in tops if not _without_split(top)}
    if len(splits) < 2 or any(_without_split(top) for top in tops):
        return
    first = min(tops, key=lambda top: (split_of(top) != "train", natural(top)))
    matches = [COUNTED.fullmatch(parts[-1]) for parts in below if parts[0] == first]
    words = sorted({match[1] for match in matches if match}) if all(matches) else []
    example = f", such as {first}/{words[0]} and {first}/{words[1]}" if len(words) > 1 else ""
    raise _without_classes(path, tops, example)


def _without_classes(path: Path, splits: Iterable[str], example: str = "") -> DataError:
    """The error about splits in which no folder is that of a class."""
    names = " and ".join(map(shown, sorted(splits, key=natural)))
    return DataError(
        f"{path} has {names}, which look like splits, and no folders of classes in them; put the"
        f" images of each class in a folder of its own{example}, or add a .csv that names the files"
        " and their labels."
    )


def _unlabelled(files: ByName, split_names: dict[str, str]) -> list[str]:
    """The images of a test split that has no folders of classes."""
    below = list(files.values())
    tests = [top for top, split in split_names.items() if split == "test"]
    flat = [top for top in tests if not _inner(below, top)]
    return [
        name
        for name, parts in files.items()
        if parts[0] in flat and len(parts) > 1 and name.lower().endswith(SUFFIXES)
    ]


def _note(unlabelled: list[str]) -> tuple[str, ...]:
    """What is said of images of the test split that lie in no folder of a class."""
    if not unlabelled:
        return ()
    images = "image lies" if len(unlabelled) == 1 else "images lie"
    where = f"in no folder of a class, such as {shown(unlabelled[0])}"
    return (f"left out: {len(unlabelled):,} {images} {where}",)


def _by_split(path: Path, files: ByName, split_names: dict[str, str]) -> BySplit:
    """The files of each split; DataError for an image outside the folders of classes."""
    found: BySplit = {}
    for name, parts in files.items():
        split = split_names.get(parts[0]) if split_names else "train"
        below = parts[1:] if split_names else parts
        if len(below) > 1 and split is not None:
            found.setdefault(split, []).append((name, below[0]))
        elif name.lower().endswith(SUFFIXES):
            raise outside_of_classes(path, name)
    return found


def outside_of_classes(path: Path, name: str) -> DataError:
    """The error about an image that lies in no folder of a class."""
    return DataError(
        f"{path} has the image {shown(name)} outside the folders of its classes; {NEEDED}."
    )


def _labels(path: Path, found: BySplit) -> dict[str, int]:
    """The label of each class, in the natural order of their names."""
    classes = sorted({name for _, name in found.get("train", [])}, key=natural)
    if len(classes) < 2:
        given = f"one class, {shown(classes[0])}" if classes else "no class"
        raise DataError(f"{path} has {given}; give at least two sub-folders with images.")
    for split, files in found.items():
        unknown = sorted({name for _, name in files} - set(classes))
        if unknown:
            raise DataError(
                f"{path} has the class {shown(unknown[0])} in {split} but not in train;"
                " add it there or remove it."
            )
    return {name: label for label, name in enumerate(classes)}


def _in_order(found: BySplit, labels: dict[str, int]) -> dict[str, list[tuple[str, int]]]:
    """The files of each split with their labels, sorted by label and name."""
    splits = {}
    for split in ("train", "val", "test"):
        if split in found:
            labelled = [(name, labels[class_name]) for name, class_name in found[split]]
            splits[split] = sorted(labelled, key=lambda pair: (pair[1], natural(pair[0])))
    return splits


def _check_empty(path: Path, folders: set[Parts], filled: set[Parts], class_depth: int) -> None:
    """Raise DataError for the folder of a class that has no file at any depth."""
    classes = {parts[:class_depth] for parts in filled}
    for parts in sorted(folders):
        if len(parts) == class_depth and parts not in classes:
            raise DataError(
                f"{path} has the empty folder {shown('/'.join(parts))};"
                " put images of that class in it or remove it."
            )

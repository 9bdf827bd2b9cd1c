"""Images in WebDataset's tars: KEY.jpg beside KEY.cls, KEY.json or KEY.txt, one tar or shards.

The key of a member is its path up to the first full stop of its name, or, where all names have
more, up to the last one. img2dataset writes the same, or folders of such files, beside a table of
metadata for each, which is not used.
https://github.com/webdataset/webdataset, https://github.com/rom1504/img2dataset
"""

import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import archives, tar
from halfspaces.datasets.files.decoded_cache import Stored
from halfspaces.datasets.files.folder import FolderSource
from halfspaces.datasets.files.source import LIMITS, Entry, Source, is_junk
from halfspaces.datasets.files.tar import TarSource
from halfspaces.datasets.formats import (
    label_column,
    labelled_images,
    labelled_names,
    parquet,
    unread,
)
from halfspaces.datasets.formats.class_folders import Layout, natural, split_of
from halfspaces.datasets.formats.decode_image import SUFFIXES
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.image_size import ImageSize
from halfspaces.datasets.formats.labelled_images import Wanted
from halfspaces.datasets.formats.labelled_names import Labelled
from halfspaces.system.errors import DataError, shown

LABELS = ("cls", "json", "txt")  # the likeliest first
FIRST_MEMBERS = 64  # of a tar, among which an image with its label is looked for
LARGEST_LABEL = 1 << 20  # bytes


@dataclass(frozen=True)
class _Member:
    """The key of a member and the rest of its name, in small letters."""

    key: str
    extension: str

    @classmethod
    def of(cls, name: str, *, at_last: bool = False) -> "_Member":
        """The member of this name, whose key ends at the first or the last full stop."""
        folder, slash, last = name.rpartition("/")
        stem, _, extension = last.rpartition(".") if at_last else last.partition(".")
        return cls(f"{folder}{slash}{stem}", extension.lower())

    @property
    def is_image(self) -> bool:
        return f".{self.extension}" in SUFFIXES


def recognizes(path: Path) -> bool:
    """Whether it is a tar, or a folder of tars, with an image beside its label at the start.

    Images in two folders or more, beside texts, are images in folders of classes.
    """
    shards = _shards(path)
    if not shards:
        return False
    names = _first_names(shards[0])
    members = [_Member.of(name, at_last=_end_at_last(names)) for name in names]
    labels = {member.key for member in members if member.extension in LABELS}
    images = {member.key for member in members if member.is_image} & labels
    has_classes = any(member.extension == "cls" for member in members)
    return bool(images) and (has_classes or len({os.path.dirname(key) for key in images}) == 1)


def _first_names(shard: Path) -> list[str]:
    """The names of the first members of a shard: those before its damage, if it is damaged."""
    names = []
    with suppress(DataError):
        for entry in islice(_source(shard).entries(), FIRST_MEMBERS):
            if entry.load is not None:
                names.append(entry.name)
    return names


def _end_at_last(names: Iterable[str]) -> bool:
    """Whether keys have full stops: no image has a suffix alone after its first one."""
    suffixes = [name for name in names if name.lower().endswith(SUFFIXES)]
    return bool(suffixes) and not any(_Member.of(name).is_image for name in suffixes)


def _source(shard: Path) -> Source:
    return FolderSource(shard, LIMITS) if shard.is_dir() else TarSource(shard, LIMITS)


def read(
    path: Path,
    label: str | None = None,
    image_size: ImageSize | None = None,
    skip_bad: bool = False,
    like: Conventions | None = None,
) -> Dataset:
    """Read images and labels; X is (N, height * width * channels), uint8, memory-mapped.

    The label is that in .cls, else in .json, else in .txt; `label` names another of them, or a
    value in .json. Splits are those of the names of the shards. The other options and errors are
    those of `image_folder.read`. Images without a label are left out, and noted.
    """
    shards = _Shards(path, label or (None if like is None else like.label))
    X, stored = _decoded(shards, image_size, skip_bad, like)
    conventions = Conventions(label=label)
    dataset = labelled_images.dataset(archives.plain_name(path), X, stored, conventions)
    others = unread.note(path, lambda name: name.lower().endswith(tar.SUFFIXES))
    return replace(dataset, notes=(*dataset.notes, *others))


def read_features(
    path: Path,
    label: str | None = None,
    image_size: ImageSize | None = None,
    skip_bad: bool = False,
    like: Conventions | None = None,
) -> RowsToPredict:
    """The images of the test split, or all if there is none, with the names of their members."""
    shards = _Shards(path, label or (None if like is None else like.label))
    return labelled_images.rows_to_predict(*_decoded(shards, image_size, skip_bad, like))


def _decoded(
    shards: "_Shards", image_size: ImageSize | None, skip_bad: bool, like: Conventions | None
) -> tuple[np.ndarray, Stored]:
    wanted = Wanted.of(image_size, skip_bad, like)
    return labelled_images.decoded(shards, shards.arrange, wanted, "webdataset", shards.label)


def _shards(path: Path) -> list[Path]:
    """The tar itself, or the tars in a folder and in the folders in it.

    Without tars they are folders beside tables of their names, as img2dataset writes them.
    """
    if not path.is_dir():
        return [path] if path.name.lower().endswith(tar.SUFFIXES) else []
    found: list[Path] = []
    for pattern in ("*", "*/*"):
        files = (each for each in path.glob(pattern) if each.name.lower().endswith(tar.SUFFIXES))
        found += [each for each in files if each.is_file() and not is_junk(each.name)]
    if not found:
        tables = path.glob(f"*{parquet.SUFFIXES[0]}")
        found = [folder for table in tables if (folder := table.with_suffix("")).is_dir()]
    return sorted(found, key=lambda each: natural(str(each)))


@dataclass(frozen=True)
class _Shards:
    """A `Source` of the images of one or several tars, and their arrangement.

    `label` is an extension, or a value of the objects in .json, that is asked for.
    """

    path: Path
    label: str | None
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def sources(self) -> dict[str, Source]:
        """The shards, by the path before the names of their members."""
        if not self.path.is_dir():
            return {"": _source(self.path)}
        shards = _shards(self.path)
        return {f"{shard.relative_to(self.path).as_posix()}/": _source(shard) for shard in shards}

    @cached_property
    def _at_last(self) -> bool:
        return _end_at_last(_first_names(_shards(self.path)[0]))

    def _member(self, name: str) -> _Member:
        return _Member.of(name, at_last=self._at_last)

    def stamp(self) -> Iterator[str]:
        """Lines that change when a file changes."""
        for source in self.sources.values():
            yield from source.stamp()

    def members(self) -> Iterator[Entry]:
        """All files of all shards."""
        for prefix, source in self.sources.items():
            for entry in source.entries():
                if entry.load is not None:
                    yield replace(entry, name=f"{prefix}{entry.name}")

    def entries(self) -> Iterator[Entry]:
        """The images of all shards."""
        return (entry for entry in self.members() if self._member(entry.name).is_image)

    def arrange(self, names: Iterable[str], folders: Iterable[str], bad: Collection[str]) -> Layout:
        """The layout of the images that have a label."""
        keys = {name: self._member(name).key for name in names}
        twice = [key for key, count in Counter(keys.values()).items() if count > 1]
        if twice:
            raise DataError(
                f"{self.path} has two images of the key {shown(twice[0])}; keep one of them."
            )
        labels, where = self._labels
        labelled = {
            name: Labelled(self._split(name), labels[key])
            for name, key in keys.items()
            if key in labels
        }
        unlabelled = [name for name in keys if name not in labelled]
        notes = (f"label in {where}", *labelled_names.unlabelled_note(unlabelled))
        return labelled_names.arrange(self.path, where, labelled, bad, notes=notes)

    def _split(self, name: str) -> str:
        """The split that the path of a shard says."""
        parts = name.split("/")
        prefixes = ("/".join(parts[:depth]) + "/" for depth in (1, 2))
        shard = next((prefix for prefix in prefixes if prefix in self.sources), "")
        words = reversed(PurePosixPath(shard).parts)
        return next((split for word in words if (split := split_of(word))), "train")

    # -------------------------------------------------------------------------------- labels

    @cached_property
    def _labels(self) -> tuple[dict[str, str], str]:
        """The label of each key, and where it is."""
        found: dict[str, dict[str, str]] = {}  # by extension, then by key
        for entry in self.members():
            member = self._member(entry.name)
            wanted = ("cls",) if self.label is None and "cls" in found else (*LABELS, self.label)
            if member.extension in wanted and not member.is_image:
                found.setdefault(member.extension, {})[member.key] = _content(self.path, entry)
        if self.label in found:
            extension = self.label
        elif self.label is not None:
            extension = "json"
        else:
            extension = next((each for each in LABELS if each in found), "cls")
        texts = found.get(extension, {})
        if extension == "json":
            return self._of_json(texts)
        stripped = {key: text.strip() for key, text in texts.items()}
        return {key: text for key, text in stripped.items() if text}, f".{extension}"

    def _of_json(self, texts: dict[str, str]) -> tuple[dict[str, str], str]:
        """A value of the objects in .json as label, or numbers and texts themselves."""
        values = {key: _parsed(self.path, key, text) for key, text in texts.items()}
        objects = {key: each for key, each in values.items() if isinstance(each, dict)}
        if not objects and self.label in (None, "json"):
            return {key: str(each) for key, each in values.items() if _is_label(each)}, ".json"
        pairs = (pair for each in objects.values() for pair in each.items())
        names = list(dict.fromkeys(name for name, value in pairs if _is_label(value)))
        asked = self.label if self.label != "json" else None
        if asked is None and "cls" in names:
            asked = "cls"
        name = label_column.choose(f"{self.path}, in its .json,", names, asked)
        labels = {k: str(each[name]) for k, each in objects.items() if _is_label(each.get(name))}
        return labels, f"{name!r} of .json"


def _content(path: Path, entry: Entry) -> str:
    assert entry.load is not None
    if entry.size > LARGEST_LABEL:
        raise DataError(
            f"{path} has {shown(entry.name)} of {entry.size:,} bytes, which is no label;"
            " leave it out."
        )
    with entry.load() as stream:
        return stream.read().decode(errors="replace")


def _parsed(path: Path, key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path} has {shown(key)}.json, which is no JSON; write the shard again."
        ) from error


def _is_label(value: Any) -> bool:
    return isinstance(value, str | int) and str(value).strip() != ""


FORMAT = Format(
    "webdataset",
    recognizes,
    read,
    read_features=read_features,
    options=("label", "image_size", "skip_bad", "like"),
    summary="WebDataset's .tar shards",
)

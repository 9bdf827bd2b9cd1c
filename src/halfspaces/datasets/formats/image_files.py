"""Images without classes, to predict: one image, or a folder of images without sub-folders."""

import os
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files.folder import files_in
from halfspaces.datasets.files.source import is_junk
from halfspaces.datasets.formats import (
    class_folders,
    decode_image,
    image_depth,
    image_folder,
    label_tables,
)
from halfspaces.datasets.formats import image_size as sizes
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.image_size import ImageSize
from halfspaces.datasets.formats.image_workers import map_entries, pillow_warnings, refuse_unless
from halfspaces.system import memory, progress
from halfspaces.system.errors import DataError, shown

NAMED = 3  # files left out that a note names


def recognizes(path: Path) -> bool:
    """Whether it is a file named like an image, or a folder with one and without folders."""
    if not path.is_dir():
        return _is_image(path.name)
    with os.scandir(path) as entries:
        visible = [entry for entry in entries if not is_junk(entry.name)]
        is_flat = not any(entry.is_dir() for entry in visible)
    return is_flat and any(_is_image(entry.name) for entry in visible)


def read(path: Path, **options: Any) -> Dataset:
    """Read a folder with a table of labels; raise DataError for images without classes."""
    if path.is_dir() and any(map(label_tables.is_table, os.listdir(path))):
        return image_folder.read(path, **options)
    if path.is_dir():
        raise class_folders.outside_of_classes(path, _image_names(path)[0])
    raise DataError(
        f"{path} is one image, which belongs to no class;"
        " give a folder with one sub-folder a class."
    )


def read_features(
    path: Path,
    label: str | None = None,
    image_size: ImageSize | None = None,
    skip_bad: bool = False,
    like: Conventions | None = None,
) -> RowsToPredict:
    """Images (N, height, width, channels), uint8, in the natural order of their names.

    The column `label` of a table beside them is not needed. Other options and errors are those of
    `image_folder.read`. Files that are not named like images, and those that are skipped, are
    noted.
    """
    size = sizes.checked(image_size)
    folder = path if path.is_dir() else path.parent
    names = _image_names(path) if path.is_dir() else [path.name]
    left_out = dict.fromkeys(
        _other_names(path) if path.is_dir() else [], "is not named like an image"
    )
    with pillow_warnings():
        headers: dict[str, decode_image.Header] = {}
        for name, outcome in map_entries(files_in(folder, names), decode_image.look):
            if isinstance(outcome, DataError):
                _refuse_unless(skip_bad, path, name, outcome)
                left_out[name] = str(outcome)
            elif outcome is not None:
                headers[name] = outcome
        if not headers:
            raise DataError(f"{path} holds no image that can be decoded; check the path.")
        height, width, channels = sizes.common_shape(headers.values(), size)
        bits = image_depth.common_bits(
            path.name, files_in(folder, headers), headers, None if like is None else like.bits
        )
        X = memory.empty(path, (len(headers), height, width, channels), np.uint8)
        decode = partial(
            decode_image.decode, height=height, width=width, channels=channels, bits=bits
        )
        decoded = map_entries(files_in(folder, headers), decode)
        tracked = progress.tracked(decoded, f"decoding {path.name}", len(headers))
        written: dict[str, int] = {}
        for row, (name, outcome) in enumerate(tracked):
            if isinstance(outcome, DataError):
                _refuse_unless(skip_bad, path, name, outcome)
                left_out[name] = str(outcome)
            elif outcome is not None:
                X[row] = outcome
                written[name] = row
    images = X if len(written) == len(X) else X[list(written.values())]
    files = list(written) if path.is_dir() else [str(path)]
    notes = (*image_depth.notes(headers.values(), bits), *_notes(left_out))
    return RowsToPredict(images, keys={"file": np.array(files, object)}, notes=notes)


def _notes(left_out: Mapping[str, str]) -> tuple[str, ...]:
    """A line for all files that were left out, if there are any."""
    if not left_out:
        return ()
    named = [f"{shown(name)} {problem}" for name, problem in islice(left_out.items(), NAMED)]
    if len(left_out) > NAMED:
        named.append(f"{len(left_out) - NAMED:,} more")
    files = "file is" if len(left_out) == 1 else "files are"
    return (f"{len(left_out):,} {files} left out: {', '.join(named)}",)


def _refuse_unless(skip_bad: bool, path: Path, name: str, problem: DataError) -> None:
    """Raise DataError about a bad file, unless it is one of a folder that is skipped."""
    if not path.is_dir():
        raise DataError(f"{path} {problem}; give another image.") from problem
    refuse_unless(skip_bad, path, name, problem)


def _is_image(name: str) -> bool:
    return name.lower().endswith(decode_image.SUFFIXES)


def _image_names(folder: Path) -> list[str]:
    names = (name for name in os.listdir(folder) if _is_image(name) and not is_junk(name))
    return sorted(names, key=class_folders.natural)


def _other_names(folder: Path) -> list[str]:
    names = (name for name in os.listdir(folder) if not _is_image(name) and not is_junk(name))
    return sorted(names, key=class_folders.natural)


FORMAT = Format(
    "image_files",
    recognizes,
    read,
    read_features=read_features,
    options=("label", "image_size", "skip_bad", "like"),
)

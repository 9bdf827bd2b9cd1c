"""Data sets opened by name, path or address: the registry of formats is asked who reads them."""

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

import numpy as np

from halfspaces.datasets import catalogue, partitions
from halfspaces.datasets.catalogue import CATALOGUE
from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, Features, RowsToPredict
from halfspaces.datasets.files import foreign, remote
from halfspaces.datasets.formats import FORMATS, digits, table_columns
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.image_size import AtMost, ImageSize
from halfspaces.engines.base import Engine
from halfspaces.system.errors import DataError, listed
from halfspaces.system.memory import budget

USUAL = (
    "a folder, .tar or .zip of images with one sub-folder a class, a table (.csv, .jsonl, "
    ".parquet), or X and y (an .npz file, X.npy and y.npy); `halfspaces data formats` lists all"
)
EVERYWHERE = ("memory", "engine", "storage")  # options that no reader is given
OF_THE_PACKAGE = frozenset(FORMATS)
BUILT_IN: dict[str, Callable[[], Dataset]] = {"digits": digits.read}


class Options(TypedDict, total=False):
    """The options of `open`."""

    label: str | None
    ignore: Sequence[str] | None
    split: str | None
    group: str | None
    weight: str | None
    image_size: ImageSize | None
    skip_bad: bool
    like: Conventions | None
    memory: float | None
    engine: Engine | None
    storage: Mapping[str, Any] | None


def open(path_or_name: str | os.PathLike[str], **options: Unpack[Options]) -> Dataset:
    """Open a data set by its name, its path or its address.

    Parameters
    ----------
    path_or_name : str or path
        A name: "digits" is built in, and the names of the `CATALOGUE` are opened once they are
        downloaded ("./digits" is a path). A path: a file or a folder in one of the `FORMATS`. An
        address of one file, https://, s3:// or gs://: it is downloaded once. With an engine also a
        pattern of Parquet files, such as "s3://bucket/train/*.parquet" or "data/part-*.parquet".
    label : str, optional
        The column of a table that holds the classes; for CIFAR-100 "fine" or "coarse".
    ignore : sequence of str, optional
        Columns of a table that are left out.
    split : str, optional
        The column of a table whose values, train, validation and test, say which split a row
        belongs to. Without it, a column called split is taken if it holds such words.
    group : str, optional
        The column of a table that says which group (subject, camera, day) a row belongs to. It is
        no feature, and becomes `Dataset.groups`.
    weight : str, optional
        The column of a table with the weights of the examples: `Dataset.weight`.
    image_size : int or tuple, optional
        The side of the images, (height, width), or (height, width, channels). Without it, images
        of different sizes are resized to 32 x 32: see `halfspaces.datasets.formats.image_folder`.
        `AtMost(height, width)` is the size of the largest image, up to this one, for data that are
        read as images of any size.
    skip_bad : bool
        Leave out files of images that cannot be decoded.
    like : Conventions, optional
        The `conventions` of another data set: columns of a table are matched by name, and images
        of 16 bits are brought to 8 bits in the same way.
    memory : float, optional
        Bytes of memory to use; all of this machine's by default. An array that would take more
        than a quarter of it is stored on disk, in an unnamed file, so a data set may be larger
        than memory.
    engine : Engine, optional
        Where the rows are to lie, such as `halfspaces.engines.Dask("local")`. The files of a
        pattern are read by its workers, a partition for each file, in the order of their names;
        the rows of other data are read here and sent to workers.
    storage : mapping, optional
        Of a pattern: options of fsspec's file system, such as {"anon": True}. What is not given
        comes from the environment, such as AWS_ACCESS_KEY_ID.

    Raises
    ------
    DataError
        In one sentence: the name is unknown, nothing is at the path, or the data are cut, damaged
        or do not fit.

    Examples
    --------
    >>> print(open("digits"))
    digits: 1,437 examples + 360 for testing, 64 features (8 x 8 x 1, uint8), 10 classes
    >>> open("digit")
    Traceback (most recent call last):
    halfspaces.system.errors.DataError: There is no data set 'digit' (did you mean 'digits'?);
        give a name (digits...
    """
    engine = options.get("engine")
    with budget(options.get("memory")):
        if partitions.is_pattern(path_or_name):
            return partitions.open_pattern(*_pattern(path_or_name, options))
        dataset = _opened(path_or_name, options)
        return dataset if engine is None else partitions.placed(dataset, engine)


def _opened(path_or_name: str | os.PathLike[str], options: Options) -> Dataset:
    if isinstance(path_or_name, str) and path_or_name in BUILT_IN:
        _taken(path_or_name, (), options)
        return BUILT_IN[path_or_name]()
    if isinstance(path_or_name, str) and path_or_name in CATALOGUE:
        known = CATALOGUE[path_or_name].format.options
        return catalogue.read(path_or_name, **_taken(path_or_name, known, options))
    found = _find(path_or_name)
    return found.format.read(found.path, **found.prepare(options))


def open_rows(path_or_name: str | os.PathLike[str], **options: Unpack[Options]) -> RowsToPredict:
    """Rows to predict: the test rows of a data set, or all rows if it has no test rows.

    Labels are not needed; the column `label` of a table, or one with a name such as "label", is
    left out. With an engine, the files of a pattern are read by its workers, others here. One
    image, and a folder of images without sub-folders, are read, too, in the order of their names.
    The options and errors are those of `open`.

    >>> rows = open_rows("digits")
    >>> rows.X.shape, rows.images.shape
    ((360, 64), (360, 8, 8, 1))
    """
    with budget(options.get("memory")):
        if partitions.is_pattern(path_or_name):
            return partitions.rows_of_pattern(*_pattern(path_or_name, options))
        if not _is_name(path_or_name):
            found = _find(path_or_name)
            if found.format.read_features is not None:
                read = found.format.read_features(found.path, **found.prepare(options))
                rows = read if isinstance(read, RowsToPredict) else RowsToPredict(read)
                return _with_images(rows)
        dataset = open(path_or_name, **{**options, "engine": None})
    X: Any = dataset.X if dataset.X_test is None else dataset.X_test
    images = None if dataset.image_shape is None else dataset.images(X)
    return RowsToPredict(X, images)


def open_features(path_or_name: str | os.PathLike[str], **options: Unpack[Options]) -> Features:
    """The rows X (N, D) of `open_rows`, alone.

    >>> open_features("digits").shape
    (360, 64)
    """
    return open_rows(path_or_name, **options).X


def open_images(path_or_name: str | os.PathLike[str], **options: Unpack[Options]) -> np.ndarray:
    """Images to predict, (N, height, width) or (N, height, width, channels), in their stored type.

    The images are those whose rows `open_features` returns; options and errors are the same.
    Raises DataError for rows that are no images, too.

    >>> open_images("digits").shape
    (360, 8, 8, 1)
    """
    rows = open_rows(path_or_name, **options)
    if rows.images is None:
        raise DataError(
            f"{path_or_name} holds no images: it has rows {rows.X.shape}; give images (N, H, W, 3)."
        )
    return rows.images


def takes(path_or_name: str | os.PathLike[str], option: str) -> bool:
    """Whether the format of the data has an option of `open`.

    >>> takes("digits", "image_size")
    False
    """
    if _is_name(path_or_name) or partitions.is_pattern(path_or_name):
        return False
    return option in _find(path_or_name).format.options


def holds_images(path_or_name: str | os.PathLike[str]) -> bool:
    """Whether `open` can read the data as images of any size: image files, not arrays of pixels.

    >>> holds_images("digits")
    False
    """
    return takes(path_or_name, "image_size")


def check_exists(path_or_name: str) -> None:
    """Raise DataError unless it is a name, or the path of data in one of the `FORMATS`.

    >>> check_exists("digits")
    """
    if not _is_name(path_or_name):
        _find(path_or_name)


def _is_name(path_or_name: str | os.PathLike[str]) -> bool:
    return path_or_name in BUILT_IN or path_or_name in CATALOGUE


def _with_images(rows: RowsToPredict) -> RowsToPredict:
    """The rows (N, D) with the images that were read, if they are images."""
    X = rows.X
    if not isinstance(X, np.ndarray) or X.ndim < 3:
        return rows
    return replace(rows, X=X.reshape(len(X), -1), images=X)


def _pattern(
    given: str | os.PathLike[str], options: Options
) -> tuple[str, Engine, Mapping[str, Any], table_columns.Options]:
    """The pattern, the engine, the options of its storage and those of its columns."""
    engine = options.get("engine")
    if engine is None:
        raise DataError(
            f"{given} is a pattern of files, which workers read; give --engine threads, dask or ray"
            " (engine=... in Python), or one file or folder."
        )
    taken: Any = _taken(given, partitions.OPTIONS, options)
    return os.fspath(given), engine, options.get("storage") or {}, taken


# --- options -------------------------------------------------------------------------------------


def _taken(given: object, known: tuple[str, ...], options: Options) -> dict[str, Any]:
    """The options for the reader of these data; DataError for one that it does not have.

    `like` is for those readers that can use it.
    """
    wanted = {
        name: value
        for name, value in options.items()
        if name not in EVERYWHERE and value is not None and value is not False
    }
    for name, value in wanted.items():
        if name not in (*known, "like") and not isinstance(value, AtMost):
            takers = [each.summary for each in _by_priority() if name in each.options]
            raise DataError(
                f"{given} takes no {name} (--{name.replace('_', '-')}), which is for"
                f" {_alternatives(takers)}; leave it out."
            )
    return {name: value for name, value in wanted.items() if name in known}


# --- formats -------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """A path, the format that reads it, and its name as the user gave it."""

    path: Path
    format: Format
    given: str | os.PathLike[str]

    def prepare(self, options: Options) -> dict[str, Any]:
        """The options of the reader, checked; the libraries that the format needs are imported."""
        taken = _taken(self.given, self.format.options, options)
        for library in self.format.needs:
            library.load(str(self.path))
        return taken


def _by_priority() -> list[Format]:
    """The formats in the order in which they are asked."""
    return list(reversed(FORMATS.values()))


def _find(given: str | os.PathLike[str]) -> _Found:
    """The path and its format; an address is downloaded first."""
    if isinstance(given, str) and remote.recognizes(given):
        path = remote.fetch(given)
    else:
        path = Path(os.path.expanduser(given))
    if os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
        raise DataError(f"{path} is a pipe or a device; give a file on disk, or a folder.")
    if not os.path.isdir(path) and not os.path.isfile(path):
        raise DataError(_unknown(os.fspath(given), path))
    names = _names_in(path) if os.path.isdir(path) else None
    if names is None:
        foreign.check_content(path)
    for format in _by_priority():
        if format.recognizes(path):
            return _Found(path, format, given)
    if names is None and (remedy := foreign.remedy(path)):
        raise DataError(f"The file {path} is not read as it is; {remedy}.")
    if names is None:
        raise DataError(f"The file {path} is no data set; give {_usual()}.")
    raise DataError(f"The folder {path} holds {listed(names, 3)}; needed is {_usual()}.")


def _usual() -> str:
    """What people have most often, after the formats that were added to those of the package."""
    added = [format.summary for name, format in FORMATS.items() if name not in OF_THE_PACKAGE]
    return ", ".join([*reversed(added), USUAL])


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read: {error.strerror}.") from error


def _alternatives(phrases: list[str]) -> str:
    """The phrases that are not empty, joined for a sentence.

    >>> _alternatives(["an .npz file", "", "X.npy and y.npy", "svmlight text"])
    'an .npz file, X.npy and y.npy, or svmlight text'
    """
    *others, last = filter(None, phrases)
    return f"{', '.join(others)}, or {last}" if others else last


def _unknown(given: str, path: Path) -> str:
    """A sentence that names what is nearest to what was given: known names, or files beside it."""
    near = difflib.get_close_matches(given, (*BUILT_IN, *CATALOGUE), n=1)
    if not near and os.path.isdir(path.parent) and os.access(path.parent, os.R_OK):
        beside = difflib.get_close_matches(path.name, os.listdir(path.parent), n=2)
        near = [str(path.parent / name) for name in beside]
    hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
    names = ", ".join((*BUILT_IN, *CATALOGUE))
    return (
        f"There is no data set {given!r}{hint};"
        f" give a name ({names}) or the path of an existing folder or file."
    )

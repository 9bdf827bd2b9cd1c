"""What the package knows of one file format: a row of `halfspaces.datasets.FORMATS`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from halfspaces.datasets.dataset import Dataset, Features, RowsToPredict
from halfspaces.datasets.optional import Library

Recognizer = Callable[[Path], bool]


@dataclass(frozen=True)
class Format:
    """A file format: how its files are recognized and read.

    Parameters
    ----------
    name : str
        Its key in `FORMATS`.
    recognizes : callable
        recognizes(path): whether a file or a folder, which exists, has this format.
    read : callable
        read(path, **options): the `Dataset`. It raises `DataError`, one sentence, for content that
        is missing, damaged or does not fit, and runs nothing that a file holds.
    read_features : callable, optional
        read_features(path, **options): the rows to predict, without labels: the test rows where
        there are any, else all rows; X (N, D), or images (N, H, W) or (N, H, W, channels).
        Without it the rows are those of the data set that `read` returns.
    options : tuple of str
        The options of `halfspaces.datasets.open` that both readers take: "label", "ignore",
        "split", "group", "weight", "image_size", "skip_bad", "like".
    needs : tuple of Library
        Optional libraries, which are imported before either reader is called.
    summary : str
        How a sentence lists the format: "an .npz file with X and y". Formats without a summary
        are not listed.

    Examples
    --------
    >>> from halfspaces.datasets import FORMATS
    >>> FORMATS["npz"].recognizes(Path("no/such.npz")), FORMATS["npz"].summary
    (False, 'an .npz file with X and y')
    """

    name: str
    recognizes: Recognizer
    read: Callable[..., Dataset]
    read_features: Callable[..., Features | RowsToPredict] | None = None
    options: tuple[str, ...] = ()
    needs: tuple[Library, ...] = ()
    summary: str = ""


def file_named(*suffixes: str) -> Recognizer:
    """A recognizer of files by the last suffix of their name.

    >>> file_named(".npz")(Path("no/such.npz"))
    False
    """
    return lambda path: path.suffix in suffixes and path.is_file()


def folder_with(*names: str) -> Recognizer:
    """A recognizer of folders that hold a file of one of these names."""
    return lambda path: any((path / name).is_file() for name in names)

"""Batches of features and labels, as loaders and generators yield them: written once, then mapped.

Training visits the rows many times, and a generator yields them once.
"""

import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from halfspaces.datasets import named_arrays
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.formats.from_arrays import from_arrays
from halfspaces.system import cache_folder, tensors
from halfspaces.system.errors import DataError, listed
from halfspaces.system.progress import Bar

Batches = Iterable[Any]
OF_ROWS = ("weight", "weights", "sample_weight", "group", "groups")  # which no batch can give
APART = "give weights and groups of all rows to fit, as sample_weight and groups"


def from_batches(
    batches: Batches,
    *,
    test: Batches | None = None,
    validation: Batches | None = None,
    name: str = "batches",
) -> Dataset:
    """The data set of batches: a generator, a list, or a DataLoader of torch.

    The rows are written to a nameless file in the cache folder, which is gone with the data set:
    they may be larger than memory, and are read from there in each pass.

    Parameters
    ----------
    batches : iterable
        Each batch is (X, y) or a mapping with such names: X (B, D), or images (B, height, width[,
        channels]) or (B, channels, height, width), and B labels; or one example with its label.
        Arrays of NumPy, tensors of torch or lists; bfloat16 becomes float32.
    test, validation : iterable, optional
        The batches of these splits.
    name : str
        That of the data set.

    Raises
    ------
    DataError
        For batches whose shapes or types differ, and for a disk without room; nothing is left.

    Examples
    --------
    >>> data = from_batches((np.full((2, 3), i), [0, i]) for i in range(4))
    >>> print(data)
    batches: 8 examples, 3 features (int64), 4 classes
    """
    arrays: dict[str, np.ndarray] = {}
    splits = {"": batches, "_test": test, "_val": validation}
    for suffix, each in splits.items():
        if each is not None:
            arrays[f"X{suffix}"], arrays[f"y{suffix}"] = written(name, each)
    return from_arrays(Path(name), name, arrays)


def are_batches(X: object) -> bool:
    """Whether the first argument of a `fit` without labels is an iterable of batches.

    >>> are_batches([(np.eye(2), [0, 1])]), are_batches([[0, 1], [2, 3]]), are_batches(np.eye(2))
    (True, False, False)
    """
    if hasattr(X, "shape") or hasattr(X, "__array__") or isinstance(X, (str, bytes, Mapping)):
        return False
    if not isinstance(X, (list, tuple)):
        return isinstance(X, Iterable) or _is_indexed(X)
    first = X[0] if X else None
    if isinstance(first, (list, tuple)) and first:
        has_rows = isinstance(first[0], (list, tuple)) or getattr(first[0], "ndim", 0) > 0
        return len(first) in (2, 3) and has_rows  # the third would be weights: see `_pair`
    return isinstance(first, Mapping)


def written(given: str, batches: Batches) -> tuple[np.ndarray, np.ndarray]:
    """X (N, ...), mapped from a file without a name, and y (N,) or (N, C).

    `given` starts the sentences of errors.
    """
    if _is_indexed(batches):
        batches = _Indexed(batches)
    if not isinstance(batches, Iterable):
        raise DataError(
            f"{given} is of type {type(batches).__name__}; give a generator of batches (X, y), a"
            " list of them, or a DataLoader."
        )
    with _nameless(given) as stream:
        writer = _Writer(given, stream)
        with Bar("Writing batches", _length(batches), "batches") as bar:
            for number, batch in enumerate(batches):
                with _disk_errors(given):
                    writer.add(number, batch)
                bar.advance()
        with _disk_errors(given):
            return writer.mapped(), writer.all_labels()


def _is_indexed(batches: object) -> bool:
    """Whether it has items by number alone, such as a Dataset of torch."""
    is_sized = hasattr(batches, "__getitem__") and hasattr(batches, "__len__")
    return is_sized and not isinstance(batches, Iterable)


@dataclass(frozen=True)
class _Indexed:
    """The items of a Dataset of torch, in order."""

    items: Any

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Any]:
        return (self.items[i] for i in range(len(self.items)))


class _Batch(NamedTuple):
    """Features and labels of some rows."""

    X: np.ndarray
    y: np.ndarray


@dataclass
class _Writer:
    """Writes batches to a stream, and holds their labels."""

    given: str
    stream: BinaryIO
    rows: int = 0
    first: _Batch | None = None
    labels: list[np.ndarray] = field(default_factory=list[np.ndarray])

    def add(self, number: int, batch: object) -> None:
        """Write a batch; DataError unless it fits the first."""
        place = f"{self.given}: batch {number:,}"
        X, y = _read(place, batch)
        first = self.first or _Batch(X, y)
        self.first = _Batch(first.X[:0], first.y[:0])
        for what, mine, theirs in (("features", X, first.X), ("labels", y, first.y)):
            if mine.shape[1:] != theirs.shape[1:]:
                raise DataError(
                    f"{place} has {what} of shape {mine.shape}, but the first has rows of"
                    f" {theirs.shape[1:]}; give all rows one shape."
                )
        if X.dtype != first.X.dtype or _is_text(y) != _is_text(first.y):
            of = f"features {X.dtype} and labels {y.dtype}"
            others = f"features {first.X.dtype} and labels {first.y.dtype}"
            raise DataError(f"{place} has {of}, but the first has {others}; give one type.")
        self.stream.write(np.ascontiguousarray(X).data if X.size else b"")
        self.rows += len(X)
        self.labels.append(y)

    def mapped(self) -> np.ndarray:
        """The rows that were written; DataError if there are none."""
        if self.first is None or self.rows == 0:
            raise DataError(
                f"{self.given}: there was no row in any batch; a generator yields once, so make it"
                " anew for each call."
            )
        self.stream.flush()
        X = self.first.X
        if 0 in X.shape[1:]:
            return np.empty((self.rows, *X.shape[1:]), X.dtype)
        rows = np.memmap(self.stream, X.dtype, "r", shape=(self.rows, *X.shape[1:]))
        return rows.view(np.ndarray)

    def all_labels(self) -> np.ndarray:
        """The labels of all batches."""
        return np.concatenate(self.labels)


def _read(place: str, batch: object) -> _Batch:
    """A batch as arrays: rows of numbers, and a label each."""
    X, y = _pair(place, batch)
    try:
        X = np.asarray(tensors.as_numpy(X))
        y = np.asarray(tensors.as_numpy(y))
    except (TypeError, ValueError) as error:
        raise DataError(f"{place} cannot be read ({error}); give rows of one shape.") from error
    if y.ndim == 0:  # one example
        X = X[None]
        y = y[None]
    if tensors.is_bfloat16(X.dtype):
        X = tensors.widened(X)
    named_arrays.check_numbers(Path(place), "features", X)
    if y.dtype.kind not in "biufU":
        raise DataError(f"{place} has labels of type {y.dtype}; give whole numbers or strings.")
    if len(X) != len(y):
        raise DataError(f"{place} has {len(X):,} rows but {len(y):,} labels; give one label a row.")
    return _Batch(X, y)


def _pair(place: str, batch: Any) -> tuple[Any, Any]:
    """Features and labels of a batch, by their places or names."""
    if isinstance(batch, Mapping):
        names = [name for name in batch if isinstance(name, str)]
        pair = named_arrays.find_pair(names, "train")
        if pair.X is None or pair.y is None:
            raise DataError(
                f"{place} holds {listed(names)}; call the features X and the labels y,"
                " or give (X, y)."
            )
        ignored = [name for name in names if name.lower() in OF_ROWS]
        if ignored:
            raise DataError(f"{place} holds {listed(ignored)}; give X and y alone, and {APART}.")
        return batch[pair.X], batch[pair.y]
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        return batch[0], batch[1]
    size = f", with {len(batch)} items" if isinstance(batch, (tuple, list)) else ""
    raise DataError(
        f"{place} is of type {type(batch).__name__}{size}; give pairs (X, y), and {APART}."
    )


def _is_text(y: np.ndarray) -> bool:
    return y.dtype.kind == "U"


def _length(batches: Batches) -> int | None:
    """The number of batches, where it is known: loaders of streams have none."""
    try:
        return len(batches)  # pyright: ignore[reportArgumentType]
    except (TypeError, NotImplementedError):
        return None


# --- the file ------------------------------------------------------------------------------------


@contextmanager
def _nameless(given: str) -> Iterator[BinaryIO]:
    """A new file in the cache folder, without a name: it exists as long as it is mapped."""
    folder = cache_folder.folder("large")
    with _disk_errors(given):
        folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed below)
    with file:
        yield file


@contextmanager
def _disk_errors(given: str) -> Generator[None]:
    """A context in which an error of the disk becomes a DataError."""
    try:
        yield
    except OSError as error:
        folder = cache_folder.folder("large")
        raise DataError(
            f"{given}: the rows cannot be written to {folder} ({error.strerror or error});"
            f" set {cache_folder.VARIABLE} to a folder with room."
        ) from error

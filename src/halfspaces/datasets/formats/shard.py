"""One opened file of a table: Parquet, Arrow, CSV or JSON lines."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from halfspaces.datasets.files import compressed
from halfspaces.system.errors import DataError

Batches = Callable[[Sequence[str]], Iterable[Any]]  # of the columns asked for
BATCH_ROWS = 4096  # decoded together


@dataclass(frozen=True)
class Shard:
    """One opened file: its columns, and its rows in batches of the columns asked for."""

    path: Path
    kind: str  # "Parquet", "Arrow", "CSV", ...
    schema: Any  # pyarrow.Schema
    rows: int
    batches: Batches = field(repr=False)
    note: str = ""  # what was found out about the file
    # Batches of the columns asked for, as texts that are as they are written, in a file of text.
    written: Batches | None = field(default=None, repr=False)
    stored: int | None = None  # bytes, where the path is no file of this machine

    @property
    def nbytes(self) -> int:
        """The size of the file."""
        return self.path.stat().st_size if self.stored is None else self.stored

    def reading(self) -> AbstractContextManager[None]:
        """A context in which the errors of pyarrow on a bad file become a DataError."""
        return reading(self.path, self.kind)


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise DataError if two columns have the same name."""
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise DataError(f"{path} has the column {twice[0]!r} twice; give each a name of its own.")


def check_has(shard: Shard, names: Iterable[str], first: Path) -> None:
    """Raise DataError for the first of these columns of another shard that a shard lacks."""
    present = set(shard.schema.names)
    for name in names:
        if name not in present:
            raise DataError(
                f"{shard.path} lacks the column {name!r} of {first};"
                " all files need the same features."
            )


def reading(path: Path, kind: str) -> AbstractContextManager[None]:
    """A context in which the errors of pyarrow on a bad file become a DataError."""
    import pyarrow

    errors = (
        pyarrow.ArrowException,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        OverflowError,
    )
    return compressed.decoding(path, kind, *errors)

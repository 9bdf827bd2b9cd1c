"""One opened file of a table in Parquet or Arrow."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from halfspaces.datasets.files import compressed
from halfspaces.system.errors import DataError

BATCH_ROWS = 4096  # decoded together


@dataclass(frozen=True)
class Shard:
    """One opened file: its columns, and its rows in batches of the columns asked for."""

    path: Path
    kind: str  # "Parquet" or "Arrow"
    schema: Any  # pyarrow.Schema
    rows: int
    batches: Callable[[Sequence[str]], Iterable[Any]] = field(repr=False)

    def reading(self) -> AbstractContextManager[None]:
        """A context in which the errors of pyarrow on a bad file become a DataError."""
        return reading(self.path, self.kind)

    def check_names(self) -> None:
        """Raise DataError if two columns have the same name."""
        names = self.schema.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(
                f"{self.path} has the column {twice[0]!r} twice; give each a name of its own."
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

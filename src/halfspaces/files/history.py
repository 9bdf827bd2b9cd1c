"""The history of a training beside its model: a CSV file with a row for each iterate.

Of a long one every k-th iterate is written, so that no file has more than `MOST_ROWS` rows beside
those in which the validation rows were assessed.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from halfspaces.support.types import Array
from halfspaces.system.atomic import FileError, write_whole
from halfspaces.system.mark import HISTORY

SUFFIX = HISTORY
BEGINNING = ("passes", "seconds", "data_loss", "penalty", "loss")  # the first columns
MOST_ROWS = 10_000
LARGEST = 1 << 28  # bytes


def is_history(path: Path) -> bool:
    """Whether the file begins as one that `dumps` wrote."""
    beginning = ",".join(BEGINNING)
    with open(path, "rb") as stream:
        return stream.read(len(beginning)) == beginning.encode()


def dumps(history: Mapping[str, Array]) -> str:
    """The text of the file: columns of one member, or with its number in their names.

    >>> print(dumps({"passes": np.array([1.0, 2.0]), "loss": np.array([[0.7], [0.5]])}))
    passes,loss
    1,0.7
    2,0.5
    <BLANKLINE>
    """
    history = history or {name: np.zeros(0) for name in BEGINNING}  # a run that took no step
    columns: dict[str, Array] = {}
    for name, column in history.items():
        values = np.asarray(column, dtype=float)
        if values.ndim == 1 or values.shape[1] == 1:
            columns[name] = values.ravel()
        else:
            columns |= {f"{name}_{member}": values[:, member] for member in range(values.shape[1])}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    kept = _kept(history)
    for row in np.stack(list(columns.values()), axis=1)[kept]:
        writer.writerow(["" if np.isnan(value) else f"{value:.10g}" for value in row])
    return stream.getvalue()


def _kept(history: Mapping[str, Array]) -> Array:
    """A mask of the rows that are written (n,): the first and the last are among them."""
    position = np.arange(len(history["passes"]))
    step = -(-len(position) // MOST_ROWS) or 1
    kept = (position % step == 0) | (position == len(position) - 1)
    if "validation_loss" not in history:
        return kept
    assessed = np.isfinite(history["validation_loss"])
    return kept | (assessed if assessed.ndim == 1 else assessed.any(axis=1))


def write(path: Path, history: Mapping[str, Array]) -> None:
    """Write the file, whole or not at all."""
    write_whole(path, dumps(history).encode())


def read(path: Path) -> dict[str, Array]:
    """The columns of a history file (n,); nan where nothing was measured.

    Raises
    ------
    FileError
        One sentence, for a file that is no history.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        with open(path, newline="", encoding="utf-8") as stream:
            names, *rows = csv.reader(stream)
        table = np.array([[float(cell or "nan") for cell in row] for row in rows])
        columns = dict(zip(names, table.reshape(len(rows), len(names)).T, strict=True))
        if not {"passes", "loss", "data_loss", "penalty"} <= columns.keys():
            raise ValueError("columns are missing")
        if not rows:
            raise ValueError("it has no iterates")
    except (OSError, ValueError) as problem:
        needed = f"a {SUFFIX} file that training wrote"
        raise FileError(f"{path} is no history ({problem}); give {needed}.") from problem
    return columns

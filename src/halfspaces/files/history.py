"""The history of a training beside its model: a CSV file with a row for each iterate."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from halfspaces.support.types import Array
from halfspaces.system.atomic import FileError

SUFFIX = ".history.csv"
LARGEST = 1 << 28  # bytes


def beside(model: Path) -> Path:
    """The path of the history of a model.

    >>> beside(Path("m.safetensors")).name
    'm.history.csv'
    """
    return model.with_name(model.name.removesuffix(".safetensors") + SUFFIX)


def dumps(history: Mapping[str, Array]) -> str:
    """The text of the file: columns of one member, or with its number in their names.

    >>> print(dumps({"passes": np.array([1.0, 2.0]), "loss": np.array([[0.7], [0.5]])}))
    passes,loss
    1,0.7
    2,0.5
    <BLANKLINE>
    """
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
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if np.isnan(value) else f"{value:.10g}" for value in row])
    return stream.getvalue()


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
    except (OSError, ValueError) as problem:
        needed = f"a {SUFFIX} file that training wrote"
        raise FileError(f"{path} is no history ({problem}); give {needed}.") from problem
    return columns

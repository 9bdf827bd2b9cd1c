"""`halfspaces predict --engine`: each partition's predictions are written where it lies.

A worker writes the part of a partition whole or not at all; a part that is written again replaces
itself. The folder takes its name when all parts are there.
"""

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import halfspaces
from halfspaces.cli import cluster, model_data, prediction_table, report
from halfspaces.cli.prediction_table import Columns, Source, Wanted
from halfspaces.engines import PartitionedRows
from halfspaces.engines.base import How, Pass
from halfspaces.support.types import Array, Rows
from halfspaces.system.atomic import FileError


class Where(NamedTuple):
    """The options that say where predictions are computed and written."""

    engine: str | None
    cluster: str | None
    jobs: int | None
    out: Path | None


def predict(
    model: Path,
    data: Sequence[str],
    where: Where,
    wanted: Wanted,
    how: Mapping[str, Any],
) -> None:
    """Predict on an engine and write a folder of Parquet parts.

    Raises
    ------
    ValueError
        For an engine that is not known, and several data sets.
    FileError
        For a folder that is there, that cannot be made, or that workers do not share.
    """
    out = _checked(where, data)
    classifier = halfspaces.load(model).set_params(n_jobs=1)
    columns = wanted.columns(classifier)
    with cluster.started(where.engine, where.cluster, where.jobs) as engine:
        assert engine is not None
        with report.reading(data[0]):
            X, read = model_data.open_rows(classifier, data[0], engine=engine, **how)
        report.left_out(read)
        rows = cluster.held(X, engine)
        write(rows, Writing.to(out, columns, read.keys, rows), out)


def write(rows: PartitionedRows, writing: "Writing", out: Path) -> None:
    """Have each partition write its part; the folder `out` is there when all are."""
    try:
        os.mkdir(writing.folder)
    except OSError as error:
        raise FileError(f"--out {out} cannot be made: {error.strerror}; choose another.") from error
    try:
        y = np.empty(len(rows), np.int8)
        parts = rows.parts(None)
        results = rows.engine.results(Pass(rows, y, None, parts, writing))
        counts = (range(count) for (count,) in results)
        for _ in report.counted(counts, len(rows)):
            pass
        expected = {_name(part.partition) for part in parts}
        there = {path.name: path for path in writing.folder.iterdir()}
        for name in there.keys() - expected:  # half a part, of a worker that was killed
            there[name].unlink()
        missing = sorted(expected - there.keys())
        if missing:
            raise FileError(
                f"--out {out} lacks {len(missing):,} of {len(parts):,} parts, such as {missing[0]}:"
                " workers write where they run; give a folder that all machines share."
            )
        os.replace(writing.folder, out)
    finally:
        shutil.rmtree(writing.folder, ignore_errors=True)


@dataclass(frozen=True, eq=False)
class Writing(How):
    """What a worker does with a partition: it writes the part of the table of predictions."""

    columns: Columns
    folder: Path
    starts: Array
    keys: Mapping[str, Array] = field(repr=False)

    @classmethod
    def to(
        cls, out: Path, columns: Columns, keys: Mapping[str, Array], rows: PartitionedRows
    ) -> "Writing":
        """The writing of a folder beside `out`, which takes its name at the end."""
        target = out.absolute()
        folder = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
        return cls(columns, folder, rows.starts, keys)

    def of(self, X: Any, y: Array, weight: Array | None, rows: Rows, first: int) -> Any:
        """Write the part of a partition; the number of its rows, in a list."""
        partition = int(np.searchsorted(self.starts, first, side="right")) - 1
        keys = {name: values[first : first + len(y)] for name, values in self.keys.items()}
        part = self.folder / _name(partition)
        prediction_table.write_part(self.columns, Source(X, keys), first, part)
        return [len(y)]


def _name(partition: int) -> str:
    return f"part-{partition:05}.parquet"


def _checked(where: Where, data: Sequence[str]) -> Path:
    """The folder to write, before anything is started."""
    cluster.check(where.engine, where.cluster)
    if len(data) > 1:
        raise ValueError(
            f"--engine predicts one data set, got {len(data)}; give one path, or a pattern."
        )
    out = where.out
    if out is None or out.suffix.lower() in prediction_table.FORMATS:
        given = "no --out" if out is None else f"--out {out}"
        raise ValueError(
            f"--engine writes a folder of Parquet parts, got {given}; give --out FOLDER."
        )
    if os.path.lexists(out):
        raise FileError(f"--out {out} exists; give the name of a new folder.")
    if not out.absolute().parent.is_dir():
        raise FileError(f"--out {out} lies in a folder that does not exist; create it first.")
    prediction_table.check_format(Path(_name(0)))
    return out

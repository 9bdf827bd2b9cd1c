"""The table that `halfspaces predict` writes block by block: no N x C array is ever in memory."""

import csv
import io
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from halfspaces.cli import report, screen
from halfspaces.cli.explanation import Explanation
from halfspaces.cli.promises import NONE, Promises
from halfspaces.estimators.base import probabilities, reliable_probabilities, winners
from halfspaces.estimators.components import make_loss
from halfspaces.features.lazy_rows import Computed, Described, PixelRows
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.atomic import writing_whole
from halfspaces.system.errors import shown

Table = dict[str, Array]  # columns of one length
Write = Callable[[Table], None]


@dataclass(frozen=True)
class Limits:
    """How much a block of rows holds, about.

    Parameters
    ----------
    values : int
        Numbers in X: enough for the compiled kernels to serve.
    scores : int
        One for each row and class.
    images : int
        Whose features are computed together.
    """

    values: int = 1 << 26
    scores: int = 1 << 23
    images: int = 1 << 12


LIMITS = Limits()


@dataclass(frozen=True, eq=False)
class Source:
    """Rows X to predict, and the columns (N,) that name them."""

    X: Any
    keys: Mapping[str, Array]

    def within(self, path: str) -> "Source":
        """The same rows, with the path that they come from in the column `file`."""
        names = self.keys.get("file")
        files = np.full(self.X.shape[0], path, object)
        if names is not None and Path(path).is_dir():
            files = np.array([str(Path(path, name)) for name in names], object)
        return Source(self.X, {"file": files, **{**self.keys, "file": files}})


class Columns:
    """The columns of the table of predictions."""

    def __init__(
        self,
        classifier: Any,
        *,
        probabilities: bool = False,
        top: int | None = None,
        explain: int | None = None,
        promises: Promises = NONE,
    ) -> None:
        if probabilities and not hasattr(classifier, "predict_proba"):
            raise ValueError(
                f"The model's loss {classifier.loss!r} gives no probabilities; "
                "train with softmax or ova_logistic, or with --calibrate temperature."
            )
        self.classifier = classifier
        self.promises = promises
        self.all = probabilities
        self.n_classes = len(classifier.classes_)
        if top is not None:
            check_number("--top", top, at_least=1, integer=True)
        self.top = min(top or 0, self.n_classes)
        self.explanation = None if explain is None else Explanation(classifier, explain)
        name = report.namer(classifier.notes_.get("class_names"))
        self.names = [name(label) for label in classifier.classes_]
        plain = self.names == [str(label) for label in classifier.classes_]
        self.shown = classifier.classes_ if plain else np.array(self.names)
        self.word = "p" if hasattr(classifier, "predict_proba") else "score"

    def of(self, X: Any, first: int, keys: Table | None = None) -> Table:
        """The table of the rows X, numbered from `first`, with the columns that name them."""
        named = {"row": np.arange(first, first + X.shape[0]), **(keys or {})}
        return named | self._predicted(X)

    def _predicted(self, X: Any) -> Table:
        if not (self.all or self.top or self.explanation or self.promises):
            return {"label": self._shown(self.classifier.predict(X))}
        scores = self.classifier.decision_function(X)
        calibration = self.classifier.calibration_
        threshold = self.classifier.threshold_
        best = winners(scores, make_loss(self.classifier.loss), calibration, threshold)
        table = {"label": self.shown[best]}
        values = self._probabilities_or_scores(scores)
        order = _best(values, self.top)
        for place in range(self.top):
            table[f"top_{place + 1}"] = self.shown[order[:, place]]
            table[f"{self.word}_{place + 1}"] = values[np.arange(len(values)), order[:, place]]
        if self.all:
            table |= {f"p({name})": values[:, c] for c, name in enumerate(self.names)}
        if self.explanation is not None:
            table |= self.explanation.of(X, best)
        if self.promises:
            p = reliable_probabilities(self.classifier, scores)
            table |= self.promises.columns(self.classifier, p, self.names, best)
        return table

    def _shown(self, labels: Array) -> Array:
        if self.shown is self.classifier.classes_:
            return labels
        return self.shown[np.searchsorted(self.classifier.classes_, labels)]

    def _probabilities_or_scores(self, scores: Array) -> Array:
        """Probabilities (N, C), or scores (N, C) if the model gives none.

        The scores of two classes are ± half their difference.
        """
        if self.word == "p":
            return probabilities(
                scores, make_loss(self.classifier.loss), self.classifier.calibration_
            )
        return np.stack([-scores / 2, scores / 2], axis=1) if scores.ndim == 1 else scores


@dataclass(frozen=True)
class Wanted:
    """The options of the columns, as of `Columns`."""

    probabilities: bool
    top: int | None
    explain: int | None
    promises: Promises

    def columns(self, classifier: Any) -> Columns:
        """The columns for a classifier; ValueError for what it cannot promise."""
        self.promises.check(classifier)
        return Columns(
            classifier,
            probabilities=self.probabilities,
            top=self.top,
            explain=self.explain,
            promises=self.promises,
        )


def _best(values: Array, count: int) -> Array:
    """The columns of the `count` largest values of each row, largest first; of ties the first."""
    if count in (0, values.shape[1]):
        return np.argsort(-values, axis=1, kind="stable")[:, :count]
    part = np.sort(np.argpartition(-values, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(-np.take_along_axis(values, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)


def labels(classifier: Any, X: Any, limits: Limits = LIMITS) -> Array:
    """The predicted label of every row; rows of images are computed block by block."""
    if not isinstance(X, Computed):
        return classifier.predict(X)
    blocks = scored_blocks(X, len(classifier.classes_), limits)
    return np.concatenate([classifier.predict(X[rows.start : rows.stop]) for rows in blocks])


def scored_blocks(X: Any, n_classes: int, limits: Limits = LIMITS) -> Iterator[range]:
    """Row numbers in blocks, of images with a progress bar: their rows are computed."""
    blocks = _blocks(X, n_classes, limits)
    return report.counted(blocks, X.shape[0]) if isinstance(X, Computed) else blocks


def write(columns: Columns, X: Any, out: Path | None, limits: Limits = LIMITS) -> None:
    """Write the table of the rows X, which have no names: see `write_all`."""
    write_all(columns, [Source(X, {})], out, limits)


def write_all(
    columns: Columns, sources: Sequence[Source], out: Path | None, limits: Limits = LIMITS
) -> None:
    """Write the table to `out`, whole or not at all, or as CSV to the screen if `out` is None.

    Rows are numbered through all sources. A source without one of the names has empty ones.
    """
    names = dict.fromkeys(name for source in sources for name in source.keys)
    first = 0
    with _writer(out) as put:
        for source in sources:
            N = source.X.shape[0]
            keys = {name: source.keys.get(name, np.full(N, "", object)) for name in names}
            blocks = report.counted(_blocks(source.X, columns.n_classes, limits), N)
            for table in _tables(columns, Source(source.X, keys), first, blocks):
                put(table)
            first += N


def write_part(
    columns: Columns, source: Source, first: int, out: Path, limits: Limits = LIMITS
) -> None:
    """Write the table of one part of all rows, numbered from `first`, whole or not at all."""
    with _writer(out) as put:
        blocks = _blocks(source.X, columns.n_classes, limits)
        for table in _tables(columns, source, first, blocks):
            put(table)


def _tables(
    columns: Columns, source: Source, first: int, blocks: Iterable[range]
) -> Iterator[Table]:
    for rows in blocks:
        part = slice(rows.start, rows.stop)
        keys = {name: values[part] for name, values in source.keys.items()}
        yield columns.of(source.X[part], first + rows.start, keys)


def write_table(table: Table, out: Path) -> None:
    """Write one table, whole or not at all."""
    with _writer(out) as put:
        put(table)


def _blocks(X: Any, n_classes: int, limits: Limits) -> Iterator[range]:
    """Row numbers, in blocks of about the same size."""
    n_rows = X.shape[0]
    if isinstance(X, PixelRows):
        size = n_rows * X.shape[1]
    elif isinstance(X, Described):
        size = max(n_rows * X.shape[1], n_rows * limits.values // limits.images)
    else:
        size = X.size if isinstance(X, np.ndarray) else X.nnz
    count = max(1, size // limits.values, -(-n_rows * n_classes // limits.scores))
    ends = [n_rows * block // count for block in range(count + 1)]
    return (range(start, stop) for start, stop in itertools.pairwise(ends) if stop > start)


# --- formats --------------------------------------------------------------------------------------


def check_format(out: Path) -> None:
    """Raise, before any prediction, if the format is not known or its library is missing."""
    if out.suffix.lower() not in FORMATS:
        raise ValueError(
            f"--out {out} must end in {', '.join(list(FORMATS)[:-1])} or {list(FORMATS)[-1]}."
        )
    if FORMATS[out.suffix.lower()] is _parquet:
        _pyarrow()


@contextmanager
def _writer(out: Path | None) -> Iterator[Write]:
    if out is None:
        with screen.results() as stream:
            put = _csv_to(stream)
            yield _cleaned(put) if sys.stdout.isatty() else put
        return
    with writing_whole(out) as stream, FORMATS[out.suffix.lower()](stream) as put:
        yield put


def _cleaned(put: Write) -> Write:
    """Put tables whose texts hold no codes that a terminal would obey; files get them all."""

    def put_cleaned(table: Table) -> None:
        put({shown(name): _cleaned_column(column) for name, column in table.items()})

    return put_cleaned


def _cleaned_column(column: Array) -> Array:
    return column if column.dtype.kind in "biuf" else np.array([*map(shown, map(str, column))])


@contextmanager
def _csv(stream: BinaryIO) -> Iterator[Write]:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    try:
        yield _csv_to(text)
    finally:
        text.detach()  # flushes, and leaves the stream open


def _csv_to(text: Any) -> Write:
    writer = csv.writer(text)
    header = True

    def put(table: Table) -> None:
        nonlocal header
        if header:
            writer.writerow(table)
        header = False
        writer.writerows(zip(*map(_csv_cells, table.values()), strict=True))

    return put


def _csv_cells(column: Array) -> list[Any]:
    if column.dtype.kind == "f":
        return [f"{value:.6g}" for value in column.tolist()]
    return column.tolist()


@contextmanager
def _json_lines(stream: BinaryIO) -> Iterator[Write]:
    encode = cache(partial(json.dumps, ensure_ascii=False))  # labels are few

    def cells(column: Array) -> Iterable[str]:
        if column.dtype.kind in "iu":
            return map(str, column.tolist())
        return _csv_cells(column) if column.dtype.kind == "f" else map(encode, column.tolist())

    def put(table: Table) -> None:
        line = "{" + ", ".join(encode(name).replace("%", "%%") + ": %s" for name in table) + "}\n"
        stream.write(
            "".join(line % row for row in zip(*map(cells, table.values()), strict=True)).encode()
        )

    yield put


@contextmanager
def _parquet(stream: BinaryIO) -> Iterator[Write]:
    arrow, parquet = _pyarrow()
    writer: Any = None

    def put(table: Table) -> None:
        nonlocal writer
        block = arrow.table({name: _text(column) for name, column in table.items()})
        writer = parquet.ParquetWriter(stream, block.schema) if writer is None else writer
        writer.write_table(block)

    try:
        yield put
    finally:
        if writer is not None:
            writer.close()


def _text(column: Array) -> Any:
    return column.tolist() if column.dtype.kind in "UO" else column


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "Writing .parquet needs pyarrow; pip install 'halfspaces[parquet]'."
        ) from error
    return pyarrow, pyarrow.parquet


FORMATS: dict[str, Any] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".json": _json_lines,
}

"""Checks that features are finite, and neither too large nor too small for sums of squares."""

import math

import numpy as np

from halfspaces.engines import PartitionedRows, blocks_of
from halfspaces.engines.devices.stored_rows import StoredRows
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import LEAST, Centroids
from halfspaces.support.types import Block, Features

LARGEST = 1e100  # of a feature: larger values overflow in sums of squares
LARGEST_SINGLE = 1e36  # the same, where sums are in float32
CHECKED_AT_ONCE = 1 << 22  # values


def check_finite(name: str, X: Features | StoredRows | PartitionedRows) -> None:
    """Raise if a value of X (N, D) is not finite, with the row and column of the first one."""
    if isinstance(X, StoredRows):
        _check_stored(name, X)
        return
    if X.dtype.kind != "f":
        return
    limit = LARGEST if X.dtype == np.float64 else LARGEST_SINGLE
    limit = min(limit, float(np.finfo(X.dtype).max))
    if isinstance(X, PartitionedRows):
        found = _first_of_partitions(X, limit)
    else:
        found = _first_unusable(X, limit)
    if found is not None:
        row, column, value = found
        problem = _problem(value, f"row {row}, column {column}", limit)
        raise ValueError(f"{name} contains {problem}.")


def _first_unusable(X: Features, limit: float) -> tuple[int, int, float] | None:
    """The row, the column and the value of the first one above the limit, or not finite."""
    # The stored values of sparse rows are checked as rows of one column.
    values = X if isinstance(X, np.ndarray) else X.data[:, None]
    rows = max(1, CHECKED_AT_ONCE // max(1, values.shape[1]))
    for start in range(0, len(values), rows):
        usable = np.abs(values[start : start + rows]) <= limit
        if not usable.all():
            row, column = np.argwhere(~usable)[0] + (start, 0)
            value = float(values[row, column])
            if not isinstance(X, np.ndarray):
                column = X.indices[row]
                row = np.searchsorted(X.indptr, row, side="right") - 1
            return int(row), int(column), value
    return None


def _first_of_partitions(X: PartitionedRows, limit: float) -> tuple[int, int, float] | None:
    """The same of rows on an engine, which are looked at where they lie."""

    def visit(block: Block) -> tuple[int, int, float] | None:
        found = _first_unusable(block.X, limit)
        return found and (int(block.rows[found[0]]), *found[1:])

    blocks = blocks_of(X, np.empty(len(X), np.int8))
    return next((found for found in blocks.map(visit, columns=0) if found is not None), None)


def _check_stored(name: str, X: StoredRows) -> None:
    """Raise if a value is not finite; only rows in which there is one are looked at here."""
    limit = LARGEST if X.dtype == np.float64 else LARGEST_SINGLE
    if X.dtype == np.float16:
        limit = float(np.finfo(np.float16).max)
    rows = max(1, CHECKED_AT_ONCE // max(1, X.shape[1]))
    for start in range(0, len(X), rows):
        part = slice(start, min(start + rows, len(X)))
        if X.dtype != np.uint8 and not X.usable(part, limit):
            values = X[part]
            row, column = np.argwhere(~(np.abs(values) <= limit))[0]
            place = f"row {start + row}, column {column}"
            problem = _problem(float(values[row, column]), place, limit)
            raise ValueError(f"{name} contains {problem}.")


def _problem(value: float, place: str, limit: float) -> str:
    """The value, its place and what to do about it."""
    if math.isfinite(value):
        remedy = f"rescale the features below {limit:g}, or their sums overflow"
        return f"{value:g} at {place}; {remedy}"
    word = "NaN" if math.isnan(value) else "infinity (inf)"
    remedy = "remove or impute such values first (sklearn.impute.SimpleImputer)"
    return f"{word} at {place}; {remedy}"


def too_small(blocks: Blocks) -> str | None:
    """A sentence about columns that vary, but so little that they count as constant; or None."""
    centroids = Centroids.of(blocks)
    moments = centroids.moments
    least = LEAST[blocks.dtype.name]
    largest = np.abs(centroids.means).max(axis=0)
    underflown = (moments.squares == 0) & (largest > 0) & (largest < LEAST["float64"])
    columns = np.flatnonzero((moments.variance < least**2) & (underflown | ~moments.constant))
    if not len(columns):
        return None
    first = columns[0] if blocks.columns is None else blocks.columns[columns[0]]
    return (
        f"{len(columns)} features (the first is column {first}) vary "
        f"by less than {least:g} and count as constant, since {blocks.dtype} cannot hold their "
        "weights; multiply them by a constant that brings them near 1."
    )

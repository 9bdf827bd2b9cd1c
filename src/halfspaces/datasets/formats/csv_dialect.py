"""How a file of comma-separated values is written: found from its first lines."""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from halfspaces.datasets import named_arrays
from halfspaces.datasets.files import compressed
from halfspaces.system.errors import DataError

SAMPLE = 1 << 18  # bytes that are looked at, or more until there are FEW_LINES
FEW_LINES = 5
LONGEST_LINE = 1 << 24  # bytes
MANY_COLUMNS = 1 << 14  # more need so many stored bytes each, which a real table has:
BYTES_OF_COLUMN = 4
MANY_COUNTED = 3  # numbers that are 1, 2, 3 in a row of names; 1, 2 may be values
LINES = 100  # rows of the sample that are looked at
# A tab or a semicolon is never part of a number, so these are tried before the comma.
DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars"}
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
WESTERN = "cp1252"  # of text that is not UTF-8
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Dialect:
    """Encoding, delimiter, decimal mark, the names of the columns, and the lines above the rows."""

    encoding: str
    delimiter: str
    decimal: str
    names: tuple[str, ...]
    skipped_lines: int

    def __str__(self) -> str:
        """What was found, in words.

        >>> print(Dialect("cp1252", ";", ",", ("a", "b"), 0))
        columns between semicolons, decimal commas, no header (columns are '1' to '2'), cp1252
        """
        found = [f"columns between {DELIMITERS[self.delimiter]}"]
        if self.decimal == ",":
            found.append("decimal commas")
        header = f"no header (columns are '1' to '{len(self.names)}')"
        found.append("a header" if self.skipped_lines else header)
        if not self.encoding.startswith("utf-8"):
            found.append(self.encoding)
        return ", ".join(found)


def sniff(path: Path) -> Dialect:
    """Find the dialect of a file, packed or not; DataError if it holds no text."""
    sample, is_whole = _sample(path)
    encoding = _encoding(path, sample)
    text = sample.decode(encoding, errors="replace")
    if not is_whole:
        text = text[: text.rfind("\n") + 1] or text
    _check_columns(path, max(text.count(mark, 0, text.find("\n")) for mark in DELIMITERS) + 1)
    delimiter, rows = _split(text)
    if not rows:
        raise DataError(f"{path} holds no rows; give a line for each example.")
    _check_first_line(path, rows)
    fields = [field for row in rows[1:] for field in row]
    with_comma = delimiter != "," and any(map(DECIMAL_COMMA.fullmatch, fields))
    decimal = "," if with_comma and not any(re.fullmatch(r"\d+\.\d+", f) for f in fields) else "."
    if not _has_header(rows, decimal):
        names = tuple(str(number) for number in range(1, len(rows[0]) + 1))
        return Dialect(encoding, delimiter, decimal, names, 0)
    names = tuple(name.strip() or f"Unnamed: {i}" for i, name in enumerate(rows[0]))
    return Dialect(encoding, delimiter, decimal, names, _lines_of_header(text, delimiter))


def _sample(path: Path) -> tuple[bytes, bool]:
    """The first bytes of a file, and whether they are all of it."""
    with compressed.reading(path) as stream:
        compressed.check_text(path, stream)
        sample = stream.read(SAMPLE)
        while sample.count(b"\n") < FEW_LINES and (more := stream.read(SAMPLE)):
            sample += more
            if b"\n" not in sample and len(sample) > LONGEST_LINE:
                raise DataError(
                    f"{path} has no end of a line in its first {len(sample):,} bytes;"
                    " give a line for each example."
                )
        return sample, not stream.read(1)


def _check_columns(path: Path, most: int) -> None:
    """Raise DataError for more columns than a file of this size holds: each takes memory."""
    size = path.stat().st_size
    if most > max(MANY_COLUMNS, size // BYTES_OF_COLUMN):
        raise DataError(
            f"{path} has {most:,} columns in only {size:,} bytes;"
            " save such a table as .npz or Parquet."
        )


def _check_first_line(path: Path, rows: Rows) -> None:
    """Raise DataError for a line above the header: a comment, or what Excel writes there.

    R writes the names of the rows without a name of their column.
    """
    widths = {len(row) for row in rows[1:]}
    is_hint = rows[0][0].startswith("sep=")
    if not is_hint and len(rows[0]) > 1 and widths == {len(rows[0]) + 1}:
        raise DataError(
            f"{path} has {len(rows[0])} fields in its first line and {len(rows[0]) + 1} in the"
            " others; give a name for each column (R's write.csv with row.names=FALSE does)."
        )
    if is_hint or (len(widths) == 1 and len(rows[0]) < min(widths)):
        raise DataError(
            f"{path} begins with the line {rows[0][0][:60]!r}, which names no columns;"
            " remove it, or begin with one name for each column."
        )


def _encoding(path: Path, sample: bytes) -> str:
    """That of the byte-order mark, else UTF-8, else Western European text."""
    for mark, encoding in MARKS.items():
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        raise DataError(f"{path} is no text; give comma-separated values.")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return WESTERN
    return "utf-8"


def _split(text: str) -> tuple[str, Rows]:
    """The delimiter that gives all rows the same number of fields, more than one; and the rows."""
    for delimiter in DELIMITERS:
        rows = _rows(text, delimiter)
        if len({len(row) for row in rows}) == 1 and len(rows[0]) > 1:
            return delimiter, rows
    found = {delimiter: _rows(text, delimiter) for delimiter in DELIMITERS}
    # By the header, or by the second line if there is a comment above it.
    likeliest = max(DELIMITERS, key=lambda each: [len(row) for row in found[each][:2]])
    return likeliest, found[likeliest]


def _rows(text: str, delimiter: str) -> Rows:
    lines = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    try:
        return list(islice((row for row in lines if row), LINES))
    except csv.Error:  # a field of more than 128 kB
        return []


def _lines_of_header(text: str, delimiter: str) -> int:
    lines = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    next(row for row in lines if row)
    return lines.line_num


def _has_header(rows: Rows, decimal: str) -> bool:
    """Whether the first row has the names of the columns.

    It has if none of its fields is a number, if they count the columns, if one is a name of labels
    that is no class of the rows below, or if one has text above numbers.
    """
    first = [field.strip() for field in rows[0]]
    below = [[row[i].strip() for row in rows[1:] if i < len(row)] for i in range(len(first))]
    are_numbers = [_is_number(field, decimal) for field in first]
    if not any(are_numbers):
        return True
    numbers = [field for field, is_number in zip(first, are_numbers, strict=True) if is_number]
    words = [i for i, is_number in enumerate(are_numbers) if not is_number]
    is_repeated = any(first[i] in below[i] for i in words)
    if _counts(numbers) and len(words) <= 1 and not is_repeated:
        return True
    has_numbers = [all(_is_number(field, decimal) for field in column) for column in below]
    if any(first[i].lower() in named_arrays.LABELS for i in words):
        are_data = len(words) == 1 and all(
            has_numbers[i] for i in range(len(first)) if i != words[0]
        )
        return not are_data or not (is_repeated or not _are_ordered(numbers, decimal))
    return any(below[i] and has_numbers[i] for i in words)


def _counts(numbers: Sequence[str]) -> bool:
    """Whether they are 0, 1, 2, ... or 1, 2, 3, ..., as pandas names columns without a name."""
    counted = [[str(first + i) for i in range(len(numbers))] for first in (0, 1)]
    return len(numbers) >= MANY_COUNTED and list(numbers) in counted


def _are_ordered(numbers: Sequence[str], decimal: str) -> bool:
    """Whether they increase or decrease, as wavelengths and years in names of columns do."""
    values = [float(number.replace(decimal, ".")) for number in numbers]
    steps = [after - before for before, after in pairwise(values)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)


def _is_number(field: str, decimal: str) -> bool:
    return NUMBER.fullmatch(field.replace(",", ".") if decimal == "," else field) is not None

"""Whether the only column of texts in a table holds the classes, where no column is called so.

It does by its name, or as the first or the last column, if its values look like names of classes
and no column of numbers looks like the label, too: a table of customers has one column of texts,
their gender, and ends in a column of zeros and ones. Beside a name such as `species` only another
name counts.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets.formats import arrow_types, label_column, table_keys
from halfspaces.datasets.formats.shard import Shard
from halfspaces.datasets.split_words import split_of
from halfspaces.system.errors import DataError, listed

MOST_CLASSES = 20  # distinct whole numbers in a last column that may be classes
NO_CLASS = re.compile(  # an amount, a share, a date, a time
    r"[-+\s\d.,:;/%'’$€£¥]*\d[-+\s\d.,:;/%'’$€£¥]*([TZ][\d:.+Z]*)?"
    r"|(\d{1,2}[ -])?[A-Z][a-z]{2,8}[ -](\d{1,2},? )?\d{2,4}"
)


def label(shards: Sequence[Shard], names: Sequence[str], text: str, *, needed: bool) -> str:
    """The column `text` among the columns `names`, which are in the order of the table.

    Raises DataError, which names the candidates, if it may be no label and one is needed.
    """
    if not needed:
        return text
    batch = table_keys.first_batch(shards, names)
    if batch is None:
        return text
    rivals = _rivals(batch, text)
    is_likely = label_column.is_likely(text) or text in (_first(batch), names[-1])
    is_certain = label_column.is_certain(text)
    if is_likely and not rivals and _are_classes(batch.column(text), is_certain=is_certain):
        return text
    raise _unclear(shards[0].path, names, text, rivals)


def _unclear(path: Path, names: Sequence[str], text: str, rivals: Sequence[str]) -> DataError:
    also = f", as {listed(rivals)} may" if rivals else ""
    return DataError(
        f"{path} has the columns {listed(names)}, of which none is called label, y, target or"
        f" class, and whether the only one of texts, {text!r}, holds the classes{also}, is not"
        " clear; name the label by --label COLUMN, or label=... in Python."
    )


def _first(batch: Any) -> str:
    """The first column but for whole numbers that all differ: they may be numbers of the rows."""
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if len(values) < table_keys.FEW or _distinct_whole(values) != len(values):
            return name
    return batch.schema.names[0]


def _are_classes(values: Any, *, is_certain: bool) -> bool:
    """Whether texts are repeated, and no amounts, dates or names of splits.

    In a column that is called like a label some may be numbers (1, 2, x), and few may all differ.
    """
    texts = arrow_types.decoded(values).drop_null().to_pylist()
    distinct = set(texts)
    most = len(texts) // 2 if len(texts) >= table_keys.FEW else len(texts) - 1 + is_certain
    if len(distinct) > most or all(map(split_of, distinct)):
        return False
    amounts = sum(NO_CLASS.fullmatch(text.strip()) is not None for text in distinct)
    return amounts < len(distinct) if is_certain else not amounts


def _rivals(batch: Any, text: str) -> list[str]:
    """The columns of numbers that may be the label: by their names, or as the last one."""
    numbers = [name for name in batch.schema.names if name != text]
    named = [name for name in numbers if label_column.is_likely(name)]
    last = batch.schema.names[-1]
    is_clear = last in (text, *named) or label_column.is_certain(text)
    if not is_clear and _ends_in_classes(batch, numbers):
        named.append(last)
    return named


def _ends_in_classes(batch: Any, numbers: Sequence[str]) -> bool:
    """Whether the last column has two whole numbers, or some, and fewer than all others."""
    *others, last = numbers
    count = _distinct_whole(batch.column(last))
    if count is None or not 2 <= count <= MOST_CLASSES:
        return False
    counts = (_distinct_whole(batch.column(name)) for name in others)
    return count == 2 or all(other is None or other > count for other in counts)


def _distinct_whole(values: Any) -> int | None:
    """The number of distinct values; None if one has a fraction."""
    if not arrow_types.is_number(values.type):
        return None
    found = np.unique(values.drop_null().cast("float64", safe=False).to_numpy(zero_copy_only=False))
    return len(found) if np.all(found == np.round(found)) else None

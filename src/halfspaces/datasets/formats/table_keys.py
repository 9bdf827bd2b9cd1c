"""Columns that name or number the rows of a table: they tell nothing about the classes of others.

A key is recognized by its name, or by its values: every row has another one, and they are texts,
or whole numbers that would hardly be all different by chance.
"""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

import math
import re
from collections.abc import Sequence
from typing import Any

from halfspaces.datasets.formats import arrow_types
from halfspaces.datasets.formats.shard import Shard, check_has

# Id after a mark or a capital: user_id, userId, UserID; not "grid".
NAME = re.compile(
    r"(?i:unnamed: \d+|index|row|row[ _]?(?:number|index)|uuid|guid|file_?name|file|path)"
    r"|(?:.*[\W_])?(?i:id)|.*[a-z]I[dD]"
)
KEY = "a key"
FEW = 10  # rows: values of fewer do not show what they are
CHANCE = 0.01  # of N values that are all distinct, below which whole numbers are a key


def is_named_so(name: str) -> bool:
    """Whether a column is a key by its name.

    >>> [is_named_so(name) for name in ("id", "label_id", "PassengerId", "Unnamed: 0", "grid")]
    [True, True, True, True, False]
    """
    return NAME.fullmatch(name.strip()) is not None


def without_use(shards: Sequence[Shard], names: Sequence[str]) -> dict[str, str]:
    """The columns that are no features, each with the reason: keys, and texts of one value."""
    named = {name: KEY for name in names if is_named_so(name)}
    others = [name for name in names if name not in named]
    for shard in shards[1:]:
        check_has(shard, others, shards[0].path)
    return named | _by_value(shards, others)


def _by_value(shards: Sequence[Shard], names: Sequence[str]) -> dict[str, str]:
    """The keys and constant texts that their values show.

    The first rows of a column decide in most cases; only what they leave open is read on.
    """
    schema = shards[0].schema
    names = [name for name in names if _may_be_key(schema.field(name).type)]
    rows = sum(shard.rows for shard in shards)
    first = first_batch(shards, names) if names and rows >= FEW else None
    found: dict[str, str] = {}
    if first is None:
        return found
    columns = map(arrow_types.decoded, first.columns)
    for name, values in zip(first.schema.names, columns, strict=True):
        distinct = _distinct(values)
        if values.null_count or distinct not in (1, len(values)):
            continue
        whole = values if len(values) == rows else _column(shards, name)
        if arrow_types.is_text(values.type):
            if distinct > 1:
                found[name] = KEY
            elif _distinct(whole) == 1:
                found[name] = "one value"
        elif _numbers_rows(whole):
            found[name] = KEY
    return found


def _may_be_key(kind: Any) -> bool:
    import pyarrow.types as of

    return of.is_integer(kind) or arrow_types.is_text(kind)


def first_batch(shards: Sequence[Shard], names: Sequence[str]) -> Any:
    """The first rows of some columns; None if there are no rows."""
    for shard in shards:
        with shard.reading():
            for batch in shard.batches(names):
                batch.validate(full=True)
                if batch.num_rows:
                    return batch
    return None


def _column(shards: Sequence[Shard], name: str) -> Any:
    import pyarrow

    parts = []
    for shard in shards:
        with shard.reading():
            for batch in shard.batches([name]):
                batch.validate(full=True)
                parts.append(arrow_types.decoded(batch.column(0)))
    return pyarrow.chunked_array(parts)


def _distinct(values: Any) -> int:
    import pyarrow.compute as pc

    return pc.count_distinct(values, mode="all").as_py()


def _numbers_rows(values: Any) -> bool:
    """Whether whole numbers are all distinct, and that is no chance.

    N numbers drawn from a span S are all distinct with a chance of about exp(−N²/2S), the problem
    of birthdays: consecutive numbers are keys, and large ones, such as incomes, need not be.
    """
    import pyarrow.compute as pc

    if values.null_count or _distinct(values) < len(values):
        return False
    ends = pc.min_max(values)
    span = ends["max"].as_py() - ends["min"].as_py() + 1
    return math.exp(-(len(values) ** 2) / (2 * span)) < CHANCE

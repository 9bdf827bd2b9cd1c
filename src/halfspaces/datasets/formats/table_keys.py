"""Columns that name or number the rows of a table: they tell nothing about the classes of others.

A key is recognized by its name, or by its values: every row has another one, and they are texts,
or whole numbers that would hardly be all different by chance.
"""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

import math
import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from halfspaces.datasets.formats import arrow_types
from halfspaces.datasets.formats.shard import Shard, check_has

# Id after a mark or a capital: user_id, userId, UserID; not "grid".
NAME = re.compile(
    r"(?i:unnamed: \d+\.\d+|index|idx|row|row[ _]?(?:number|index|nr|no|num|id)|uuid|guid"
    r"|file_?name|file|path)"
    r"|(?:.*[\W_])?(?i:id)|.*[a-z]I[dD]"
)
# A column without a name, as pandas calls it: an index that was written, or a stray comma.
NAMELESS = re.compile(r"(?i:unnamed: \d+)")
KEY = "a key"
EMPTY = "empty"
FEW = 10  # rows: values of fewer do not show what they are
CHANCE = 0.01  # of N values that are all distinct, below which whole numbers are a key


def is_named_so(name: str) -> bool:
    """Whether a column is a key by its name.

    >>> [is_named_so(name) for name in ("id", "label_id", "PassengerId", "Unnamed: 0.1", "grid")]
    [True, True, True, True, False]
    """
    return NAME.fullmatch(name.strip()) is not None


def may_be_index(name: str) -> bool:
    """Whether a column is a key by its name, or has no name.

    >>> may_be_index("Unnamed: 0"), may_be_index("width")
    (True, False)
    """
    return is_named_so(name) or NAMELESS.fullmatch(name.strip()) is not None


def without_use(shards: Sequence[Shard], names: Sequence[str]) -> dict[str, str]:
    """The columns that are no features, each with the reason: keys, texts of one value, no values.

    A column without a name is a key if its values are those of an index.
    """
    named = {name: KEY for name in names if is_named_so(name)}
    named |= {name: EMPTY for name in names if all(_is_empty(shard, name) for shard in shards)}
    nameless = [name for name in names if NAMELESS.fullmatch(name.strip()) and name not in named]
    named |= dict.fromkeys(_indices(shards[0], nameless), KEY)
    others = [name for name in names if name not in named]
    for shard in shards[1:]:
        check_has(shard, others, shards[0].path)
    found = named | _by_value(shards, others)
    return {name: found[name] for name in names if name in found}


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
        if not arrow_types.is_text(values.type) and not _are_whole(values):
            continue
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

    is_number = of.is_integer(kind) or of.is_float32(kind) or of.is_float64(kind)
    return is_number or arrow_types.is_text(kind)


def _is_empty(shard: Shard, name: str) -> bool:
    """Whether a column, which other shards may have, has no value."""
    import pyarrow.types as of

    return name not in shard.schema.names or of.is_null(shard.schema.field(name).type)


def _indices(shard: Shard, names: Sequence[str]) -> list[str]:
    """The columns that the first rows of a file show to be an index."""
    first = first_batch([shard], names) if names else None
    return [name for name in names if first is not None and _is_index(first.column(name))]


def _is_index(values: Any) -> bool:
    """Whether values name or number the rows: all differ, or most are one more than the last one.

    The second is so where the rows of several tables follow each other.
    """
    values = arrow_types.decoded(values)
    is_text = arrow_types.is_text(values.type)
    is_number = arrow_types.is_number(values.type)
    if values.null_count or not (is_text or (is_number and _are_whole(values))):
        return False
    if _distinct(values) == len(values):
        return True
    steps = np.diff(values.cast("float64", safe=False).to_numpy()) if is_number else np.empty(0)
    return 2 * int(np.sum(steps == 1)) > len(values)


def _are_whole(values: Any) -> bool:
    import pyarrow.compute as pc
    import pyarrow.types as of

    if not of.is_floating(values.type):
        return of.is_integer(values.type)
    numbers = values.cast("float64")  # pyarrow rounds no halves
    return bool(pc.all(pc.equal(pc.floor(numbers), numbers)).as_py())


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
    kinds = {shard.schema.field(name).type for shard in shards}
    for shard in shards:
        with shard.reading():
            for batch in shard.batches([name]):
                batch.validate(full=True)
                values = arrow_types.decoded(batch.column(0))
                parts.append(values if len(kinds) == 1 else values.cast(_common(kinds), safe=False))
    return pyarrow.chunked_array(parts)


def _common(kinds: Collection[Any]) -> str:
    """The type of values of which each file has its own type of whole numbers, numbers or texts."""
    import pyarrow.types as of

    if all(map(of.is_integer, kinds)):
        return "int64"
    return "float64" if all(map(arrow_types.is_number, kinds)) else "string"


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
    if not _are_whole(values):
        return False
    ends = pc.min_max(values)
    span = ends["max"].as_py() - ends["min"].as_py() + 1
    return math.exp(-(len(values) ** 2) / (2 * span)) < CHANCE

"""The rows of a table by split, where a column says which split each row belongs to."""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from halfspaces.datasets.formats import arrow_types
from halfspaces.datasets.formats.shard import Batches, Shard
from halfspaces.datasets.split_words import OF_SPLIT, SPLIT_OF_WORD
from halfspaces.system.errors import DataError, listed

NAMES = ("split", "subset")  # of columns that hold splits without being asked for


def find_column(shards: Sequence[Shard]) -> str | None:
    """The column of splits that a table has under a usual name; None if it has none."""
    schema = shards[0].schema
    for name in schema.names:
        if name.lower() in NAMES and arrow_types.is_text(schema.field(name).type):
            words = _words(shards, name)
            splits = {SPLIT_OF_WORD.get(word) for word in words}
            if len(splits) > 1 and None not in splits and "train" in splits:
                return name
    return None


def by_column(shards: Sequence[Shard], name: str) -> dict[str, list[Shard]]:
    """The rows of each split; rows of a single split are all rows, and called train.

    Raises DataError for a column that is missing or says something else.
    """
    path = shards[0].path
    schema = shards[0].schema
    if name not in schema.names:
        raise DataError(
            f"{path} has no column {name!r} for the splits; it has {listed(schema.names)}."
        )
    if not arrow_types.is_text(schema.field(name).type):
        raise DataError(
            f"{path} has {name!r} of type {schema.field(name).type};"
            " splits are the words train, validation and test."
        )
    unknown = [word for word in _words(shards, name) if word not in SPLIT_OF_WORD]
    if unknown:
        raise DataError(
            f"{path} has {listed(unknown)} in the column {name!r};"
            " splits are the words train, validation and test."
        )
    parts: dict[str, list[Shard]] = {}
    for shard in shards:
        rows: Counter[str] = Counter()
        for word, count in _words([shard], name).items():
            rows[SPLIT_OF_WORD[word]] += count
        for split, count in rows.items():
            parts.setdefault(split, []).append(_part(shard, name, split, count))
    if len(parts) > 1 and "train" not in parts:
        raise DataError(f"{path} has no row for training in the column {name!r}; add some.")
    return parts if len(parts) > 1 else {"train": list(shards)}


def _words(shards: Sequence[Shard], name: str) -> Counter[str]:
    """How many rows have each word, in small letters; a missing one is empty."""
    import pyarrow.compute as pc

    words: Counter[str] = Counter()
    for shard in shards:
        with shard.reading():
            for batch in shard.batches([name]):
                batch.validate(full=True)
                for each in pc.value_counts(_small(batch.column(0))).to_pylist():
                    words[each["values"] or ""] += each["counts"]
    return words


def _small(values: Any) -> Any:
    import pyarrow.compute as pc

    return pc.utf8_lower(pc.utf8_trim_whitespace(arrow_types.decoded(values).cast("string")))


def _part(shard: Shard, column: str, split: str, rows: int) -> Shard:
    """The rows of one split."""
    import pyarrow
    import pyarrow.compute as pc

    words = pyarrow.array(OF_SPLIT[split])

    def of_split(batches: Batches, names: Sequence[str]) -> Iterator[Any]:
        for batch in batches([*dict.fromkeys((*names, column))]):
            wanted = pc.is_in(_small(batch.column(column)), value_set=words)
            yield batch.select(list(names)).filter(wanted)

    written = None if shard.written is None else partial(of_split, shard.written)
    return replace(shard, rows=rows, batches=partial(of_split, shard.batches), written=written)

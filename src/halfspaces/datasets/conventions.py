"""How a data set was read, where its files leave that open, so that other rows are read alike."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Conventions:
    """What a reader found out, or was told, about a data set; a model file keeps it.

    Parameters
    ----------
    columns : tuple of str, optional
        The columns of a table that are the features, in the order of X.
    label : str, optional
        The column of a table that holds the classes.
    key : str, optional
        The column of a table that names its rows.
    bits : int, optional
        The depth of images of 16 bits: their values are below 2^bits.
    first_index : int, optional
        The index of the first feature in svmlight text, 0 or 1.

    Examples
    --------
    >>> found = Conventions(columns=("width", "height"), label="species")
    >>> Conventions.from_note(found.to_note()) == found
    True
    """

    columns: tuple[str, ...] | None = None
    label: str | None = None
    key: str | None = None
    bits: int | None = None
    first_index: int | None = None

    def to_note(self) -> dict[str, object]:
        """The values that are known, as JSON holds them."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in known.items()
        }

    @staticmethod
    def from_note(note: object) -> "Conventions":
        """The conventions in a note that `to_note` wrote; those that are of another type are not
        used.

        >>> Conventions.from_note({"columns": "abc", "bits": 12})
        Conventions(columns=None, label=None, key=None, bits=12, first_index=None)
        """
        values: Mapping[object, object] = note if isinstance(note, Mapping) else {}
        columns = values.get("columns")
        return Conventions(
            columns=tuple(map(str, columns)) if isinstance(columns, list) else None,
            label=_text(values.get("label")),
            key=_text(values.get("key")),
            bits=_within(values.get("bits"), range(8, 17)),
            first_index=_within(values.get("first_index"), range(2)),
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _within(value: object, allowed: range) -> int | None:
    return value if isinstance(value, int) and value in allowed else None

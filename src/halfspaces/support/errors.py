"""Errors that several rooms raise, and how messages show names."""

from collections.abc import Iterable


class DataError(ValueError):
    """Data that cannot be read: one sentence on what was given, what is needed and what to do."""


class UnknownComponentError(ValueError):
    """A text or a file names a component that is not registered; `name` is its name."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


def shown(name: str) -> str:
    r"""A name that can be printed on one line, whatever bytes it holds.

    >>> shown("a\nb")
    'a?b'
    """
    return "".join(char if char.isprintable() else "?" for char in name)


def listed(names: Iterable[str], most: int = 5) -> str:
    """The first of some names, quoted, so that they can be printed on one line.

    >>> listed("ab"), listed("abcdefg"), listed([])
    ("'a', 'b'", "'a', 'b', 'c', 'd', 'e' and 2 more", 'nothing')
    """
    names = list(map(repr, names))
    return (
        ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
        or "nothing"
    )

"""Errors that several rooms raise, and how messages show names."""

from collections.abc import Iterable


class DataError(ValueError):
    """Data that cannot be read: one sentence on what was given, what is needed and what to do."""


class UnknownComponentError(ValueError):
    """A text or a file names a component that is not registered; `name` is its name."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


NO_BREAK = "\u00a0"  # a space at which no line ends


def shown(name: str) -> str:
    r"""The name on one line, with ? in place of what cannot be printed.

    These are control characters, escape codes and line ends among them, marks that reverse the
    direction of writing, and surrogates. A no-break space is kept.

    >>> shown("a\nb"), shown("\x1b[31mred\u202e")
    ('a?b', '?[31mred?')
    """
    return "".join(char if char.isprintable() or char == NO_BREAK else "?" for char in name)


def shown_lines(text: str) -> str:
    """The lines of a text, each as `shown` returns it."""
    return "\n".join(map(shown, text.split("\n")))


def listed(names: Iterable[str], most: int = 5) -> str:
    """The first `most` names, quoted, and the number of the others.

    >>> listed("ab"), listed("abcdefg"), listed([])
    ("'a', 'b'", "'a', 'b', 'c', 'd', 'e' and 2 more", 'nothing')
    """
    quoted = list(map(repr, names))
    more = f" and {len(quoted) - most:,} more" if len(quoted) > most else ""
    return ", ".join(quoted[:most]) + more or "nothing"

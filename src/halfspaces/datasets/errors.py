"""The one error of this package's readers, and how it shows names."""


class DataError(ValueError):
    """Data that cannot be read: one sentence on what was given, what is needed and what to do."""


def shown(name: str) -> str:
    r"""A name that can be printed on one line, whatever bytes it holds.

    >>> shown("a\nb")
    'a?b'
    """
    return "".join(char if char.isprintable() else "?" for char in name)

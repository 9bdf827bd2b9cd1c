"""How a file that halfspaces wrote is known again: by a mark in it, or by its name."""

from pathlib import Path

HISTORY = ".history.csv"  # the end of the name of a training's history
WINDOW = 1 << 16  # bytes at both ends of a file that may hold the mark


def mark(kind: str) -> str:
    """The sentence that is written into files of a kind, as a comment or as metadata.

    >>> mark("plot")
    'This plot was written by halfspaces, which replaces it when it writes here again.'
    """
    return f"This {kind} was written by halfspaces, which replaces it when it writes here again."


def is_marked(path: Path, kind: str) -> bool:
    """Whether the beginning or the end of the file has the mark of this kind."""
    with open(path, "rb") as stream:
        start = stream.read(WINDOW)
        stream.seek(-min(WINDOW, path.stat().st_size), 2)
        end = stream.read()
    wanted = mark(kind).encode()
    return wanted in start or wanted in end

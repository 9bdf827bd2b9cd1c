"""Folders as they are shown: without the name of the user."""

from pathlib import Path


def place(path: Path | str) -> str:
    """A path in which the user's folder is `~`.

    >>> place(Path.home() / "photos")
    '~/photos'
    """
    return without_user(str(path))


def without_user(text: str) -> str:
    """A text in which the user's folder is `~`, wherever it occurs.

    >>> without_user(f"{Path.home()}/a:/usr")
    '~/a:/usr'
    """
    try:
        home = str(Path.home())
    except RuntimeError:  # there is none
        return text
    return text.replace(home, "~") if len(home) > 1 else text

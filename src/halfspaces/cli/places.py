"""Folders as they are shown: without the name of the user."""

from pathlib import Path


def place(path: Path | str) -> str:
    """A path in which the user's folder is `~`.

    >>> place(Path.home() / "photos")
    '~/photos'
    >>> place("/usr")
    '/usr'
    """
    absolute = Path(path)
    try:
        inside = absolute.relative_to(Path.home())
    except (ValueError, RuntimeError):  # RuntimeError: there is no such folder
        return str(path)
    return str(Path("~") / inside)

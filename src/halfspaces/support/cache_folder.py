"""The folder for what was downloaded or decoded: the system's for caches, or the one that HALFSPACES_CACHE names."""

import os
from pathlib import Path

VARIABLE = "HALFSPACES_CACHE"


def folder(*parts: str) -> Path:
    """A folder within it, which need not exist yet.

    >>> folder("data").name
    'data'
    """
    import platformdirs

    given = os.environ.get(VARIABLE)
    return (
        Path(given or platformdirs.user_cache_dir("halfspaces", appauthor=False))
        .expanduser()
        .joinpath(*parts)
    )

"""The folder for downloads, decoded images and large arrays."""

import os
from pathlib import Path

VARIABLE = "HALFSPACES_CACHE"


def folder(*parts: str) -> Path:
    """A folder within the system's for caches, or within HALFSPACES_CACHE; it may not exist yet.

    >>> folder("data").name
    'data'
    """
    import platformdirs

    root = os.environ.get(VARIABLE) or platformdirs.user_cache_dir("halfspaces", appauthor=False)
    return Path(root).expanduser().joinpath(*parts)

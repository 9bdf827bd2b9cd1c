"""Whether a folder has images, by the names of its files."""

import os
from itertools import islice
from pathlib import Path

from halfspaces.datasets.files.source import is_junk
from halfspaces.datasets.formats import decode_image

FIRST_FILES = 10_000  # of a folder, among which an image is looked for


def has_image(folder: Path) -> bool:
    """Whether one of the first files below a folder is named like an image."""
    names = (name for _, _, names in os.walk(folder, followlinks=True) for name in names)
    return any(
        name.lower().endswith(decode_image.SUFFIXES) and not is_junk(name)
        for name in islice(names, FIRST_FILES)
    )

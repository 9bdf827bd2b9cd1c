"""Descriptions in JSON beside arrays: one object, of limited size."""

import json
from pathlib import Path
from typing import Any

from halfspaces.datasets.files import compressed
from halfspaces.system.errors import DataError

LARGEST = 1 << 26  # bytes


def read(path: Path, largest: int = LARGEST) -> dict[str, Any]:
    """The object in the file; DataError if it is too large, damaged, or no object."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= largest else b""
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if size > largest:
        raise DataError(f"{path} has {size:,} bytes, too many for a description; save it again.")
    with compressed.decoding(path, "JSON", ValueError, RecursionError):
        value = json.loads(content)
    if not isinstance(value, dict):
        raise DataError(f"{path} holds no JSON object; save the data set again.")
    return value

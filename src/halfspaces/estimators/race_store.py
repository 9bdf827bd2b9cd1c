"""The scores of a race on disk, so that a race that was killed goes on where it was."""

import hashlib
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.system.atomic import FileError, write_whole
from halfspaces.system.cache_folder import folder
from halfspaces.tuning.race import Entry


@dataclass(frozen=True, eq=False)
class RaceStore:
    """A JSON file for each candidate and round of a race.

    Parameters
    ----------
    place : path
        Its folder: one for each race.
    enter : callable
        Scores a candidate that is not stored.
    """

    place: Path
    enter: Callable[[str, int], Entry]

    @classmethod
    def of(cls, enter: Callable[[str, int], Entry], *what: object) -> "RaceStore":
        """The store of a race, which all of `what` identifies: data, options, version."""
        digest = hashlib.blake2b(repr(what).encode(), digest_size=12).hexdigest()
        return cls(folder("races", digest), enter)

    def __call__(self, name: str, count: int) -> Entry:
        """The stored entry; else score the candidate and store it."""
        path = self.place / f"{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}-{count}"
        stored = _read(path)
        if stored is not None:
            return stored
        entry = self.enter(name, count)
        with suppress(OSError, FileError):  # a full disk does not end the race
            self.place.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(_as_json(entry)).encode())
        return entry


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "rows": entry.rows,
        "right": entry.right.tolist(),
        "weight": entry.weight.tolist(),
        "strength": entry.strength,
        "seconds": entry.seconds,
    }


def _read(path: Path) -> Entry | None:
    """The entry in a file; None if there is none, or a damaged one."""
    try:
        found = json.loads(path.read_bytes())
        found["right"] = np.array(found["right"], float)
        found["weight"] = np.array(found["weight"], float)
        return Entry(**found)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        logging.getLogger(__name__).debug("%s is damaged", path)
        return None

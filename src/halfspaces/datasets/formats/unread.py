"""Which files of data in a folder are not used: they may be what the user meant."""

from collections.abc import Callable
from pathlib import Path

from halfspaces.datasets.files import tar
from halfspaces.datasets.formats import arrow, csv, json_lines, parquet
from halfspaces.system.errors import listed
from halfspaces.system.mark import HISTORY

ARRAYS = (".npz", ".npy", ".safetensors", ".pt", ".pth", ".h5", ".hdf5")  # suffixes of their files
DATA = (
    *ARRAYS,
    *tar.SUFFIXES,
    *parquet.SUFFIXES,
    *arrow.SUFFIXES,
    *csv.SUFFIXES,
    *json_lines.SUFFIXES,
)


def note(path: Path, is_used: Callable[[str], object] = lambda _: False) -> tuple[str, ...]:
    """A line on the files of data in a folder that are not used, by name, if there are any.

    The history of a training is no data. There is no line where `path` is a file.
    """
    files = path.iterdir() if path.is_dir() else ()
    names = sorted(file.name for file in files if file.name.lower().endswith(DATA))
    unread = [name for name in names if not name.endswith(HISTORY) and not is_used(name)]
    return (f"not used: {listed(unread, 3)}",) if unread else ()

"""Names of other projects that docstrings mention, and where their documentation has them.

Sphinx would fetch a list of all names from each project's site, and fail without a network. The
few that are needed stand in `inventories/`, a file for each project: its address, then a kind, a
name and a page in a line; $ stands for the name.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "inventories"
HEADER = """# Sphinx inventory version 2
# Project: {project}
# Version:
# The remainder of this file is compressed using zlib.
"""


class Name(NamedTuple):
    """A name and its place."""

    kind: str
    name: str
    page: str


def names_in(path: Path) -> Iterator[Name]:
    """The names of a project."""
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        kind, name, page = line.split()
        yield Name(kind, name, page.replace("$", name))


def names() -> list[str]:
    """The names of all projects."""
    return [each.name for path in sorted(FOLDER.glob("*.txt")) for each in names_in(path)]


def write(folder: Path) -> dict[str, tuple[str, str]]:
    """Write the names as Sphinx reads them; the value of `intersphinx_mapping`."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping: dict[str, tuple[str, str]] = {}
    for path in sorted(FOLDER.glob("*.txt")):
        address = path.read_text(encoding="utf-8").partition("\n")[0]
        lines = [f"{each.name} py:{each.kind} 1 {each.page} -\n" for each in names_in(path)]
        written = folder / f"{path.stem}.inv"
        head = HEADER.format(project=path.stem).encode()
        written.write_bytes(head + zlib.compress("".join(lines).encode()))
        mapping[path.stem] = (address, str(written))
    return mapping

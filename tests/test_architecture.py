"""docs/architecture.md is true: its rooms, imports run down only, its files and names exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import halfspaces

SOURCE = Path(halfspaces.__file__).parent
PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROOM = re.compile(r"\b(\w+/|\w+\.py)(?=\s|$)")
ROW = re.compile(r"^\| (?P<what>.+) \| `(?P<path>[\w/]+\.py)` \| (?P<names>.+) \|$", re.MULTILINE)
ENTRY_POINTS = {"__init__", "__main__"}  # of the package; they import whatever they show


def floors():
    """The number of the floor of each room, counted from the top of the picture."""
    picture = TEXT.split("```text\n")[1].split("```")[0]
    return {
        room.removesuffix("/").removesuffix(".py"): floor
        for floor, line in enumerate(picture.splitlines())
        for room in ROOM.findall(line)
    }


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def module_name(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in SOURCE.rglob("*.py")}


def imported(path):
    """The modules of the package that a file imports, also within functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("halfspaces."))
        elif isinstance(node, ast.ImportFrom) and node.module == "halfspaces":
            homes = halfspaces._HOMES  # of the names that the package itself exports
            yield from (f"halfspaces.{homes.get(alias.name, alias.name)}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("halfspaces."):
            yield node.module


def room_of(module):
    return module.removeprefix("halfspaces.").split(".")[0]


def definitions(body):
    """Names that statements define, also under `if` and `try`, with what they define."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from (
                    (name.id, node) for name in ast.walk(target) if isinstance(name, ast.Name)
                )
        elif isinstance(node, ast.If | ast.Try):
            yield from definitions([*node.body, *node.orelse])


def defines(path, name):
    """Whether a file defines a name at its top level, or `Class.method` in it."""
    body = tree(path).body
    for part in name.split("."):
        found = dict(definitions(body)).get(part)
        if found is None:
            return False
        body = getattr(found, "body", [])
    return True


def test_the_picture_shows_every_room():
    there = {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert set(floors()) == there - ENTRY_POINTS


def test_every_room_is_described():
    described = TEXT.split("| room | what it holds |")[1].split("\n\n")[0]
    assert {
        room.strip("/").removesuffix(".py") for room in re.findall(r"`([\w/.]+?)`", described)
    } >= set(floors())


def test_imports_run_down_only():
    floor = floors()
    up = [
        f"{name} imports {module}"
        for name, path in MODULES.items()
        for module in imported(path)
        if room_of(name) in floor and room_of(module) != room_of(name)
        if floor.get(room_of(module), -1) <= floor[room_of(name)]
    ]
    assert up == []


@pytest.mark.parametrize("row", list(ROW.finditer(TEXT)), ids=lambda row: row["what"][:40])
def test_files_and_names_exist(row):
    path = SOURCE / row["path"]
    assert path.is_file()
    names = re.findall(r"`([\w.]+)`", row["names"])
    assert names
    missing = [name for name in names if not defines(path, name)]
    assert missing == []

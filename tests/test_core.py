"""The core: what it consists of, and that it imports nothing else."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import halfspaces

SOURCE = Path(halfspaces.__file__).parent
ROOMS = {
    "losses",
    "penalties",
    "rows",
    "scores",
    "request",
    "objective",
    "certificate",
    "loop",
    "support",
}
HEAVY = {"numba", "sklearn", "rich", "torch", "matplotlib", "typer", "PIL"}
LIMIT = 2250  # lines of code


def module_name(path):
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


FILES = {
    module_name(path): path
    for path in SOURCE.rglob("*.py")
    if path.relative_to(SOURCE).parts[0].removesuffix(".py") in ROOMS
}


def lines_of_code(path):
    """The number of lines without blank lines, comments and docstrings."""
    text = path.read_text(encoding="utf-8")
    lines = enumerate((line.strip() for line in text.splitlines()), start=1)
    code = {number for number, line in lines if line and not line.startswith("#")}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            docstring = node.body[0]
            code -= set(range(docstring.lineno, docstring.end_lineno + 1))
    return len(code)


def test_the_core_imports_nothing_else():
    statements = [f"import {name}" for name in FILES]
    statements += ["import json, sys", "print(json.dumps(list(sys.modules)))"]
    command = [sys.executable, "-c", "\n".join(statements)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = set(json.loads(run.stdout))
    own = {name for name in modules if name.split(".")[0] == "halfspaces"}
    assert own == {"halfspaces", *FILES}
    assert modules & HEAVY == set()


def test_the_core_is_read_in_one_sitting():
    assert sum(map(lines_of_code, FILES.values())) <= LIMIT

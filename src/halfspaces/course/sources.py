"""Hand-ins as they are read: Python files and notebooks, and which exercise they are."""

import ast
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from halfspaces.course.findings import Failure, Remark

MARK = re.compile(r"course: (?P<exercise>\w+) \((?P<language>\w+)\)")
MOST_BYTES = 1 << 22
SUFFIXES = (".py", ".ipynb")
NOT_PYTHON = re.compile(r"^\s*[%!?]|\?$")  # magics and commands of notebooks


@dataclass(frozen=True)
class Source:
    """The code of a hand-in.

    Attributes
    ----------
    path : Path
        Of the file.
    text : str
        Python code; that of a notebook's cells one after another.
    cells : tuple of int
        The line before each cell's first line, for a notebook; else empty.
    """

    path: Path
    text: str
    cells: tuple[int, ...] = ()

    def place(self, line: int) -> tuple[int, int]:
        """The cell (0: no notebook) and the line in it, of a line of the text."""
        cell = sum(start < line for start in self.cells)
        return (cell, line - self.cells[cell - 1]) if cell else (0, line)

    def mark(self) -> tuple[str, str] | None:
        """The exercise and the language that the first line of a stub names."""
        found = MARK.search(self.text)
        return None if found is None else (found["exercise"], found["language"])

    def functions(self) -> Mapping[str, int]:
        """The functions that the text defines, with their lines; none if it is no Python."""
        try:
            body = ast.parse(self.text).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return {}
        return {node.name: node.lineno for node in body if isinstance(node, ast.FunctionDef)}


def read(path: Path) -> Source:
    """Read a hand-in.

    Raises
    ------
    Failure
        If it is empty, or neither text in UTF-8 nor a notebook.
    """
    with open(path, "rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if not content.strip():
        raise Failure(Remark("empty"))
    kind = "Jupyter" if path.suffix == ".ipynb" else "UTF-8"
    try:
        if len(content) > MOST_BYTES:
            raise ValueError
        text = content.decode("utf-8-sig")
        if path.suffix == ".ipynb":
            return _of_cells(path, json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Failure(Remark("unreadable", {"what": kind})) from None
    return Source(path, text)


def _of_cells(path: Path, notebook: Mapping[str, object]) -> Source:
    cells = notebook["cells"]
    if not isinstance(cells, list):
        raise TypeError
    lines: list[str] = []
    starts: list[int] = []
    for cell in cells:
        starts.append(len(lines))
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            lines += _python(text.split("\n"))
        elif MARK.search(text):
            lines += [f"# {line}" for line in text.split("\n")]
    return Source(path, "\n".join(lines) + "\n", tuple(starts))


def _python(lines: Iterable[str]) -> list[str]:
    """The lines of a cell; what is no Python becomes a comment."""
    kept = list(lines)
    if kept and kept[0].startswith("%%"):
        return [f"# {line}" for line in kept]
    return [f"# {line}" if NOT_PYTHON.search(line) else line for line in kept]


def exercise_of(source: Source, functions: Mapping[str, Collection[str]]) -> str | None:
    """Which exercise a hand-in is: by its mark, its functions, or its name.

    `functions` are those of each exercise.
    """
    mark = source.mark()
    if mark is not None and mark[0] in functions:
        return mark[0]
    defined = set(source.functions())
    best = max(functions, key=lambda name: len(defined & set(functions[name])))
    if defined & set(functions[best]):
        return best
    return exercise_by_name(source.path, functions)


def exercise_by_name(path: Path, names: Iterable[str]) -> str | None:
    """The exercise whose name is the end of the name of a file, as in alice_svm_loss.py.

    >>> exercise_by_name(Path("alice_svm_loss.py"), ["sgd", "svm_loss"])
    'svm_loss'
    """
    return next((name for name in names if path.stem.endswith(name)), None)

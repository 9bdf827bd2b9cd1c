"""The exercises: a template and the checks of each; stubs, solutions and notebooks of them."""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from types import MappingProxyType

from halfspaces.course.judges import (
    features,
    gradient_check,
    random_search,
    sgd,
    softmax_loss,
    svm_loss,
)
from halfspaces.course.judges.results import Check
from halfspaces.course.texts import Texts

PLACE = re.compile(r"<<(?P<kind>name )?(?P<key>[\w.]+)>>")
ALONE = re.compile(r"^(?P<start>[ #]*)<<(?P<key>[\w.]+)>>$")
BODY = "    <<body>>"


@dataclass(frozen=True)
class Exercise:
    """An exercise.

    Parameters
    ----------
    name : str
        Also that of its files, without their endings.
    checks : mapping of names to checks
        Each is one point; a name is that of a function and an aspect, "svm_loss_naive.loss".
    """

    name: str
    checks: Mapping[str, Check]

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions to be written."""
        return tuple(dict.fromkeys(check.partition(".")[0] for check in self.checks))

    def stub(self, language: str) -> str:
        """The file for students: everything but the bodies."""
        words = Texts(language)["readme.write"]
        return self._file(language, lambda name: [f'raise NotImplementedError("{name}: {words}")'])

    def solution(self, language: str) -> str:
        """The file with the bodies."""
        return self._file(language, self._body)

    def _body(self, function: str) -> list[str]:
        module = import_module(f"halfspaces.course.solutions.{self.name}")
        lines = inspect.getsource(getattr(module, function)).splitlines()
        tree = ast.parse("\n".join(lines)).body[0]
        assert isinstance(tree, ast.FunctionDef)
        return textwrap.dedent("\n".join(lines[tree.body[1].lineno - 1 :])).splitlines()

    def _file(self, language: str, body: Callable[[str], list[str]]) -> str:
        words = Texts(language)
        mark = f"# course: {self.name} ({language}) - {words['readme.keep']}\n\n"
        lines: list[str] = []
        names = iter(self.functions)
        for line in template(self.name).splitlines():
            if line == BODY:
                lines += [f"    {each}".rstrip() for each in body(next(names))]
            else:
                lines += filled(line, words)
        return mark + "\n".join(lines) + "\n"


def template(name: str) -> str:
    """The text of a template."""
    return files("halfspaces.course").joinpath("exercises", f"{name}.txt").read_text("utf-8")


def filled(line: str, words: Texts, names: Mapping[str, str] | None = None) -> list[str]:
    """A line with texts in its places; a text alone on its line may have several lines."""
    alone = ALONE.match(line)
    if alone:
        start = alone["start"]
        return [f"{start}{each}".rstrip() for each in words[alone["key"]].split("\n")]
    return [PLACE.sub(lambda found: _put(found, words, names or {}), line)]


def _put(found: re.Match[str], words: Texts, names: Mapping[str, str]) -> str:
    return names[found["key"]] if found["kind"] else words[found["key"]]


def notebook(text: str) -> str:
    r"""A notebook, as JSON, of a file whose cells begin with `# %%`.

    >>> notebook("# %% [markdown]\n# # Title\n\n# %%\nx = 1\n").count('"cell_type"')
    2
    """
    mark, *parts = re.split(r"^# %%", text, flags=re.MULTILINE)
    cells = [_markdown(0, mark.strip().removeprefix("# "))] if mark.strip() else []
    for part in parts:
        head, _, content = part.partition("\n")
        number = len(cells)
        if "markdown" in head:
            lines = [line.removeprefix("#").removeprefix(" ") for line in content.splitlines()]
            cells.append(_markdown(number, "\n".join(lines).strip()))
        else:
            code = {"cell_type": "code", "execution_count": None, "outputs": []}
            cells.append({**code, **_cell(number, content.strip())})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _markdown(number: int, text: str) -> dict[str, object]:
    return {"cell_type": "markdown", **_cell(number, text)}


def _cell(number: int, text: str) -> dict[str, object]:
    return {"id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}


EXERCISES: Mapping[str, Exercise] = MappingProxyType(
    {
        name: Exercise(name, MappingProxyType(checks))
        for name, checks in {
            "svm_loss": svm_loss.CHECKS,
            "softmax_loss": softmax_loss.CHECKS,
            "gradient_check": gradient_check.CHECKS,
            "random_search": random_search.CHECKS,
            "sgd": sgd.CHECKS,
            "features": features.CHECKS,
        }.items()
    }
)
FUNCTIONS = MappingProxyType({each.name: each.functions for each in EXERCISES.values()})


def course_files(language: str, *, solutions: bool, notebooks: bool) -> Iterator[tuple[str, str]]:
    """The names and texts of all files of a course: exercises, and for students a README."""
    ending = ".ipynb" if notebooks else ".py"
    for exercise in EXERCISES.values():
        text = exercise.solution(language) if solutions else exercise.stub(language)
        yield exercise.name + ending, notebook(text) if notebooks else text
    if not solutions:
        words = Texts(language)
        names = {name: f"{name}{ending}" for name in EXERCISES}
        lines = template("README").splitlines()
        yield (
            "README.md",
            "\n".join(each for line in lines for each in filled(line, words, names)) + "\n",
        )

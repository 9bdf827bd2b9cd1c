"""The exercises run as plain Python and as notebooks: a solution passes, a stub says what to do."""

import ast
import json

import numpy as np
import pytest

from halfspaces.course.checking import check
from halfspaces.course.exercises import EXERCISES, course_files
from halfspaces.course.sources import read
from halfspaces.course.texts import texts
from halfspaces.losses.hinge import Hinge
from halfspaces.system.words import LANGUAGES

KINDS = pytest.mark.parametrize("notebooks", [False, True], ids=["python", "notebook"])


def written(folder, language, *, solutions, notebooks):
    files = dict(course_files(language, solutions=solutions, notebooks=notebooks))
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files if not name.endswith(".md")]


def run(path):
    """Run a file, or the cells of a notebook one after another, as the main program."""
    cells = [path.read_text(encoding="utf-8")]
    if path.suffix == ".ipynb":
        notebook = json.loads(cells[0])
        cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    namespace = {"__name__": "__main__"}
    for cell in cells:
        exec(compile(cell, str(path), "exec"), namespace)


@pytest.mark.parametrize(
    ("language", "notebooks"),
    [
        ("en", False),
        ("zh", True),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (("en", True), ("zh", False), ("ko", False), ("ko", True))
        ),
    ],
)
def test_solutions_run_and_stubs_say_what_to_do(language, notebooks, tmp_path, capsys):
    for path in written(tmp_path, language, solutions=True, notebooks=notebooks):
        run(path)
    assert "5.2667 (5.2667)" in capsys.readouterr().out
    for path in written(tmp_path, language, solutions=False, notebooks=notebooks):
        with pytest.raises(NotImplementedError, match=texts(language)["readme.write"]):
            run(path)


@KINDS
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_solution_passes_and_each_stub_is_not_done(language, notebooks, tmp_path):
    names = list(EXERCISES) if language == "en" else ["svm_loss"]
    for solutions, outcome in ((True, "right"), (False, "not done")):
        for path in written(tmp_path, language, solutions=solutions, notebooks=notebooks):
            if path.stem in names:
                checked = check(path)
                assert checked.language == language
                assert checked.outcome == outcome, (path, checked.findings)
                assert checked.points == (checked.most if solutions else 0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_functions_of_stubs_are_a_docstring_and_an_error(language):
    for exercise in EXERCISES.values():
        functions = {
            node.name: node.body
            for node in ast.parse(exercise.stub(language)).body
            if isinstance(node, ast.FunctionDef)
        }
        assert set(functions) == set(exercise.functions)
        for body in functions.values():
            assert [type(statement) for statement in body] == [ast.Expr, ast.Raise]
        assert len(exercise.solution(language)) > len(exercise.stub(language))


def test_notebooks_are_valid(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    for solutions in (True, False):
        for path in written(tmp_path, "zh", solutions=solutions, notebooks=True):
            nbformat.validate(nbformat.read(path, as_version=4))


def test_lines_of_notebooks_have_their_cells(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["course: sgd (ko) - keep\n"], "metadata": {}},
        {"cell_type": "code", "source": "%matplotlib inline\n!pip install x\nimport os"},
        {"cell_type": "code", "source": ["def sgd():\n", "    return 1"]},
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    source = read(tmp_path / "a.ipynb")
    assert source.mark() == ("sgd", "ko")
    assert source.place(source.functions()["sgd"]) == (3, 1)
    checked = check(tmp_path / "a.ipynb")
    assert {checked.place(finding) for finding in checked.findings} == {(2, 3)}
    assert {finding.remark.key for finding in checked.findings} == {"import"}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b'{"cells": [1]}', b"[]", b'{"cells": {}}'])
def test_files_that_are_no_notebooks_have_a_verdict(content, tmp_path):
    path = tmp_path / "svm_loss.ipynb"
    path.write_bytes(content)
    (finding,) = check(path).findings
    assert finding.remark.key == "unreadable"


def test_examples_by_hand_are_those_of_the_library():
    W = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    losses = Hinge().value_and_grad(W, np.arange(3))[0]
    np.testing.assert_allclose(losses, [2.9, 0, 12.9])
    assert "2.9 + 0 = 2.9" in texts("en")["svm_loss_naive.by_hand"]

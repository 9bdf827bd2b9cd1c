"""`halfspaces gradcheck FILE.py:NAME`: the diagnosis, JSON, exit codes, and faults of the file."""

import json
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "my_losses.py"
FILE = """
import numpy as np
import helper

W = [1.0, 2.0, 3.0]

def right(W):
    return (W**2).sum(), 2 * W

def twice(W):
    return (W**2).sum(), 4 * W

def value(W):
    return (W**2).sum()

def slope(W):
    return helper.TWO * W

def nested():
    return lambda V: (V["a"][0] @ V["a"][0], {"a": [2 * V["a"][0]]}), {"a": [np.ones(2)]}

def random(W):
    return (W**2).sum() * np.random.default_rng().random(), 2 * W

def bug(W, X, y):
    return missing, W

def loud(W):
    print("loud")
    return (W**2).sum(), 2 * W

def ends(W):
    import sys
    sys.exit(1)

b = np.zeros(2)

def both(W, b):
    print("called")
    return W @ W + b @ b, 2 * W, 2 * b
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The file, with a module that it imports, in the current folder."""
    (tmp_path / "helper.py").write_text("TWO = 2")
    (tmp_path / "losses.py").write_text(FILE)
    (tmp_path / "helper.png").write_text("another picture")
    (tmp_path / "broken.py").write_text("def loss(W:\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("losses.py:right", 0, "right(W): right"),
        ("losses.py:twice", 1, "Likely bug: The ratio analytic/numerical is 2 everywhere"),
        ("losses.py:value --gradient slope", 0, "3 coordinates of W agree"),
        ("losses.py:nested", 0, "2 coordinates of a[0] agree"),
        ("losses.py:random", 3, "Whether the gradient is right cannot be told"),
        ("losses.py:right --show", 0, "2.0001"),
        ("losses.py:both", 0, "2 coordinates of b agree"),
    ],
)
def test_verdicts_are_printed_and_are_exit_codes(run, command, code, words):
    ended = run("gradcheck", *command.split())
    assert ended.code == code, ended
    assert words in " ".join(ended.out.split())


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("losses.py", ["FILE.py:NAME", "'losses.py'"]),
        ("other.py:loss", ["other.py is no Python file"]),
        ("losses.py:rigth", ["no function 'rigth'", "did you mean 'right'"]),
        ("losses.py:value", ["value(W) returns no gradient"]),
        ("losses.py:bug", ["losses.py, line 26: NameError: name 'missing' is not defined"]),
        ("losses.py:ends", ["losses.py ended the program"]),
        ("losses.py:right --plot-steps helper.png", ["--plot-steps helper.png", "--overwrite"]),
        ("broken.py:loss", ["broken.py, line 1:"]),
        ("losses.py:right --tolerance 2", ["tolerance"]),
        ("losses.py:right --plot-errors e.gif", [".svg"]),
        ("--json", ["--json is for a function of yours"]),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(refused, command, words):
    refused(["gradcheck", *command.split()], *words)


def test_json_is_complete_and_names_the_bug(run):
    ended = run("gradcheck", f"{EXAMPLES}:svm_loss", "--json")
    diagnosis = json.loads(ended.out)
    assert ended.code == diagnosis["exit_code"] == 1
    assert diagnosis["outcome"] == "wrong"
    assert diagnosis["hints"][0]["name"] == "margin at y"
    parts = {part["name"]: part for part in diagnosis["parts"]}
    assert [parts[name]["outcome"] for name in ("data loss", "penalty")] == ["wrong", "right"]
    first = parts["data loss"]["coordinates"][0]
    keys = ("name", "at", "analytic", "numerical", "bound", "error", "outcome", "kink")
    assert tuple(first) == keys


@pytest.mark.usefixtures("file")
def test_what_the_function_prints_is_not_in_the_json(run):
    ended = run("gradcheck", "losses.py:loud", "--json")
    assert json.loads(ended.out)["outcome"] == "right"
    assert "loud" in ended.err


def test_the_example_of_the_lecture_is_shown_without_a_file(run):
    ended = run("gradcheck", "--show")
    assert ended.code == 0
    for figure in ("1.25347", "0.3401", "1.25322", "-2.5", "1.25353", "0.6"):
        assert figure in ended.out

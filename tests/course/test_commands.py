"""`halfspaces course`: what it writes and refuses, and its exit codes."""

import json

import pytest

from halfspaces.course.exercises import EXERCISES
from halfspaces.course.marks import hand_ins
from halfspaces.course.texts import texts
from tests.course.hand_ins import CLASS, WRONG


@pytest.mark.parametrize("arguments", [(), ("--language", "ko", "--notebooks")])
def test_new_writes_stubs_and_replaces_nothing(run, refused, tmp_path, arguments):
    folder = tmp_path / "made" / "course"
    assert run("course", "new", folder, *arguments).code == 0
    ending = ".ipynb" if arguments else ".py"
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        *(name + ending for name in EXERCISES),
    }
    before = {path: path.read_bytes() for path in folder.iterdir()}
    again = ("course", "new", folder, *arguments)
    refused(again, f"svm_loss{ending} exists; give another name, or --overwrite")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert run(*again, "--overwrite").code == 0


def test_check_says_what_is_right_what_is_wrong_and_why(run, tmp_path):
    right, wrong, stub = (tmp_path / name for name in ("a.py", "b.py", "svm_loss.py"))
    right.write_text(CLASS["right_svm"].source, encoding="utf-8")
    wrong.write_text(WRONG["margin_at_y_in_the_gradient"].source, encoding="utf-8")
    stub.write_text(EXERCISES["svm_loss"].stub("zh"), encoding="utf-8")
    ended = run("course", "check", right)
    assert ended.code == 0
    assert "a.py: right, 5 of 5" in ended.out
    ended = run("course", "check", wrong)
    assert ended.code == 1
    assert "wrong  svm_loss_vectorized: the gradient, line " in ended.out
    assert "the margin at j = y was counted; leave j = y out" in ended.out
    ended = run("course", "check", stub)
    assert ended.code == 1
    assert texts("zh")["remark.not_done"] in ended.out
    ended = run("course", "check", right, wrong, "--language", "ko", "--json")
    assert ended.code == 1
    first, second = json.loads(ended.out)
    assert (first["outcome"], second["outcome"]) == ("right", "wrong")
    assert second["checks"][3]["hint"] == "margin at y"
    assert second["checks"][3]["remark"] == texts("ko")["hint.margin_at_y"]


def test_bad_input_is_one_sentence(refused, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "none").mkdir()
    refused(("course", "check", tmp_path / "no.py"), "There is no file")
    refused(("course", "check", tmp_path / "a.txt"), "is no .py or .ipynb file")
    refused(("course", "check", tmp_path / "none"), "has no .py or .ipynb file")
    refused(("course", "check", tmp_path / "a.txt", "--exercise", "sgb"), "did you mean 'sgd'")
    refused(("course", "grade", tmp_path / "no"), "is no folder")
    refused(("course", "grade", tmp_path / "none"), "has no hand-ins")
    refused(("course", "new", tmp_path / "a.txt"), "cannot be a folder")
    refused(("course", "new", tmp_path / "b", "--language", "fr"), "'fr' is not known")


def test_students_are_folders_or_names_of_files(tmp_path):
    for name in ("bob/sgd.py", "bob/.hidden.py", "bob/deep/x.ipynb", "eve_svm_loss.py", "a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "zoe").mkdir()
    found = {student: [path.name for path in own] for student, own in hand_ins(tmp_path).items()}
    assert found == {"bob": ["x.ipynb", "sgd.py"], "eve": ["eve_svm_loss.py"], "zoe": []}

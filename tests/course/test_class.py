"""A class of hand-ins: each verdict is right, names the place, and nothing deceives the grader."""

import csv
import io
import json
import os

import numpy as np
import pytest

from halfspaces.course.checking import check
from halfspaces.course.child import wire
from halfspaces.course.exercises import EXERCISES
from halfspaces.course.findings import Failure
from halfspaces.course.process import HandInProcess, Limits
from halfspaces.course.texts import DOCTOR
from tests.course.hand_ins import CLASS, HARMFUL_TOO, WRONG

LIMITS = Limits(seconds=2)
QUICK = ("right_svm", "loops_over_classes", "margin_at_y", "margin_at_y_in_the_gradient")
QUICK += ("a_loop_over_examples", "labels_of_other_rows", "prints_garbage", "hides_the_import")
QUICK += ("replaces_numpy", "writes_into_the_channel", "half_done", "empty")
EACH = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
    for name in (*CLASS, *HARMFUL_TOO)
]


def keys(findings):
    """The checks that are not right, with the keys of their remarks, or the doctor's hints."""
    remarks = {finding.check: finding.remark for finding in findings if finding.remark is not None}
    return {
        name: remark.values["hint"] if remark.key == DOCTOR else remark.key
        for name, remark in remarks.items()
    }


@pytest.mark.parametrize("name", EACH)
def test_a_verdict_is_right_and_names_the_place(name, tmp_path):
    made = {**CLASS, **HARMFUL_TOO}[name]
    path = tmp_path / f"{name}.py"
    path.write_text(made.source, encoding="utf-8")
    checked = check(path, limits=LIMITS)
    assert checked.exercise == made.exercise
    assert keys(checked.findings) == made.wrong
    wrong = [finding for finding in checked.findings if finding.verdict != "right"]
    assert checked.points == checked.most - len(wrong) or name == "empty"
    lines = made.source.splitlines()
    assert all(0 <= finding.line <= len(lines) for finding in wrong)
    if made.line:
        assert any(made.line in lines[finding.line - 1] for finding in wrong if finding.line)


@pytest.mark.slow
def test_thirty_hand_ins_are_graded_by_one_command(run, tmp_path):
    assert len(CLASS) >= 30
    assert len(WRONG) >= 20
    folder = tmp_path / "class"
    for name, made in CLASS.items():
        (folder / name).mkdir(parents=True)
        path = folder / name / f"{made.exercise or 'work'}.py"
        path.write_text(made.source, encoding="utf-8")
    outputs = ("--csv", tmp_path / "marks.csv", "--json", tmp_path / "marks.json")
    ended = run("course", "grade", folder, *outputs, "--seconds", 2)
    assert ended.code == 0, ended
    rows = list(csv.DictReader(io.StringIO((tmp_path / "marks.csv").read_text("utf-8-sig"))))
    marks = json.loads((tmp_path / "marks.json").read_text(encoding="utf-8"))
    assert [row["student"] for row in rows] == sorted(CLASS)
    assert len(marks["students"]) == len(CLASS)
    for row, student in zip(rows, marks["students"], strict=True):
        made = CLASS[student["student"]]
        (hand_in,) = student["hand_ins"]
        found = {
            each["check"]: each["hint"] or each["look_at"]
            for each in hand_in["checks"]
            if each["verdict"] != "right"
        }
        assert found == made.wrong, student
        assert all(each["remark"] for each in hand_in["checks"] if each["verdict"] != "right")
        assert int(row["points"]) == student["points"] == hand_in["points"]
        assert bool(row["remarks"]) == bool(made.wrong)


def test_every_seed_has_data_that_a_solution_passes(tmp_path):
    for name, exercise in EXERCISES.items():
        path = tmp_path / f"{name}.py"
        path.write_text(exercise.solution("en"), encoding="utf-8")
        for seed in (1, 12345):
            assert check(path, seed=seed).outcome == "right", (name, seed)


def called(source, *arguments, **options):
    with HandInProcess(source, "handin.py", LIMITS) as process:
        return process.call("f", *arguments, **options)


def test_calls_return_values_what_changed_and_how_often_lines_ran():
    source = "def f(W, g):\n    for row in W:\n        row += 1\n    return {'sum': (g(W), 2.5)}"
    returned = called(source, np.ones((3, 2)), lambda W: W.sum(), count=True)
    value = returned.value
    assert value == {"sum": (np.array(12.0), 2.5)}
    assert returned.changed == (0,)
    assert returned.lines[3] == 3


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("import numpy as np\ndef f(): np.save('/tmp/x.npy', np.ones(2))", "file"),
        ("def f(): return (0).__class__.__base__.__subclasses__()[140].__init__.__globals__", None),
        (
            "def f():\n    try: import socket\n    except BaseException: pass\n    return 1",
            "import",
        ),
        ("def f(): print('x' * 2_000_000)", "output"),
        ("def f(): raise SystemExit(0)", "exit"),
        ("def f():\n    while True: pass", "time"),
        ("import ctypes", "import"),
        ("def f(): return 10 ** 5000", None),
        ("def f():\n    x = []\n    x.append(x)\n    return x", None),
    ],
)
def test_what_a_hand_in_may_not_do_has_a_name(source, key):
    if key is None:
        called(source)
        return
    with pytest.raises(Failure) as failed:
        called(source)
    assert failed.value.remark.key == key


def test_nothing_is_left_of_a_hand_in():
    with HandInProcess("def f(): open('a', 'w').write('x')", "handin.py", LIMITS) as process:
        process.call("f")
        assert os.listdir(process._folder) == ["a"]
    assert process._process.poll() is not None
    assert not os.path.exists(process._folder)


@pytest.mark.parametrize(
    "message",
    [b"", b"\0" * 8, b"\xff" * 40, wire.pack([1.5])[:-1], wire.pack(np.ones(3))[:-1]],
)
def test_bytes_that_are_no_message_are_refused(message):
    with pytest.raises(wire.WireError):
        wire.unpack(message)
    stream = io.BytesIO()
    wire.send(stream, b"nonce", {"a": 1})
    with pytest.raises(wire.WireError):
        wire.receive(io.BytesIO(stream.getvalue()), b"other")

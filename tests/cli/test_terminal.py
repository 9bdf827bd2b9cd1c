"""What strangers' names, labels, notes and files may do to a terminal: nothing."""

import io
import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import halfspaces
from halfspaces.cli import prediction_table
from halfspaces.files import safetensors_file
from halfspaces.files.components import encode
from tests.helpers import DIGITS, npz

HOSTILE = "\x1b[31mred\x1b]0;TITLE\x07\u202e\nnext\r\x9b[2J"


def harmless(ended, *words):
    """Whether nothing but line ends and printable characters was printed, and these words."""
    printed = ended.out + ended.err
    obeyed = {char for char in printed if unicodedata.category(char)[0] == "C"} - {"\n"}
    assert not obeyed, printed
    assert "next" not in {line.split(" ")[0] for line in printed.splitlines()}
    assert [word for word in words if word not in printed] == [], printed


@pytest.fixture
def labelled(tmp_path):
    """X of the digits with hostile labels, as .npz and .parquet in a folder of a hostile name."""
    names = np.array([f"{HOSTILE}{digit}" for digit in range(10)])
    X, y = DIGITS.X[:300].astype(float), names[DIGITS.y[:300]]
    columns = {f"f{i}": X[:, i] for i in range(64)}
    pa.parquet.write_table(pa.table({**columns, "label": y}), tmp_path / "given.parquet")
    return npz(tmp_path / "given.npz", X=X, y=y), tmp_path / "given.parquet"


def test_labels_and_names_are_printed_without_codes(run, labelled, tmp_path):
    for data in labelled:
        model = tmp_path / f"{data.suffix[1:]}.safetensors"
        harmless(run("train", data, "--strength", 0.1, "--out", model), "red")
        harmless(run("evaluate", model, data), "red")
    pattern = tmp_path / "given*.parquet"
    harmless(run("train", pattern, "--engine", "threads", "--strength", 0.1), "red")
    harmless(run("compare", "--losses", "hinge,squared_hinge", "--data", data), "accuracy")
    harmless(run("data", "suspects", data, "--strengths", "1,0.1", "--level", 0.5), "red")
    harmless(run("probe", data, "--protocol", "mteb", "--test", f"{HOSTILE}={data}"), "accuracy")
    strange = tmp_path / f"a{HOSTILE}.npz"
    strange.write_bytes(labelled[0].read_bytes())
    harmless(run("train", strange, "--strength", 0.1), "a?[31mred")
    harmless(run("evaluate", model, strange), "red")
    for label in (HOSTILE, "a[bold]b[/x]"):
        harmless(run("train", labelled[1], "--label", label), "Error: ")
    harmless(run("info", tmp_path / HOSTILE), "Error: There is no model file")


def test_students_and_errors_of_hand_ins_are_printed_without_codes(run, tmp_path):
    student = tmp_path / "class" / f"=1+1{HOSTILE}"
    student.mkdir(parents=True)
    raises = f"def svm_loss_naive(W, X, y, reg):\n    raise ValueError({HOSTILE!r})\n"
    (student / "svm_loss.py").write_text(raises)
    ended = run("course", "grade", student.parent, "--csv", tmp_path / "m.csv")
    harmless(ended, "red", "ValueError")
    assert ended.code == 0
    assert "\n\"'=1+1" in (tmp_path / "m.csv").read_text("utf-8-sig")  # no formula
    harmless(run("course", "check", student), "red")


def test_notes_and_run_files_are_printed_without_codes(run, digits_model, tmp_path):
    model = tmp_path / "a.safetensors"
    halfspaces.save(halfspaces.load(digits_model), model)
    tensors, metadata = safetensors_file.read(model)
    metadata["version"] = HOSTILE
    metadata["fit"]["reason"] = HOSTILE
    notes = {"data": HOSTILE, "class_names": [HOSTILE + str(i) for i in range(10)]}
    metadata["notes"] = encode({**notes, "metrics": {HOSTILE: 0.5, "other": 10**400}})
    safetensors_file.write(model, tensors, metadata)
    harmless(run("info", model), "red", "50.00 %")
    harmless(run("evaluate", model, "digits"), "red")
    text = 'format = 1\n[data]\nlabel = "\\u001b[31m\\u202e"\n[loss]\nloss = "\\u001b]0;a\\u0007"\n'
    (tmp_path / "a.run.toml").write_text(text)
    harmless(run("train", "--run", tmp_path / "a.run.toml"), "Error: --loss ?]0;a? is not known")


def test_predictions_on_a_terminal_hold_no_codes_and_files_hold_all(
    run, labelled, tmp_path, monkeypatch
):
    data, _ = labelled
    run("train", data, "--strength", 0.1, "--out", tmp_path / "a.safetensors")
    run("predict", tmp_path / "a.safetensors", data, "--out", tmp_path / "p.csv")
    assert HOSTILE.encode() in (tmp_path / "p.csv").read_bytes()
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)
    with prediction_table._writer(None) as write:
        write({"row": np.arange(1), "label": np.array([HOSTILE])})
    assert terminal.getvalue() == "row,label\r\n0,?[31mred?]0;TITLE???next??[2J\r\n"

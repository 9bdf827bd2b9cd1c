"""`halfspaces probe`: what it prints, several test sets, and one sentence for what it refuses."""

import json

import numpy as np
import pytest

from halfspaces import datasets
from halfspaces.estimators.probes import probe
from tests.cli.test_outputs import run

DIGITS = datasets.open("digits")
QUICK = "--protocol mteb --repeats 2 --jobs 1"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = DIGITS.X, DIGITS.y
    np.savez("train.npz", X=X[:300], y=y[:300])
    np.savez("test.npz", X=X[300:400], y=y[300:400])
    np.savez("narrow.npz", X=X[300:400, :9], y=y[300:400])
    np.savez("new.npz", X=X[300:400], y=y[300:400] + 5)
    splits = {"X_val": X[300:500], "y_val": y[300:500], "X_test": X[500:600], "y_test": y[500:600]}
    np.savez("splits.npz", X=X[:300], y=y[:300], **splits)
    return tmp_path


def test_the_report_and_its_json_are_those_of_python(folder):
    result = probe(
        DIGITS.X[:300],
        DIGITS.y[:300],
        (DIGITS.X[300:400], DIGITS.y[300:400]),
        protocol="mteb",
        repeats=2,
        n_jobs=1,
    )
    shown = run(f"probe train.npz --test held=test.npz --out r.json {QUICK}")
    assert (shown.code, shown.err) == (0, "")
    for words in (
        "mteb: Muennighoff et al. 2023",
        "80 in the final fit; 2 runs",
        f"{100 * result.mean():.2f} %",
        "C = 1, λ = 0.00625",
        "every final fit is within its tolerance",
        "saved       r.json",
    ):
        assert words in shown.out
    printed = json.loads(run(f"probe train.npz --test held=test.npz --json {QUICK}").out)
    written = json.loads((folder / "r.json").read_text())
    assert printed["scores"] == written["scores"]
    (accuracy, f1) = printed["scores"]
    assert (accuracy["test"], accuracy["score"], f1["score"]) == ("held", "accuracy", "macro_f1")
    assert tuple(accuracy["values"]) == result.rows[0].values


def test_a_validation_split_chooses_and_each_test_set_is_scored(folder):
    command = "probe splits.npz --protocol vtab --shots 1,2 --repeats 2 --jobs 1"
    ended = run(f"{command} --test other=test.npz --json")
    content = json.loads(ended.out)
    assert [(row["test"], row["shots"]) for row in content["scores"]] == [
        (name, shots) for shots in (1, 2) for name in ("test", "other")
    ]
    assert [run["fitted"] for run in content["runs"]] == [10, 10, 20, 20]
    assert all(row["low"] <= row["mean"] <= row["high"] for row in content["scores"])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train.npz", "train.npz has no test rows; give --test NAME=PATH"),
        ("train.npz --test test.npz", "--test must be NAME=PATH, such as v2=v2.npz"),
        ("train.npz --test a=test.npz --test a=new.npz", "--test a is given twice"),
        ("splits.npz --test test=test.npz", "has test rows of this name"),
        ("train.npz --test a=narrow.npz", "The test set 'a' has 9 features a row"),
        ("train.npz --test a=new.npz", "has the label 14, which no training row has"),
        ("train.npz --test a=none.npz", "none.npz"),
        ("splits.npz --protocol clp", "protocol='clp' is not known: did you mean 'clip'?"),
        ("splits.npz --shots 1,x", "--shots must be a list such as 1,2,4, got '1,x'"),
        ("splits.npz --repeats 3", "repeats=3 would repeat one result"),
        ("splits.npz --protocol vtab", "takes 800 training rows, and there are 300"),
    ],
)
def test_what_is_refused_is_one_sentence(folder, command, message):
    ended = run(f"probe {command}")
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert ended.err.count("\n") == 1

"""`train` chooses λ on rows that it holds out."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import halfspaces
from halfspaces import LinearClassifierCV


def test_the_command_line_chooses_by_folds(run, tmp_path):
    model = tmp_path / "model.safetensors"
    asked = ("--strengths", "1,0.1", "--folds", "3", "--tol", "0.01")
    code, out, err = run("train", "digits", *asked, "--out", model)
    assert (code, err) == (0, "")
    dataset = halfspaces.datasets.open("digits")
    searched = LinearClassifierCV(strengths=[1.0, 0.1], cv=3, tol=0.01).fit(dataset.X, dataset.y)
    results = searched.cv_results_
    assert "λ on validation rows (3 folds)" in out
    for row, strength in enumerate(("1", "0.1")):
        score, error = 100 * results["mean_test_score"][row], 100 * results["standard_error"][row]
        loss = results["mean_train_loss"][row]
        line = rf"{strength} +{score:.2f} % ± {error:.2f} +{loss:.4f} +\d+ +(chosen)?"
        assert re.search(rf"^{line}", out, re.MULTILINE), out
    assert re.search(rf"validation {100 * results['mean_test_score'].max():.2f} %", out)
    loaded = halfspaces.load(model)
    np.testing.assert_array_equal(loaded.coef_, searched.coef_)
    assert loaded.strength == searched.strength_
    if (tmp_path / "model.svg").exists():
        assert ElementTree.parse(tmp_path / "model.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            "--strengths a,b",
            "--strengths must be a whole number or a list such as 1,0.1,0.01, got 'a,b'.",
        ),
        (
            "--strengths 1,0.1 --strength 1",
            "--strengths 1,0.1 is for choosing λ, but --strength 1 leave",
        ),
        (
            "--folds 3 --penalty none",
            "--folds 3 is for choosing λ, but these options leave no choice; give one",
        ),
        ("--folds 1", "--folds must be at least 2, got 1."),
        ("--folds 2000", "2000 folds need at least as many rows of classes that have two or more"),
        (
            "--folds 3 --validation 0.1",
            "--folds 3 and --validation 0.1 both hold rows out; give one.",
        ),
        (
            "--strength 1 --validation 0.2",
            "--validation 0.2 is for choosing λ, but --strength 1 leave no choice",
        ),
        ("--strengths 1", "--strengths, as a number of them, must be at least 2, got 1."),
        ("--strengths 1,0", "Each of --strengths must be above 0, got 0.0."),
    ],
)
def test_command_lines_that_cannot_be(run, options, words):
    code, _, err = run("train", "digits", *options.split())
    assert code == 2
    assert words in err


def test_an_optimizer_that_cannot_be_is_refused_before_the_grid(run, monkeypatch):
    monkeypatch.setattr(LinearClassifierCV, "fit", None)
    code, _, err = run("train", "digits", "--penalty", "l1", "--optimizer", "lbfgs")
    assert code == 2
    assert "LBFGS needs a penalty with a gradient" in err

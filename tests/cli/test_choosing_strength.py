"""`train` chooses λ on rows that it holds out."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import halfspaces
from halfspaces import LinearClassifierCV
from halfspaces.cli import report
from tests.helpers import accuracy


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
        score, low, high = (
            100 * results[name][row]
            for name in ("mean_test_score", "interval_low", "interval_high")
        )
        loss = results["mean_train_loss"][row]
        line = rf"{strength} +{score:.2f} % +{low:.2f} – {high:.2f} % +{loss:.4f} +\d+ +(chosen)?"
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


def test_a_class_for_each_row_is_refused(run, tmp_path):
    """A table for regression, such as Ames Housing with its SalePrice: no folds were asked for."""
    rows = "".join(f"{i % 7},{i % 5},{200_000 - 1_700 * i}\n" for i in range(60))
    (tmp_path / "houses.csv").write_text(f"rooms,floors,target\n{rows}")
    code, _, err = run("train", tmp_path / "houses.csv")
    assert code == 2
    assert "houses has 60 rows of 60 classes, so none can be held out; give two rows" in err


def test_an_optimizer_that_cannot_be_is_refused_before_the_grid(run, monkeypatch):
    monkeypatch.setattr(LinearClassifierCV, "fit", None)
    code, _, err = run("train", "digits", "--penalty", "l1", "--optimizer", "lbfgs")
    assert code == 2
    assert "LBFGS needs a penalty with a gradient" in err


# --- few rows -------------------------------------------------------------------------------------


def table_of_few_rows(path, seed):
    """60 rows and 50 columns, of which the first tells the class, and 2,000 rows for testing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2060, 50))
    y = (X[:, 0] + 0.3 * rng.normal(size=2060) > 0).astype(int)
    np.savez(path, X=X[:60], y=y[:60], X_test=X[60:], y_test=y[60:])
    return path


@pytest.mark.slow
def test_few_rows_are_held_out_in_repeated_folds(run, tmp_path):
    found = []
    for seed in range(10):
        ended = run("train", table_of_few_rows(tmp_path / "few.npz", seed))
        assert "λ on validation rows (5 folds, 3 times, of few rows)" in ended.out
        found.append(accuracy(ended.out, "test"))
    assert np.mean(found) >= 0.70
    assert min(found) > 0.6


@pytest.mark.slow
def test_a_rare_class_is_held_out_in_folds_and_its_accuracy_has_a_width(run, tmp_path):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [600, 4])
    X = rng.normal(size=(604, 5)) + 3 * y[:, None]
    np.savez(tmp_path / "rare.npz", X=X, y=y)
    model = tmp_path / "model.safetensors"
    ended = run("train", tmp_path / "rare.npz", "--out", model)
    assert "λ on validation rows (5 folds, of few rows)" in ended.out
    assert "±" not in ended.out
    rows = re.findall(r"(\d+\.\d+) – (\d+\.\d+) %", ended.out)
    assert all(float(low) + 0.3 < float(high) for low, high in rows)
    again = tmp_path / "again.safetensors"
    assert run("train", "--run", tmp_path / "model.run.toml", "--out", again).code == 0
    np.testing.assert_array_equal(halfspaces.load(again).coef_, halfspaces.load(model).coef_)
    part = run("train", tmp_path / "rare.npz", "--validation", "0.1")
    assert "λ on validation rows (10 % of the training rows)" in part.out


def test_the_only_row_of_a_class_is_named_as_never_held_out(run, tmp_path):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [20, 1, 3])
    np.savez(tmp_path / "d.npz", X=rng.normal(size=(24, 3)) + y[:, None], y=y)
    ended = run("train", tmp_path / "d.npz", "--folds", "5")
    assert ended.code == 0
    assert "never held out, for lack of a second row: 1\n" in ended.out


# --- whose figure it is ---------------------------------------------------------------------------


def test_the_search_of_another_optimizer_gives_no_validation_accuracy(run, tmp_path):
    model = tmp_path / "model.safetensors"
    asked = ("--optimizer", "sgd", "--step-size", "1e-7", "--strengths", "0.1,0.01")
    ended = run("train", "digits", *asked, "--out", model)
    assert "solved by auto, not by sgd)" in ended.out
    (line,) = (line for line in ended.out.splitlines() if line.startswith("accuracy"))
    assert re.fullmatch(r"accuracy +train \d+\.\d+ %, test \d+\.\d+ %", line)
    assert "validation" not in halfspaces.load(model).notes_["metrics"]


def test_accuracies_of_training_rows_are_called_so(run, tmp_path):
    data = halfspaces.datasets.open("digits")
    np.savez(tmp_path / "d.npz", X=np.asarray(data.X), y=data.y)
    ended = run("train", tmp_path / "d.npz", "--strength", "0.1")
    assert "on the rows that the model was fitted to; on new rows it is usually lower" in ended.out
    assert "by class (training rows, which the model was fitted to)" in ended.out
    ended = run("train", "digits", "--strength", "0.1")
    assert "fitted to" not in ended.out


def test_the_worst_of_many_classes_are_shown(capsys):
    y = np.repeat(np.arange(25), 4)
    predicted = y.copy()
    predicted[-3:] = 0
    report.classes(y, predicted, None, "test")
    lines = capsys.readouterr().out.splitlines()
    assert "the 20 worst of 25 classes (test rows)" in lines
    assert re.match(r"24 +4 +25.00 % +0 \(75.00 %\)", lines[3])
    assert len(lines) == 3 + 20


@pytest.mark.slow
def test_lambda_is_chosen_by_the_score_that_is_asked_for(run, tmp_path):
    path = table_of_few_rows(tmp_path / "few.npz", 0)
    data = np.load(path)
    chosen = {}
    for scoring in ("accuracy", "log_loss", "balanced_accuracy"):
        out = run("train", path, "--scoring", scoring, "--folds", "3").out
        searched = LinearClassifierCV(strengths=10, cv=3, scoring=scoring)
        strength = searched.fit(data["X"], data["y"]).strength_
        assert f"λ           {strength:.3g}\n" in out
        chosen[scoring] = strength
    assert chosen["log_loss"] != chosen["accuracy"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--scoring acuracy", "--scoring 'acuracy' is not known: did you mean 'accuracy'"),
        (
            "--scoring log_loss --loss hinge",
            "--scoring log_loss needs probabilities, which --loss hinge does not give; "
            "give --calibrate temperature, too, or --loss softmax.",
        ),
        ("--scoring accuracy --strength 1", "--scoring accuracy is for choosing λ, but"),
    ],
)
def test_scores_that_cannot_be(refused, options, words):
    refused(f"train digits {options}", words)


def test_a_random_search_prints_its_attempts(run):
    ended = run("train", "digits", "--optimizer", "random_search", "--draws", "30")
    row = r"attempt +(\d+): loss (\d+\.\d+), best so far (\d+\.\d+)"
    found = np.array(re.findall(row, ended.out), dtype=float)
    assert found[:11, 0].tolist() == list(range(11))
    assert np.all(found[:, 2] == np.minimum.accumulate(found[:, 1]))
    loss = float(re.search(r"loss +([\d.]+) = data", ended.out)[1])
    assert found[-1, 2] == pytest.approx(loss, abs=1e-5)
    assert accuracy(ended.out, "test") > 0.05

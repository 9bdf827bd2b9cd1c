"""The command line: it does what Python does, and every error is one sentence and exit code 2."""

import csv
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image
from typer.testing import CliRunner

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV, cli, datasets
from halfspaces.cli import predictions, show
from halfspaces.losses import LOSSES
from halfspaces.objective import Objective
from halfspaces.result import Reason

DATA = Path(__file__).parents[2] / "shared" / "data"
DIGITS = datasets.open("digits")
X_TEST = np.asarray(DIGITS.X_test)
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
CHEAP = ("--strength", "0.01")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capfd):
    """Run the command line in this process: `run("train", "digits")`."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["halfspaces", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Ended(int(ended.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture
def refused(run):
    """Run, and expect exit code 2 and one sentence with all of these words."""

    def refused(arguments, *words):
        ended = run(*arguments.split() if isinstance(arguments, str) else arguments)
        assert ended.code == 2, ended
        assert ended.err.startswith("Error: ")
        assert [word for word in words if word not in ended.err] == [], ended.err
        assert ended.err.count("\n") == 1
        assert ended.err.endswith((".\n", "?\n"))
        return ended

    return refused


def accuracy(out, part):
    (percentage,) = re.findall(rf"accuracy .*{part} (\d+\.\d+) %", out)
    return float(percentage) / 100


def npz(path, *, X=DIGITS.X, y=DIGITS.y, **arrays):
    np.savez(path, X=X, y=y, **arrays)
    return path


def spoiled(value):
    X = DIGITS.X.astype(np.float32)
    X[7, 3] = value
    return X


# --- train, evaluate, predict ------------------------------------------------------------------------------------


def test_train_reports_what_it_did(run):
    ended = run("train")
    assert (ended.code, ended.err) == (0, "")
    assert accuracy(ended.out, "test") > 0.93
    lines = ended.out.splitlines()
    row = r"(\d\S*) +(\d+\.\d+) % ± \d+\.\d+ +(\d+\.\d+) +\d+ "
    grid = np.array([match.groups() for match in (re.match(row, line) for line in lines) if match], dtype=float)
    assert 7 <= len(grid) <= 20
    assert (np.diff(grid[:, [0, 2]], axis=0) < 0).all()  # λ and training loss fall
    assert f"validation {grid[:, 1].max():.2f} %" in ended.out
    (chosen,) = (line.split()[0] for line in lines if line.endswith("chosen"))
    assert f"λ           {chosen}" in lines
    classes = [line.split()[0] for line in lines if re.match(r"\d +3\d +\d+\.\d+ %", line)]
    assert classes == list("0123456789")
    for words in (
        "data        digits: 1,437 examples + 360 for testing, 64 features (8 x 8 x 1, uint8), 10 classes",
        "optimizer   L-BFGS preconditioned by the Gram matrix",
        "reason      The objective is within the tolerance of its minimum, by a proven bound.",
    ):
        assert words in ended.out
    assert re.search(r"loss +[\d.]+ = data [\d.]+ \+ penalty [\d.]+\n", ended.out)
    assert re.search(r"gap +at most \S+ above the minimum\n", ended.out)
    assert re.search(r"\d+ strengths.*, \d+ passes, \d+\.\d s\n", ended.out)


def test_a_saved_model_is_the_one_that_python_fits(run, tmp_path):
    model, table = tmp_path / "model.safetensors", tmp_path / "predictions.csv"
    trained = run("train", "digits", *CHEAP, "--out", model)
    assert f"saved       {model}" in trained.out
    assert re.search(r"cost +\d+\.\d passes, \d+\.\d\d s\n", trained.out)
    expected = LinearClassifier(strength=0.01).fit(DIGITS.X, DIGITS.y)

    evaluated = run("evaluate", model, "digits")
    assert accuracy(evaluated.out, "test") == accuracy(trained.out, "test")
    assert accuracy(evaluated.out, "test") == pytest.approx(expected.score(X_TEST, DIGITS.y_test), abs=5e-5)

    assert run("predict", model, "digits", "--probabilities", "--out", table) == (0, "", "")
    rows = list(csv.DictReader(table.open()))
    assert [int(row["row"]) for row in rows] == list(range(360))
    assert [int(row["label"]) for row in rows] == expected.predict(X_TEST).tolist()
    probabilities = [[float(row[f"p({name})"]) for name in range(10)] for row in rows]
    np.testing.assert_allclose(probabilities, expected.predict_proba(X_TEST), rtol=1e-5)

    np.save(tmp_path / "X.npy", X_TEST[:3])
    shown = run("predict", model, tmp_path / "X.npy", "--jobs", "1")
    assert [line.split(",") for line in shown.out.split()] == [
        ["row", "label"],
        *([row["row"], row["label"]] for row in rows[:3]),
    ]


def test_a_calibrated_model_tells_probabilities(run, refused, tmp_path):
    model, table = tmp_path / "model.safetensors", tmp_path / "table.csv"
    options = ["--loss", "squared_hinge", "--calibrate", "temperature", "--tol", "0.01"]
    given = run("train", "digits", *options, "--strength", "0.1", "--validation", "0.2", "--out", model)
    assert (given.code, given.err) == (0, "")
    assert re.search(r"calibrated  softmax of the scores times \d+\.\d+, learned on held-out rows\n", given.out)
    assert run("predict", model, "digits", "--probabilities", "--out", table).code == 0
    rows = list(csv.DictReader(table.open()))
    told = np.array([[float(row[f"p({name})"]) for name in range(10)] for row in rows])
    expected = LinearClassifierCV("squared_hinge", strengths=[0.1], calibrate="temperature", tol=0.01)
    expected.fit(DIGITS.X, DIGITS.y, validation=0.2)
    np.testing.assert_allclose(told, expected.predict_proba(X_TEST), rtol=1e-5, atol=1e-12)
    refused("train digits --calibrate platt", "--calibrate platt is not known: choose one of 'temperature', 'sigmoid'.")
    refused("train digits --calibrate sigmoid --optimizer sgd", "--calibrate sigmoid needs --optimizer auto, got")
    refused("train digits --calibrate sigmoid --penalty none", "needs a penalty with a strength, got --penalty none;")
    refused(
        "train digits --calibrate sigmoid --strength 0", "--strength, with --calibrate sigmoid, must be above 0, got"
    )


def test_labels_are_shown_as_given_and_indices_by_name(run, tmp_path):
    model = tmp_path / "model.safetensors"
    strange = np.array(["[/red]", "[bold]one", ":cat:"])[DIGITS.y % 3]
    ended = run("train", npz(tmp_path / "a.npz", y=strange), *CHEAP, "--out", model)
    assert ended.code == 0
    assert re.search(r"^\[bold\]one +\d+ ", ended.out, re.MULTILINE)
    predicted = run("predict", model, tmp_path / "a.npz").out.splitlines()
    assert {line.split(",")[1] for line in predicted[1:]} == {"[/red]", "[bold]one", ":cat:"}

    ended = run("train", npz(tmp_path / "b.npz", class_names=NAMES), *CHEAP, "--out", model)
    assert re.search(r"^seven +\d+ ", ended.out, re.MULTILINE)
    assert "train" in ended.out
    predicted = run("predict", model, tmp_path / "b.npz").out.splitlines()
    assert {line.split(",")[1] for line in predicted[1:]} == set(NAMES)


def test_tables_are_trained_on_and_predicted(run, tmp_path):
    model, table = tmp_path / "model.safetensors", tmp_path / "digits.parquet"
    frame = pd.DataFrame(DIGITS.X, columns=[f"pixel {i}" for i in range(64)]).assign(digit=NAMES[DIGITS.y])
    frame.to_parquet(table)
    ended = run("train", table, "--label", "digit", *CHEAP, "--out", model)
    assert ended.code == 0, ended
    assert "digits: 1,437 examples, 64 features (uint8), 10 classes" in ended.out
    digits = run("train", "digits", *CHEAP)
    assert accuracy(ended.out, "train") == accuracy(digits.out, "train")
    assert accuracy(run("evaluate", model, table, "--label", "digit").out, "all") == accuracy(ended.out, "train")
    labelled = run("predict", model, table, "--label", "digit")
    frame.drop(columns="digit").to_parquet(table)
    assert run("predict", model, table) == labelled
    assert labelled.out.splitlines()[1].split(",")[1] in NAMES


def test_missing_and_strange_values_are_one_sentence(refused, tmp_path):
    table = tmp_path / "a.parquet"
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [1.0, 2.0, 3.0], "label": [0, 1, 1]})
    frame.to_parquet(table)
    refused(["train", table], "a.parquet has 1 missing values (null) in the column 'a'")
    frame.fillna(7.0).assign(b=["x", "y", "z"]).to_parquet(table)
    refused(["train", table], "the column 'b' of type", "give --label b")
    frame.fillna(7.0).to_parquet(table)
    refused(["train", table, "--label", "lable"], "has no column 'lable'")
    frame.drop(columns="label").fillna(7.0).to_parquet(table)
    refused(["train", table], "none is called label", "--label COLUMN")
    np.save(tmp_path / "X.npy", np.array([[1.0, np.nan], [2.0, 3.0]]))
    np.save(tmp_path / "y.npy", [0, 1])
    refused(["train", tmp_path / "X.npy"], "NaN")


def test_idx_folder(run):
    if not (DATA / "fashion-mnist").is_dir():
        pytest.skip(f"the real data are not at {DATA / 'fashion-mnist'}")
    ended = run("train", DATA / "fashion-mnist", "--loss", "ova_squared_hinge", "--strength", "0.1", "--max-passes", 3)
    assert "60,000 examples + 10,000 for testing, 784 features (28 x 28 x 1, uint8)" in ended.out
    assert accuracy(ended.out, "test") > 0.75
    assert "Ankle boot" in ended.out


def test_cifar_folder(run, tmp_path):
    folder = DATA / "cifar-10-exact-subset"
    if not folder.is_dir():
        pytest.skip(f"the real data are not at {folder}")
    ended = run("train", folder, "--strength", "1", "--max-passes", 4, "--out", tmp_path / "model")
    assert "7,897 examples + 932 for testing, 3,072 features (32 x 32 x 3, uint8)" in ended.out
    assert accuracy(ended.out, "test") > 0.35
    assert accuracy(run("evaluate", tmp_path / "model", folder).out, "test") == accuracy(ended.out, "test")


def digits_model(path, labels=DIGITS.y, loss="softmax", **notes):
    classifier = LinearClassifier(loss, strength=0.1, tol=0.1).fit(DIGITS.X, labels)
    halfspaces.save(classifier, path, **notes)
    return classifier


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_top_classes_in_every_format(run, tmp_path, monkeypatch, suffix, loss):
    monkeypatch.setattr(predictions, "BLOCK_SCORES", 500)  # eight blocks
    classifier = digits_model(tmp_path / "model", loss=loss, class_names=NAMES.tolist())
    table = tmp_path / f"table{suffix}"
    assert run("predict", tmp_path / "model", "digits", "--top", 3, "--out", table) == (0, "", "")
    read = {".csv": pd.read_csv, ".jsonl": lambda path: pd.read_json(path, lines=True), ".parquet": pd.read_parquet}
    told = read[suffix](table)
    worth = (classifier.predict_proba if loss == "softmax" else classifier.decision_function)(X_TEST)
    word, order = "p" if loss == "softmax" else "score", np.argsort(-worth, axis=1)[:, :3]
    assert list(told) == ["row", "label", *(f"{name}_{place}" for place in (1, 2, 3) for name in ("top", word))]
    assert told["row"].tolist() == list(range(360))
    assert told["label"].tolist() == NAMES[classifier.predict(X_TEST)].tolist()
    assert told[["top_1", "top_2", "top_3"]].to_numpy().tolist() == NAMES[order].tolist()
    best = np.take_along_axis(worth, order, axis=1)
    np.testing.assert_allclose(told[[f"{word}_{place}" for place in (1, 2, 3)]], best, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_top_of_two_classes(run, tmp_path, loss):
    classifier = digits_model(tmp_path / "model", np.where(DIGITS.y > 4, "high", "low"), loss)
    assert run("predict", tmp_path / "model", "digits", "--top", 5, "--out", tmp_path / "table.csv").code == 0
    told = pd.read_csv(tmp_path / "table.csv")
    labels = classifier.predict(X_TEST)
    assert told["label"].tolist() == told["top_1"].tolist() == labels.tolist()
    assert told["top_2"].tolist() == np.where(labels == "high", "low", "high").tolist()
    if loss == "softmax":
        np.testing.assert_allclose(told["p_1"] + told["p_2"], 1, atol=1e-5)
    else:
        np.testing.assert_allclose(
            told["score_1"] - told["score_2"], np.abs(classifier.decision_function(X_TEST)), rtol=1e-4
        )


def test_predictions_that_cannot_be_written(refused, model, tmp_path, monkeypatch):
    words = f"--out {tmp_path / 'a.txt'} must end in .csv, .parquet, .jsonl or .json."
    assert refused(["predict", model, "digits", "--out", tmp_path / "a.txt"], words).out == ""
    refused(["predict", model, "digits", "--top", "0"], "--top must be at least 1, got 0.")

    def full(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    refused(
        ["predict", model, "digits", "--out", tmp_path / "a.csv"], "a.csv cannot be written: No space left on device"
    )
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(["predict", model, "digits", "--out", tmp_path / "a.parquet"], "pip install 'halfspaces[parquet]'.")


def test_export(run, refused, model, tmp_path):
    shown = run("export", model, "--to", "numpy")
    assert (shown.code, len(shown.out.splitlines())) == (0, 10)
    names = {}
    exec(shown.out, names)
    expected = halfspaces.load(model).predict(X_TEST)
    assert names["predict"](X_TEST)[0].tolist() == expected.tolist()
    assert (
        "LogisticRegression"
        in run("export", model, "--to", "sklearn", "--out", tmp_path / "a.py").out + (tmp_path / "a.py").read_text()
    )
    assert run("export", model, "--to", "torch", "--out", tmp_path / "linear.safetensors").code == 0
    assert run("export", model, "--to", "onnx").out.startswith(f"onnx        {model.with_suffix('.onnx')} (")
    refused(["export", model, "--to", "tflite"], "to='tflite' is not known: choose one of 'onnx', 'torch'")
    refused(["export", model, "--to", "onnx", "--out", tmp_path], "is a folder; name a file in it.")


# --- options -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(run, loss):
    option = ("--label-smoothing", "0.01") if loss == "softmax" else ("--margin", "0.5")
    ended = run("train", "digits", "--loss", loss, *option, "--strength", "0.1", "--max-passes", "30")
    assert ended.code == 0
    assert accuracy(ended.out, "test") > 0.85


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ("--optimizer lbfgs", "LBFGS("),
        ("--optimizer gradient_descent --update-rule nesterov --max-passes 30", "update_rule=Nesterov("),
        ("--optimizer sgd --batch-size 64 --epochs 3 --update-rule adam --schedule warm_up", "batch_size=64, epochs=3"),
        ("--optimizer sgd --step-size 0.05 --seed 3", "step_size=0.05"),
        ("--optimizer sgd --step-size find --epochs 2", "from a range test of"),
        ("--optimizer proximal --penalty l1 --max-passes 30", "ProximalGradient("),
        ("--penalty elastic_net --max-passes 30", "ElasticNet has a kink"),
        ("--optimizer random_search --draws 20 --local", "RandomSearch(draws=20, scale=0.0001, local=True"),
        ("--class-weight balanced --no-standardize --max-passes 30 --jobs 2", "L-BFGS preconditioned"),
        ("--sanity", "ok          at small random W the data loss is 2.3026, as it should be for 10 classes"),
    ],
)
def test_options_reach_the_training(run, options, shown):
    ended = run("train", "digits", *CHEAP, *options.split())
    assert ended.code == 0, ended.err
    assert shown in ended.out
    assert accuracy(ended.out, "test") > (0.11 if "random_search" in options else 0.8)


@pytest.mark.parametrize("options", ["--penalty max_norm --radius 0.5", "--penalty none --max-passes 20"])
def test_penalties_without_a_strength(run, options):
    ended = run("train", "digits", *options.split())
    assert ended.code == 0, ended.err
    assert accuracy(ended.out, "test") > 0.85
    assert "λ" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--loss sofmax", ["--loss sofmax is not known: did you mean 'softmax'?"]),
        ("--penalty l3", ["--penalty l3 is not known: did you mean 'l2' or 'l1'?"]),
        ("--optimizer simplex", ["--optimizer simplex is not known: choose one of 'auto', 'lbfgs', "]),
        ("--optimizer sgd --update-rule adm", ["--update-rule adm is not known: did you mean 'adam'?"]),
        ("--optimizer sgd --schedule cosin", ["--schedule cosin is not known: did you mean 'cosine'?"]),
        ("--optimizer lbfgs --batch-size 3", ["--batch-size belongs to --optimizer sgd, got --optimizer lbfgs."]),
        ("--epochs 3", ["--epochs belongs to --optimizer sgd, got --optimizer auto."]),
        ("--optimizer sgd --draws 3", ["--draws belongs to --optimizer random_search, got --optimizer sgd."]),
        ("--margin 2", ["--margin belongs to --loss hinge or squared_hinge or", "got --loss softmax."]),
        ("--loss hinge --label-smoothing 0.1", ["--label-smoothing belongs to --loss softmax, got --loss hinge."]),
        ("--radius 2", ["--radius belongs to --penalty max_norm, got --penalty l2."]),
        ("--penalty max_norm --strength 1", ["--strength 1 has no place in --penalty max_norm; give --radius."]),
        ("--penalty l1 --optimizer lbfgs", ["LBFGS needs a penalty with a gradient", "use optimizer='proximal'"]),
        ("--optimizer sgd --step-size big", ["--step-size must be a number or 'find', got 'big'."]),
        ("--optimizer gradient_descent --step-size find", ["--step-size find belongs to --optimizer sgd"]),
        ("--optimizer sgd --step-size 0", ["SGD(step_size=...) must be above 0, got 0.0."]),
        ("--optimizer sgd --step-size 1e9 --strength 1", ["nothing is saved: The loss is above that of W = 0"]),
        ("--strength -1", ["--strength must be at least 0, got -1.0."]),
        ("--strength nan", ["--strength must be at least 0, got nan."]),
        ("--tol -1", ["--tol must be at least 0, got -1.0."]),
        ("--max-passes 0", ["--max-passes must be above 0, got 0.0."]),
        ("--validation 1", ["--validation must be above 0 and below 1, got 1.0."]),
        ("--class-weight even", ["--class-weight must be balanced or left out, got even."]),
    ],
)
def test_options_that_cannot_be(refused, arguments, words):
    refused(f"train digits {arguments}", *words)


# --- data --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": spoiled(np.nan)}, "X contains NaN at row 7, column 3; remove or impute"),
        ({"X": spoiled(np.inf)}, "X contains infinity (inf) at row 7, column 3; remove or impute"),
        ({"X_test": spoiled(np.nan), "y_test": DIGITS.y}, "X_test contains NaN at row 7, column 3; remove"),
        ({"y": np.full(len(DIGITS.y), "cat")}, "y holds one class, 'cat'; a classifier needs at least two classes."),
        ({"y": DIGITS.y[1:]}, "X has 1,437 examples but y has 1,436 labels; give one label an example."),
        ({"X": DIGITS.X[:0], "y": DIGITS.y[:0]}, "give at least one example and one feature"),
        ({"X": DIGITS.X[:, :0]}, "give at least one example and one feature"),
        ({"y": np.array([None] * len(DIGITS.y))}, "y as Python objects, which are never read; save numbers or strings"),
        ({"y": DIGITS.y / 2}, "y of type float64; labels are whole numbers or strings."),
    ],
)
def test_data_that_cannot_be(refused, tmp_path, arrays, words):
    ended = refused(["train", npz(tmp_path / "given.npz", **arrays), "--out", tmp_path / "model"], words)
    assert "reason" not in ended.out  # nothing was trained
    assert not (tmp_path / "model").exists()


def test_data_that_cannot_be_found_or_read(refused, tmp_path):
    refused("train digts", "There is no data set 'digts' (did you mean 'digits'?)")
    refused(["train", tmp_path / "[b]" / "x.npz"], f"There is no data set '{tmp_path}/[b]/x.npz'")
    refused(["train", tmp_path], "holds nothing; needed is a folder with CIFAR-10's data_batch_1.bin")
    whole = npz(tmp_path / "given.npz").read_bytes()
    (tmp_path / "given.npz").write_bytes(whole[:5000])
    refused(["train", tmp_path / "given.npz"], "given.npz cannot be read as .npz", "save it again with np.savez.")


def test_images_with_splits(run, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "cache"))
    folder, images = tmp_path / "digits", DIGITS.images(DIGITS.X) * 15
    for split, rows in {"train": range(300), "val": range(300, 360), "test": range(355, 400)}.items():
        for row in rows:
            path = folder / split / str(NAMES[DIGITS.y[row]]) / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[row, ..., 0]).save(path)
    shutil.copy(next((folder / "train" / "zero").iterdir()), folder / "test" / "zero" / "copy.png")
    (folder / "train" / "two" / "two.txt").write_text("2")
    refused(["train", folder], "digits has train/two/two.txt, which is no JPEG", "(--skip-bad, in train and")
    ended = run("train", folder, "--skip-bad", "--strengths", "0.1,0.01")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert "digits: 300 examples + 60 for validation + 46 for testing, 64 features (8 x 8 x 1, uint8)" in lines[0]
    assert lines[1].strip() == "406 images of 8 x 8, kept as they are"
    assert lines[2].strip().startswith("1 bad file skipped: train/two/two.txt is no JPEG")
    assert lines[3].startswith("warning     1 of the 46 test rows is also in the training rows")
    assert lines[4].startswith("λ on validation rows (60 rows of their own)")
    assert accuracy(ended.out, "test") > 0.8
    assert "(4 x 3 x 1, uint8)" in run("train", folder, "--skip-bad", "--image-size", "4x3", *CHEAP).out
    refused(["train", folder, "--image-size", "3x4x5"], "--image-size must be a side or HEIGHTxWIDTH")
    refused(
        ["train", folder, "--image-size", "0"], "image_size must be a side or (height, width), each from 1 to 4,096"
    )
    refused(
        "train digits --image-size 4",
        "digits is no folder, .tar or .zip of images, for which image_size (--image-size)",
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "digits.safetensors"
    halfspaces.save(LinearClassifier(strength=0.1).fit(DIGITS.X, DIGITS.y), path)
    return path


def test_data_that_do_not_fit_the_model(run, refused, model, tmp_path):
    narrow = npz(tmp_path / "narrow.npz", X=DIGITS.X[:, 1:])
    told = "The data have 63 features a row, and the model takes 64; give data like those that it was trained on."
    for command in ("evaluate", "predict"):
        refused([command, model, narrow], told)
    named = npz(tmp_path / "named.npz", y=NAMES[DIGITS.y])
    refused(["evaluate", model, named], "has labels such as 'three', which the model does not know (it knows 0 and")
    some = npz(tmp_path / "some.npz", y=np.where(np.arange(len(DIGITS.y)) < 3, 11, DIGITS.y))
    assert (
        "warning     3 of 1,437 rows have labels that the model does not know ('11'); they"
        in run("evaluate", model, some).out
    )
    np.save(tmp_path / "row.npy", DIGITS.X[0])
    refused(["predict", model, tmp_path / "row.npy"], "row.npy has an array of shape (64,); rows of features, (N, D)")
    refused(["predict", model, npz(tmp_path / "nan.npz", X=spoiled(np.nan))], "X contains NaN at row 7, column 3")


def test_models_that_cannot_be_used(refused, model, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(model.read_bytes()[:-100])
    refused(["evaluate", cut, "digits"], "cut.safetensors is truncated or damaged", "save the model again.")
    refused(["evaluate", tmp_path / "no", "digits"], f"There is no model file {tmp_path / 'no'}; check the path.")
    refused(["predict", npz(tmp_path / "a.npz"), "digits"], "a.npz is not a safetensors file")
    halfspaces.save(LinearClassifier("hinge", strength=0.1, tol=0.1).fit(DIGITS.X, DIGITS.y), cut)
    refused(["predict", cut, "digits", "--probabilities"], "'hinge' gives no probabilities; train with softmax or")


# --- what is written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["train", "digits"], ["predict", "{model}", "digits"]], ids=lambda given: given[0])
def test_out_is_checked_before_the_work(refused, model, tmp_path, command):
    command = [word.format(model=model) for word in command]
    ended = refused([*command, "--out", tmp_path / "no" / "file"], f"does not exist; create {tmp_path / 'no'} first.")
    assert ended.out == ""
    assert refused([*command, "--out", tmp_path], "is a folder; name a file in it.").out == ""


def test_a_failed_save_leaves_the_earlier_model(refused, run, tmp_path, monkeypatch):
    model = tmp_path / "model.safetensors"

    def full(*paths):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", full)
        refused(["train", "digits", *CHEAP, "--out", model], f"{model} cannot be written: No space left on device")
        assert list(tmp_path.iterdir()) == []
    run("train", "digits", *CHEAP, "--out", model)
    earlier = model.read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", full)
        refused(["train", "digits", "--strength", "1", "--out", model], "save it elsewhere.")
    diverging = ["--optimizer", "sgd", "--step-size", "1e9", "--strength", "1"]
    refused(["train", "digits", *diverging, "--out", model], "nothing is saved")
    assert model.read_bytes() == earlier
    assert sorted(tmp_path.iterdir()) == [tmp_path / "model.run.toml", model]


@pytest.mark.parametrize(("options", "at"), [((), 25), (CHEAP, 5)], ids=["choosing λ", "fitting"])
def test_an_interrupt_leaves_a_whole_model_or_none(run, tmp_path, monkeypatch, options, at):
    evaluate, calls = Objective.evaluate, itertools.count()

    def interrupted(objective, request):
        if next(calls) == at:
            raise KeyboardInterrupt
        return evaluate(objective, request)

    monkeypatch.setattr(Objective, "evaluate", interrupted)
    ended = run("train", "digits", *options)
    assert (ended.code, ended.err) == (130, "Error: Interrupted; nothing was saved.\n")
    calls, model = itertools.count(), tmp_path / "model"
    ended = run("train", "digits", *options, "--out", model)
    assert (ended.code, ended.err) == (130, f"Error: Interrupted; the best model so far is saved in {model}.\n")
    assert halfspaces.load(model).notes_["fit"]["reason"] == str(Reason.INTERRUPTED)


def test_a_killed_training_goes_on_from_its_checkpoint(run, refused, tmp_path, monkeypatch):
    train = ["train", "digits", "--strengths", "1,0.1,0.01", "--checkpoint", tmp_path / "kept"]
    assert run(*train, "--out", tmp_path / "whole").code == 0
    assert list((tmp_path / "kept").iterdir()) == []
    evaluate, calls = Objective.evaluate, itertools.count()

    def killed(objective, request):
        if next(calls) == 7:
            raise RuntimeError("killed")
        return evaluate(objective, request)

    with monkeypatch.context() as broken:
        broken.setattr(Objective, "evaluate", killed)
        with pytest.raises(RuntimeError, match="killed"):
            run(*train, "--every", "0", "--out", tmp_path / "model")
    refused([*train, "--out", tmp_path / "model"], "holds the checkpoint of a run that has not ended; give --resume")
    refused(["train", "digits", "--resume"], "--resume belongs to --checkpoint")
    assert run(*train, "--resume", "--out", tmp_path / "model").code == 0
    assert np.array_equal(halfspaces.load(tmp_path / "model").coef_, halfspaces.load(tmp_path / "whole").coef_)


# --- the rest ----------------------------------------------------------------------------------------------------


def test_gradcheck_passes_and_its_verdict_is_the_exit_code(run, monkeypatch):
    ended = run("gradcheck")
    assert ended.code == 0
    assert re.search(r"All \d\d checks passed", ended.out)
    assert all(loss in ended.out for loss in LOSSES)
    monkeypatch.setattr(show, "gradient_checks", lambda seed, *, verbose: False)
    assert run("gradcheck").code == 1


def test_convert_says_what_python_says_and_takes_it_back(run, refused):
    about = "--n-examples", 50_000, "--n-classes", 10
    assert run("convert", "sklearn.LogisticRegression", "C=1", *about).out == "L2(strength=1e-05)\n"
    given = "--strength", 0.001, "--loss", "ova_hinge", "--n-examples", 1000
    assert run("convert", "liblinear", *given).out == "s=3 c=0.5\n"
    net = run("convert", "sklearn.SGDClassifier", "penalty=elasticnet", "alpha=1e-2", "l1_ratio=0.5").out
    assert net == "ElasticNet(strength=0.005, beta=0.5)\n"
    back = run("convert", "cyanure.Classifier", "--penalty", "l1", "--strength", 0.1, "--loss", "ova_squared_hinge")
    assert back.out == "penalty=l1 lambda_1=0.05\n"
    refused("convert liblinear c", "Parameters must be NAME=VALUE, such as C=1, got 'c'.")
    refused("convert liblinear c=1 --strength 1", "--strength 1 was given beside c=1; give one of them.")
    refused("convert liblinear c=1", "give n_examples=N")
    refused("convert liblinear --penalty max_norm --strength 1", "takes no strength")


def test_predictions_keep_within_a_memory(run, refused, model, tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "cache"))
    column = pa.FixedSizeListArray.from_arrays(pa.array(DIGITS.X.reshape(-1)), 64)
    for shard in range(3):
        rows = pa.table({"embedding": column, "label": DIGITS.y}).slice(479 * shard, 479)
        pa.parquet.write_table(rows, tmp_path / f"train-{shard}.parquet")
    made = []
    monkeypatch.setattr(
        np, "memmap", lambda *given, memmap=np.memmap, **more: made.append(given) or memmap(*given, **more)
    )
    monkeypatch.setattr("halfspaces.cli.recipe.LEAST_MEMORY", 1e4)
    outs = [run("predict", model, tmp_path, *given) for given in ((), ("--memory", "20kB"))]
    assert outs[0].out == outs[1].out
    assert len(made) == 1, "within 20 kB the rows lie on disk"
    assert "all " in run("evaluate", model, tmp_path, "--memory", "20kB").out
    assert len(made) == 2
    refused(["predict", model, tmp_path, "--memory", "1"], "--memory must be at least 0.01MB")


def test_decoded_images_are_listed_and_removed(run, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "cache"))
    empty = f"      0 MB  in 0 sets of decoded images or features, in {tmp_path / 'cache' / 'images'}\n"
    assert run("data", "cache").out == empty
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("L", (5, 4)).save(tmp_path / "pets" / name / "1.png")
    datasets.open(tmp_path / "pets")
    assert re.match(rf" +0 MB  used \d{{4}}-\d\d-\d\d \d\d:\d\d  {tmp_path / 'pets'}\n", run("data", "cache").out)
    refused("data cache --keep much", "--keep must be a size such as 2GB or 512MB, got 'much'.")
    removed, told = run("data", "cache", "--keep", "0").out.splitlines()
    assert removed.split() == ["0", "MB", "removed", str(tmp_path / "pets")]
    assert run("data", "cache").out == f"{told}\n" == empty


def test_a_seed_chooses_the_rows_that_are_held_out(run, tmp_path):
    scores = {}
    for seed in (None, 3, 3, 4):
        given = () if seed is None else ("--seed", seed)
        out = run("train", "digits", "--strengths", "0.1,0.01", "--tol", "0.05", *given).out
        scores.setdefault(seed, []).append([line for line in out.splitlines() if "±" in line])
    assert scores[3][0] == scores[3][1], "the same seed holds out the same rows"
    assert len({str(lines[0]) for lines in scores.values()}) == 3


def test_help_names_every_command_and_option():
    runner = CliRunner()
    whole = runner.invoke(cli.app, ["--help"]).output
    assert all(command in whole for command in ("train", "evaluate", "predict", "export", "gradcheck", "convert"))
    options = runner.invoke(cli.app, ["train", "--help"], terminal_width=200).output
    assert all(f"--{name}" in options for name in ("loss", "strength", "batch-size", "step-size", "out", "seed"))
    assert runner.invoke(cli.app, ["train", "--batch-size", "many"]).exit_code == 2
    assert runner.invoke(cli.app, ["tain"]).exit_code == 2


def shell(*arguments, **options):
    command = [sys.executable, "-W", "error", "-m", "halfspaces.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, **options)


def test_in_a_shell(model):
    version = shell("--version")
    assert (version.returncode, version.stdout) == (0, f"halfspaces {halfspaces.__version__}\n")
    wrong = shell("train", "digits", "--loss", "sofmax")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "Error: --loss sofmax is not known: did you mean 'softmax'?\n"
    predicted = shell("predict", str(model), "digits")
    assert (predicted.returncode, predicted.stderr) == (0, "")
    assert len(predicted.stdout.splitlines()) == 361


def test_other_images_are_brought_to_the_size_and_the_classes_of_the_model(run, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "cache"))
    colours, rng = {"blue": (0, 0, 250), "green": (0, 250, 0), "red": (250, 0, 0)}, np.random.default_rng(0)

    def photographs(folder, names, side):
        for name in names:
            (tmp_path / folder / name).mkdir(parents=True)
            for number in range(4):
                noise = rng.integers(0, 5, (side, side, 3)).astype(np.uint8)
                image = np.array(colours.get(name, (9, 9, 9)), np.uint8) + noise
                Image.fromarray(image).save(tmp_path / folder / name / f"{number}.png")

    photographs("all", colours, 16)
    photographs("few", ["green", "red"], 20)
    photographs("other", ["grey", "red"], 20)
    model = tmp_path / "model.safetensors"
    assert run("train", tmp_path / "all", "--image-size", "6", "--strength", "0.1", "--out", model).code == 0
    evaluated = run("evaluate", model, tmp_path / "few")
    assert "all 100.00 %" in evaluated.out
    assert "blue" not in evaluated.out
    labels = [row["label"] for row in csv.DictReader(run("predict", model, tmp_path / "few").out.splitlines())]
    assert labels == ["green"] * 4 + ["red"] * 4
    evaluated = run("evaluate", model, tmp_path / "other")
    assert (
        "warning     4 of 8 rows have labels that the model does not know ('grey'); they count as wrong"
        in evaluated.out
    )
    assert accuracy(evaluated.out, "all") == 0.5
    assert re.search(r"grey +4 +0\.00 %", evaluated.out)
    (tmp_path / "other" / "red" / "4.png").write_text("no image")
    refused(["evaluate", model, tmp_path / "other"], "has red/4.png, which is no JPEG", "(--skip-bad, in train and eva")
    evaluated = run("evaluate", model, tmp_path / "other", "--skip-bad")
    assert "\n            1 bad file skipped: red/4.png is no JPEG" in evaluated.out
    assert accuracy(evaluated.out, "all") == 0.5
    (tmp_path / "other" / "red" / "4.png").unlink()
    table = npz(tmp_path / "rows.npz")
    refused(
        ["predict", model, table], "have 64 features a row, and the model takes 108 (images of 6 x 6 x 3); give data"
    )
    strangers = shutil.copytree(tmp_path / "other", tmp_path / "strangers")
    (strangers / "red").rename(strangers / "pink")
    refused(
        ["evaluate", model, strangers],
        "strangers has labels such as 'grey', which the model does not know (it knows 'blue'",
    )


@pytest.mark.parametrize("features", [[], ["--features", "hog(cell=4)"]], ids=["pixels", "hog"])
def test_grey_and_coloured_images_are_brought_to_those_of_the_model(run, tmp_path, monkeypatch, features):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "cache"))
    images = np.kron(DIGITS.images(DIGITS.X[:60]) * 15, np.ones((1, 2, 2, 1), np.uint8))[..., 0]
    for mode in ("L", "RGB"):
        for row, (image, label) in enumerate(zip(images, DIGITS.y, strict=False)):
            path = tmp_path / mode / str(NAMES[label]) / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).convert(mode).save(path)
    for own, other in (("L", "RGB"), ("RGB", "L")):
        model = tmp_path / f"{own}.safetensors"
        assert run("train", tmp_path / own, *features, "--strength", "0.1", "--out", model).code == 0
        for command in ("evaluate", "predict"):
            ended = [run(command, model, tmp_path / mode) for mode in (own, other)]
            assert ended[0].code == ended[1].code == 0
            assert ended[0].out == ended[1].out

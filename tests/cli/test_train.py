"""`train`, `evaluate` and `predict` do what Python does,
and every error is one sentence and exit code 2.
"""

import csv
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.losses import LOSSES
from tests.helpers import DIGITS, NAMES, accuracy, npz, real, spoiled_digits

X_TEST = np.asarray(DIGITS.X_test)

CHEAP = ("--strength", "0.01")


# --- train, evaluate, predict ---------------------------------------------------------------------


def test_train_reports_what_it_did(run):
    ended = run("train")
    assert (ended.code, ended.err) == (0, "")
    assert accuracy(ended.out, "test") > 0.93
    lines = ended.out.splitlines()
    row = r"(\d\S*) +(\d+\.\d+) % +\d+\.\d+ – \d+\.\d+ % +(\d+\.\d+) +\d+ "
    grid = np.array(
        [match.groups() for match in (re.match(row, line) for line in lines) if match], dtype=float
    )
    assert 7 <= len(grid) <= 20
    assert (np.diff(grid[:, [0, 2]], axis=0) < 0).all()  # λ and training loss fall
    assert f"validation {grid[:, 1].max():.2f} %" in ended.out
    (chosen,) = (line.split()[0] for line in lines if line.endswith("chosen"))
    assert f"λ           {chosen}" in lines
    classes = [line.split()[0] for line in lines if re.match(r"\d +3\d +\d+\.\d+ %", line)]
    assert classes == list("0123456789")
    for words in (
        "data        digits: 1,437 examples + 360 for testing, "
        "64 features (8 x 8 x 1, uint8), 10 classes",
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
    assert accuracy(evaluated.out, "test") == pytest.approx(
        expected.score(X_TEST, DIGITS.y_test), abs=5e-5
    )

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
    given = run(
        "train", "digits", *options, "--strength", "0.1", "--validation", "0.2", "--out", model
    )
    assert (given.code, given.err) == (0, "")
    assert re.search(
        r"calibrated  softmax of the scores times \d+\.\d+, learned on held-out rows\n", given.out
    )
    assert run("predict", model, "digits", "--probabilities", "--out", table).code == 0
    rows = list(csv.DictReader(table.open()))
    told = np.array([[float(row[f"p({name})"]) for name in range(10)] for row in rows])
    expected = LinearClassifierCV(
        "squared_hinge", strengths=[0.1], calibrate="temperature", tol=0.01
    )
    expected.fit(DIGITS.X, DIGITS.y, validation=0.2)
    np.testing.assert_allclose(told, expected.predict_proba(X_TEST), rtol=1e-5, atol=1e-12)
    refused(
        "train digits --calibrate platt",
        "--calibrate platt is not known: choose one of 'temperature', 'sigmoid'.",
    )
    refused(
        "train digits --calibrate sigmoid --optimizer sgd",
        "--calibrate sigmoid needs --optimizer auto, got",
    )
    refused(
        "train digits --calibrate sigmoid --penalty none",
        "needs a penalty with a strength, got --penalty none;",
    )
    refused(
        "train digits --calibrate sigmoid --strength 0",
        "--strength, with --calibrate sigmoid, must be above 0, got",
    )


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


@pytest.mark.slow
def test_idx_folder(run):
    ended = run(
        "train",
        real("fashion-mnist"),
        "--loss",
        "ova_squared_hinge",
        "--strength",
        "0.1",
        "--max-passes",
        3,
    )
    assert "60,000 examples + 10,000 for testing, 784 features (28 x 28 x 1, uint8)" in ended.out
    assert accuracy(ended.out, "test") > 0.75
    assert "Ankle boot" in ended.out


@pytest.mark.slow
def test_cifar_folder(run, tmp_path):
    folder = real("cifar-10-exact-subset")
    ended = run("train", folder, "--strength", "1", "--max-passes", 4, "--out", tmp_path / "model")
    assert "7,897 examples + 932 for testing, 3,072 features (32 x 32 x 3, uint8)" in ended.out
    assert accuracy(ended.out, "test") > 0.35
    assert accuracy(run("evaluate", tmp_path / "model", folder).out, "test") == accuracy(
        ended.out, "test"
    )


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(run, loss):
    option = ("--label-smoothing", "0.01") if loss == "softmax" else ("--margin", "0.5")
    ended = run(
        "train", "digits", "--loss", loss, *option, "--strength", "0.1", "--max-passes", "30"
    )
    assert ended.code == 0
    assert accuracy(ended.out, "test") > 0.85


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ("--optimizer lbfgs", "LBFGS("),
        (
            "--optimizer gradient_descent --update-rule nesterov --max-passes 30",
            "update_rule=Nesterov(",
        ),
        (
            "--optimizer sgd --batch-size 64 --epochs 3 --update-rule adam --schedule warm_up",
            "batch_size=64, epochs=3",
        ),
        ("--optimizer sgd --step-size 0.05 --seed 3", "step_size=0.05"),
        ("--optimizer sgd --step-size find --epochs 2", "from a range test of"),
        ("--optimizer proximal --penalty l1 --max-passes 30", "ProximalGradient("),
        ("--penalty elastic_net --max-passes 30", "ElasticNet has a kink"),
        (
            "--optimizer random_search --draws 20 --local",
            "RandomSearch(draws=20, scale=0.0001, local=True",
        ),
        (
            "--class-weight balanced --no-standardize --max-passes 30 --jobs 2",
            "L-BFGS preconditioned",
        ),
        (
            "--sanity",
            "ok          at small random W the data loss is 2.3026, as it should be for 10 classes",
        ),
    ],
)
def test_options_reach_the_training(run, options, shown):
    ended = run("train", "digits", *CHEAP, *options.split())
    assert ended.code == 0, ended.err
    assert shown in ended.out
    assert accuracy(ended.out, "test") > (0.11 if "random_search" in options else 0.8)


@pytest.mark.parametrize(
    "options", ["--penalty max_norm --radius 0.5", "--penalty none --max-passes 20"]
)
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
        (
            "--optimizer simplex",
            ["--optimizer simplex is not known: choose one of 'auto', 'lbfgs', "],
        ),
        (
            "--optimizer sgd --update-rule adm",
            ["--update-rule adm is not known: did you mean 'adam'?"],
        ),
        (
            "--optimizer sgd --schedule cosin",
            ["--schedule cosin is not known: did you mean 'cosine'?"],
        ),
        (
            "--optimizer lbfgs --batch-size 3",
            ["--batch-size belongs to --optimizer sgd, got --optimizer lbfgs."],
        ),
        ("--epochs 3", ["--epochs belongs to --optimizer sgd, got --optimizer auto."]),
        (
            "--optimizer sgd --draws 3",
            ["--draws belongs to --optimizer random_search, got --optimizer sgd."],
        ),
        (
            "--margin 2",
            ["--margin belongs to --loss hinge or squared_hinge or", "got --loss softmax."],
        ),
        (
            "--loss hinge --label-smoothing 0.1",
            ["--label-smoothing belongs to --loss softmax, got --loss hinge."],
        ),
        ("--radius 2", ["--radius belongs to --penalty max_norm, got --penalty l2."]),
        (
            "--penalty max_norm --strength 1",
            ["--strength 1 has no place in --penalty max_norm; give --radius."],
        ),
        (
            "--penalty l1 --optimizer lbfgs",
            ["LBFGS needs a penalty with a gradient", "use optimizer='proximal'"],
        ),
        ("--optimizer sgd --step-size big", ["--step-size must be a number or 'find', got 'big'."]),
        (
            "--optimizer gradient_descent --step-size find",
            ["--step-size find belongs to --optimizer sgd"],
        ),
        ("--optimizer sgd --step-size 0", ["SGD(step_size=...) must be above 0, got 0.0."]),
        (
            "--optimizer sgd --step-size 1e9 --strength 1",
            ["nothing is saved: The loss is above that of W = 0"],
        ),
        ("--strength -1", ["--strength must be at least 0, got -1.0."]),
        ("--strength nan", ["--strength must be at least 0, got nan."]),
        ("--tol -1", ["--tol must be at least 0, got -1.0."]),
        ("--max-passes 0", ["--max-passes must be above 0, got 0.0."]),
        ("--validation 1", ["--validation must be above 0 and below 1, got 1.0."]),
        (
            "--class-weight even",
            ["weights such as cat=5,dog=1, got 'even'."],
        ),
    ],
)
def test_options_that_cannot_be(refused, arguments, words):
    refused(f"train digits {arguments}", *words)


# --- data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": spoiled_digits(np.nan)}, "X contains NaN at row 7, column 3; remove or impute"),
        (
            {"X": spoiled_digits(np.inf)},
            "X contains infinity (inf) at row 7, column 3; remove or impute",
        ),
        (
            {"X_test": spoiled_digits(np.nan), "y_test": DIGITS.y},
            "X_test contains NaN at row 7, column 3; remove",
        ),
        (
            {"y": np.full(len(DIGITS.y), "cat")},
            "y holds one class, 'cat'; a classifier needs at least two classes.",
        ),
        (
            {"y": DIGITS.y[1:]},
            "X has 1,437 examples but y has 1,436 labels; give one label an example.",
        ),
        ({"X": DIGITS.X[:0], "y": DIGITS.y[:0]}, "give at least one example and one feature"),
        ({"X": DIGITS.X[:, :0]}, "give at least one example and one feature"),
        (
            {"y": np.array([None] * len(DIGITS.y))},
            "y as Python objects, which are never read; save numbers or strings",
        ),
        ({"y": DIGITS.y / 2}, "y of type float64; labels are whole numbers or strings."),
    ],
)
def test_data_that_cannot_be(refused, tmp_path, arrays, words):
    ended = refused(
        ["train", npz(tmp_path / "given.npz", **arrays), "--out", tmp_path / "model"], words
    )
    assert "reason" not in ended.out  # nothing was trained
    assert not (tmp_path / "model").exists()


def test_data_that_cannot_be_found_or_read(refused, tmp_path):
    refused("train digts", "There is no data set 'digts' (did you mean 'digits'?)")
    refused(["train", tmp_path / "[b]" / "x.npz"], f"There is no data set '{tmp_path}/[b]/x.npz'")
    refused(["train", tmp_path], "holds nothing; needed is a folder, .tar or .zip of images")
    whole = npz(tmp_path / "given.npz").read_bytes()
    (tmp_path / "given.npz").write_bytes(whole[:5000])
    refused(
        ["train", tmp_path / "given.npz"],
        "given.npz cannot be read as .npz",
        "save it again with np.savez.",
    )


def test_images_with_splits(run, refused, tmp_path, cache):
    folder, images = tmp_path / "digits", DIGITS.images(DIGITS.X) * 15
    for split, rows in {
        "train": range(300),
        "val": range(300, 360),
        "test": range(355, 400),
    }.items():
        for row in rows:
            path = folder / split / str(NAMES[DIGITS.y[row]]) / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[row, ..., 0]).save(path)
    shutil.copy(next((folder / "train" / "zero").iterdir()), folder / "test" / "zero" / "copy.png")
    (folder / "train" / "two" / "two.txt").write_text("2")
    refused(
        ["train", folder],
        "digits has train/two/two.txt, which is no JPEG",
        "(--skip-bad)",
    )
    ended = run("train", folder, "--skip-bad", "--strengths", "0.1,0.01")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert (
        "digits: 300 examples + 60 for validation + 46 for testing, 64 features (8 x 8 x 1, uint8)"
        in lines[0]
    )
    assert lines[1].strip() == "406 images of 8 x 8, kept as they are"
    assert lines[2].strip().startswith("1 bad file skipped: train/two/two.txt is no JPEG")
    assert lines[3].startswith("warning     1 of the 46 test rows is also in the training rows")
    assert lines[4].startswith("λ on validation rows (60 rows of their own)")
    assert accuracy(ended.out, "test") > 0.8
    assert (
        "(4 x 3 x 1, uint8)"
        in run("train", folder, "--skip-bad", "--image-size", "4x3", *CHEAP).out
    )
    refused(
        ["train", folder, "--image-size", "3x4x5"], "--image-size must be a side or HEIGHTxWIDTH"
    )
    refused(
        ["train", folder, "--image-size", "0"],
        "image_size must be a side or (height, width), each from 1 to 4,096",
    )
    refused(
        "train digits --image-size 4",
        "digits takes no image_size (--image-size), which is for",
    )


# --- the rest -------------------------------------------------------------------------------------


def test_a_seed_chooses_the_rows_that_are_held_out(run, tmp_path):
    scores = {}
    for seed in (None, 3, 3, 4):
        given = () if seed is None else ("--seed", seed)
        out = run("train", "digits", "--strengths", "0.1,0.01", "--tol", "0.05", *given).out
        scores.setdefault(seed, []).append([line for line in out.splitlines() if " – " in line])
    assert scores[3][0] == scores[3][1], "the same seed holds out the same rows"
    assert len({str(lines[0]) for lines in scores.values()}) == 3

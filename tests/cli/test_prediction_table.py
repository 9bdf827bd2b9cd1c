"""Tables of predictions: labels, probabilities, the most probable classes, in every format."""

import os
import re
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

import halfspaces
from halfspaces import LinearClassifier
from halfspaces.cli import model_data, prediction_table
from halfspaces.cli.prediction_table import Limits
from halfspaces.estimators.calibration import Sigmoid
from tests.helpers import DIGITS, NAMES, accuracy, npz

X_TEST = np.asarray(DIGITS.X_test)

CHEAP = ("--strength", "0.01")


# --- train, evaluate, predict ---------------------------------------------------------------------


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
    frame = pd.DataFrame(DIGITS.X, columns=[f"pixel {i}" for i in range(64)]).assign(
        digit=NAMES[DIGITS.y]
    )
    frame.to_parquet(table)
    ended = run("train", table, "--label", "digit", *CHEAP, "--out", model)
    assert ended.code == 0, ended
    assert "digits: 1,437 examples, 64 features (8 x 8 x 1, uint8), 10 classes" in ended.out
    digits = run("train", "digits", *CHEAP)
    assert accuracy(ended.out, "train") == accuracy(digits.out, "train")
    assert accuracy(run("evaluate", model, table, "--label", "digit").out, "all") == accuracy(
        ended.out, "train"
    )
    labelled = run("predict", model, table, "--label", "digit")
    frame.drop(columns="digit").to_parquet(table)
    assert run("predict", model, table) == labelled
    assert labelled.out.splitlines()[1].split(",")[1] in NAMES


def fitted_and_saved(path, labels=DIGITS.y, loss="softmax", **notes):
    classifier = LinearClassifier(loss, strength=0.1, tol=0.1).fit(DIGITS.X, labels)
    halfspaces.save(classifier, path, **notes)
    return classifier


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_top_classes_in_every_format(run, tmp_path, suffix, loss):
    classifier = fitted_and_saved(tmp_path / "model", loss=loss, class_names=NAMES.tolist())
    table = tmp_path / f"table{suffix}"
    assert run("predict", tmp_path / "model", "digits", "--top", 3, "--out", table) == (0, "", "")
    read = {
        ".csv": pd.read_csv,
        ".jsonl": lambda path: pd.read_json(path, lines=True),
        ".parquet": pd.read_parquet,
    }
    told = read[suffix](table)
    in_blocks = tmp_path / f"in blocks{suffix}"
    columns = prediction_table.Columns(halfspaces.load(tmp_path / "model"), top=3)
    prediction_table.write(columns, X_TEST, in_blocks, Limits(scores=500))
    pd.testing.assert_frame_equal(read[suffix](in_blocks), told, atol=1e-6)  # float32
    worth = (classifier.predict_proba if loss == "softmax" else classifier.decision_function)(
        X_TEST
    )
    word, order = "p" if loss == "softmax" else "score", np.argsort(-worth, axis=1)[:, :3]
    assert list(told) == [
        "row",
        "label",
        *(f"{name}_{place}" for place in (1, 2, 3) for name in ("top", word)),
    ]
    assert told["row"].tolist() == list(range(360))
    assert told["label"].tolist() == NAMES[classifier.predict(X_TEST)].tolist()
    assert told[["top_1", "top_2", "top_3"]].to_numpy().tolist() == NAMES[order].tolist()
    best = np.take_along_axis(worth, order, axis=1)
    np.testing.assert_allclose(
        told[[f"{word}_{place}" for place in (1, 2, 3)]], best, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_top_of_two_classes(run, tmp_path, loss):
    classifier = fitted_and_saved(tmp_path / "model", np.where(DIGITS.y > 4, "high", "low"), loss)
    assert (
        run(
            "predict", tmp_path / "model", "digits", "--top", 5, "--out", tmp_path / "table.csv"
        ).code
        == 0
    )
    told = pd.read_csv(tmp_path / "table.csv")
    labels = classifier.predict(X_TEST)
    assert told["label"].tolist() == told["top_1"].tolist() == labels.tolist()
    assert told["top_2"].tolist() == np.where(labels == "high", "low", "high").tolist()
    if loss == "softmax":
        np.testing.assert_allclose(told["p_1"] + told["p_2"], 1, atol=1e-5)
    else:
        np.testing.assert_allclose(
            told["score_1"] - told["score_2"],
            np.abs(classifier.decision_function(X_TEST)),
            rtol=1e-4,
        )


@pytest.mark.parametrize("n_classes", [2, 10])
def test_calibrated_labels_are_the_most_probable(run, tmp_path, n_classes):
    y = DIGITS.y if n_classes == 10 else DIGITS.y > 4
    classifier = LinearClassifier(strength=0.1).fit(DIGITS.X, y)
    lines = (1.0,) if n_classes == 2 else tuple(np.linspace(0.1, 1.0, 10))
    classifier.calibration_ = Sigmoid(lines, (*lines[:-1], -3.0))
    halfspaces.save(classifier, tmp_path / "model")
    for options in ((), ("--top", 1, "--overwrite")):
        run("predict", tmp_path / "model", "digits", *options, "--out", tmp_path / "table.csv")
        told = pd.read_csv(tmp_path / "table.csv")
        assert told["label"].tolist() == classifier.predict(X_TEST).tolist()
    assert told["top_1"].tolist() == told["label"].tolist()


def test_predictions_that_cannot_be_written(refused, digits_model, tmp_path, monkeypatch):
    words = f"--out {tmp_path / 'a.txt'} must end in .csv, .parquet, .jsonl or .json."
    assert (
        refused(["predict", digits_model, "digits", "--out", tmp_path / "a.txt"], words).out == ""
    )
    refused(["predict", digits_model, "digits", "--top", "0"], "--top must be at least 1, got 0.")

    def full(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    refused(
        ["predict", digits_model, "digits", "--out", tmp_path / "a.csv"],
        "a.csv cannot be written: No space left on device",
    )
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(
        ["predict", digits_model, "digits", "--out", tmp_path / "a.parquet"],
        "pip install 'halfspaces[parquet]'.",
    )


# --- the rest -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cache")
def test_predictions_keep_within_a_memory(run, refused, digits_model, tmp_path, monkeypatch):
    column = pa.FixedSizeListArray.from_arrays(pa.array(DIGITS.X.reshape(-1)), 64)
    for shard in range(3):
        rows = pa.table({"embedding": column, "label": DIGITS.y}).slice(479 * shard, 479)
        pa.parquet.write_table(rows, tmp_path / f"train-{shard}.parquet")
    made = []
    monkeypatch.setattr(
        np,
        "memmap",
        lambda *given, memmap=np.memmap, **more: made.append(given) or memmap(*given, **more),
    )
    outs = [run("predict", digits_model, tmp_path, *given) for given in ((), ("--memory", "1GB"))]
    assert outs[0].out == outs[1].out
    assert made == []
    model, folder = halfspaces.load(digits_model), str(tmp_path)
    rows, _ = model_data.open_rows(model, folder, memory=2e4)
    assert len(made) == 1, "within 20 kB the rows lie on disk"
    np.testing.assert_array_equal(rows, DIGITS.X)
    model_data.open_dataset(model, folder, memory=2e4)
    assert len(made) == 2
    refused(["predict", digits_model, tmp_path, "--memory", "1"], "--memory must be at least 256MB")

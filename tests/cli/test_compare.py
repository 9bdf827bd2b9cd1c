"""`halfspaces compare`, and `train --threshold`."""

import json

import numpy as np
import pytest

import halfspaces
from halfspaces import LinearClassifier
from tests.helpers import DIGITS, npz, stripes

X_TEST = np.asarray(DIGITS.X_test)
Y_TEST = np.asarray(DIGITS.y_test)


@pytest.fixture(scope="module")
def worse_model(tmp_path_factory):
    """A classifier of the digits that has seen few."""
    path = tmp_path_factory.mktemp("worse") / "worse.safetensors"
    X = np.asarray(DIGITS.X)[:60]
    halfspaces.save(LinearClassifier("hinge", strength=1, tol=0.1).fit(X, DIGITS.y[:60]), path)
    return path


def test_two_models_on_the_same_rows(run, digits_model, worse_model):
    ended = run("compare", worse_model, digits_model, "--data", "digits")
    assert (ended.code, ended.err) == (0, "")
    assert "digits is better than worse by " in ended.out
    shown = json.loads(run("compare", worse_model, digits_model, "--data", "digits", "--json").out)
    (found,) = shown["comparisons"]
    right = [
        halfspaces.load(path).predict(X_TEST) == Y_TEST for path in (worse_model, digits_model)
    ]
    difference = found["accuracy"]["difference"]
    assert difference["value"] == pytest.approx(right[1].mean() - right[0].mean())
    assert difference["low"] > 0
    assert found["accuracy"]["second_only"] == np.sum(right[1] & ~right[0])
    assert found["log_loss"] is None
    assert found["p_value"] < 0.05
    assert list(shown["models"]) == ["worse", "digits"]


def test_models_of_other_features_are_compared_on_the_same_images(run, patches_model, tmp_path):
    images, y = stripes(30)
    data = npz(tmp_path / "d.npz", X=images, y=y)
    pixels = tmp_path / "pixels.safetensors"
    given = ("--features", "pixels", "--strength", 0.1, "--out", pixels)
    assert run("train", data, *given).code == 0
    out = tmp_path / "f.json"
    ended = run("compare", patches_model, pixels, "--data", data, "--out", out)
    assert ended.code == 0, ended
    assert json.loads(out.read_text())["rows"] == 30
    assert "a model that was fitted to some of them is better on these" in ended.out


def test_losses_are_trained_each_with_its_own_strength(run):
    given = ("--losses", "squared_hinge,softmax", "--strengths", "1,0.01", "--json")
    shown = json.loads(run("compare", *given).out)
    assert {name: each["strength"] for name, each in shown["models"].items()} == {
        "squared_hinge": 0.01,
        "softmax": 0.01,
    }
    assert shown["part"] == "test"
    assert shown["rows"] == len(Y_TEST)
    assert "log_loss" in shown["models"]["softmax"]
    assert "log_loss" not in shown["models"]["squared_hinge"]


def test_without_test_rows_some_are_held_out(run, tmp_path):
    data = npz(tmp_path / "d.npz")
    ended = run(
        "compare", "--losses", "softmax,ova_logistic", "--strengths", "0.1,0.01", "--data", data
    )
    assert f"rows        {round(len(DIGITS.y) / 4)} held-out rows of d" in ended.out, ended


def test_wrong_calls_are_one_sentence(refused, digits_model):
    model = str(digits_model)
    refused(["compare", model], "compare needs two models, got 1")
    refused(["compare", model, model], "is both models; give two")
    refused(["compare", model, "--losses", "hinge,softmax"], "--losses trains its models")
    refused(["compare", "--losses", "hinge"], "must name two losses or more")
    refused(["compare", "--losses", "hinge,hing"], "hing, which is not known", "'hinge'")
    refused(["compare", model, "no", "--folds", "3"], "--folds 3 belongs to --losses")
    refused(["compare", model, "no"], "There is no model file")


# --- train --threshold ----------------------------------------------------------------------------


def test_a_threshold_is_chosen_saved_shown_and_repeated(run, refused, tmp_path):
    data = npz(tmp_path / "d.npz", y=(DIGITS.y == 8) * 1, class_names=np.array(["other", "eight"]))
    model = tmp_path / "m.safetensors"
    given = ("--strengths", "0.1,0.01", "--folds", 3)
    ended = run("train", data, *given, "--threshold", "recall=0.99", "--out", model)
    assert ended.code == 0, ended
    (line,) = [each for each in ended.out.splitlines() if each.startswith("threshold")]
    assert "eight above a probability of 0." in line
    assert "recall of at least 0.99 with precision" in line
    for command in ("info", "evaluate"):
        arguments = [model, data] if command == "evaluate" else [model]
        assert line in run(command, *arguments).out
    classifier = halfspaces.load(model)
    X = np.asarray(DIGITS.X)
    expected = classifier.decision_function(X) > classifier.threshold_.score
    names = np.where(expected, "eight", "other").tolist()
    for options in ([], ["--top", "1"], ["--explain", "1"]):
        lines = run("predict", model, data, *options).out.splitlines()[1:]
        assert [each.split(",")[1] for each in lines] == names
    repeated = run("train", "--run", tmp_path / "m.run.toml")
    assert line in repeated.out
    refused(["train", "digits", "--threshold", "f1"], "--threshold='f1' is for two classes, got 10")
    refused(["train", data, "--threshold", "recall"], "--threshold='recall' needs the least value")
    sgd = ["train", data, "--threshold", "f1", "--optimizer", "sgd"]
    refused(sgd, "--threshold f1 needs --optimizer auto, got")
    refused(["export", model, "--to", "onnx"], "The model has a threshold (recall=0.99)")


def test_features_learned_in_each_fold_have_a_threshold(run, tmp_path):
    images, y = stripes(40)
    data = npz(tmp_path / "d.npz", X=images, y=y)
    given = ("--features", "patches(n=6, size=3)", "--strengths", "0.1,0.01", "--folds", 2)
    ended = run("train", data, *given, "--threshold", "balanced_accuracy")
    assert ended.code == 0, ended
    assert "threshold   1 above a probability of 0." in ended.out

"""`halfspaces evaluate` and `predict --explain`: figures with intervals, and why a class."""

import json

import numpy as np
import pandas as pd
import pytest

import halfspaces
from halfspaces import LinearClassifier
from halfspaces.estimators.explanation import contributions
from halfspaces.features import parse
from halfspaces.features.lazy_rows import Described
from halfspaces.features.places import places_of
from tests.helpers import DIGITS, npz, stripes

X_TEST = np.asarray(DIGITS.X_test)
Y_TEST = np.asarray(DIGITS.y_test)


def test_figures_are_printed_and_written(run, refused, digits_model, tmp_path):
    ended = run("evaluate", digits_model, "digits")
    assert (ended.code, ended.err) == (0, "")
    for name in ("balanced accuracy", "macro F1", "top-5 accuracy", "log-loss", "calibration"):
        assert name in ended.out
    assert "example" in ended.out.split("most often confused\n")[1]
    shown = json.loads(run("evaluate", digits_model, "digits", "--json").out)
    out = tmp_path / "figures.json"
    assert run("evaluate", digits_model, "digits", "--out", out).code == 0
    written = json.loads(out.read_text())
    assert written.pop("about").startswith("This table of figures was written by halfspaces")
    assert written == shown
    figures = halfspaces.evaluate(halfspaces.load(digits_model), X_TEST, Y_TEST)
    assert shown["figures"]["macro_f1"]["low"] == figures["macro_f1"].low
    assert shown["part"] == "test"
    refused(["evaluate", digits_model, "digits", "--out", "f.csv"], "--out f.csv must end in .json")


def test_two_classes_have_rankings_and_losses_without_probabilities_say_so(run, tmp_path):
    y = (DIGITS.y < 5) * 1
    data = npz(tmp_path / "d.npz", y=y, class_names=np.array(["large", "small"]))
    model = tmp_path / "m.safetensors"
    classifier = LinearClassifier("hinge", strength=0.1, tol=0.1).fit(DIGITS.X, y)
    halfspaces.save(classifier, model, class_names=["large", "small"])
    out = run("evaluate", model, data).out
    assert "ROC AUC" in out
    assert "log-loss and calibration error: the loss gives no probabilities" in out
    assert "of large taken for small" in out


def test_features_of_images_are_computed_once(run, patches_model, tmp_path, monkeypatch):
    images, y = stripes(30)
    data = npz(tmp_path / "d.npz", X=images, y=y)
    seen = []
    real = Described.__getitem__

    def counted(self, rows):
        seen.append(len(self.images[rows]))
        return real(self, rows)

    monkeypatch.setattr(Described, "__getitem__", counted)
    assert run("evaluate", patches_model, data).code == 0
    assert sum(seen) == 30


# --- why ------------------------------------------------------------------------------------------


def test_contributions_add_up_to_the_score(run, refused, tmp_path, digits_model):
    classifier = halfspaces.load(digits_model)
    predicted = classifier.predict(X_TEST)
    added = contributions(classifier, X_TEST, predicted)
    at_mean = classifier.decision_function(np.asarray(DIGITS.X, float).mean(axis=0)[None])
    scores = classifier.decision_function(X_TEST) - at_mean
    np.testing.assert_allclose(
        added.sum(axis=1), scores[np.arange(len(predicted)), predicted], atol=1e-3
    )
    out = tmp_path / "p.csv"
    assert run("predict", digits_model, "digits", "--explain", 2, "--out", out).code == 0
    table = pd.read_csv(out)
    first = int(added[0].argmax())
    assert table.because_1[0] == f"x{first}"
    np.testing.assert_allclose(table.adds_1, added.max(axis=1), rtol=1e-4)
    assert (table.adds_1 >= table.adds_2).all()
    refused(["predict", digits_model, "digits", "--explain", "0"], "--explain must be at least 1")


def test_columns_of_tables_are_named(run, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"width": rng.normal(size=60), "noise": rng.normal(size=60)})
    frame["label"] = np.where(frame.width > 0, "wide", "narrow")
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = tmp_path / "m.safetensors"
    trained = run("train", tmp_path / "t.csv", "--strength", 0.01, "--out", model)
    assert trained.code == 0, trained
    lines = run("predict", model, tmp_path / "t.csv", "--explain", 1).out.splitlines()
    assert lines[0] == "row,label,because_1,adds_1"
    assert sum(",width," in line for line in lines) > 50


@pytest.mark.parametrize("words", ["pixels", "hog", "hog(cell=4, block=None)", "lbp", "hog+pixels"])
def test_every_column_of_an_image_feature_has_its_place(words):
    """A change outside the region that is named leaves the column as it was."""
    images, _ = stripes(8)
    feature = parse(words).fit(images)
    places = places_of(feature)
    before = feature.transform(images)
    assert len(places) == before.shape[1]
    changed = images.copy()
    changed[:, 12:, 12:] = 255 - changed[:, 12:, 12:]
    moved = np.abs(feature.transform(changed) - before).max(axis=0) > 1e-6
    if "block=2" in words or words.startswith("hog+") or words == "hog":
        return  # cells of a block are normalized together
    for place, is_moved in zip(places, moved, strict=True):
        if place.startswith("row "):
            row, column = (int(part.split()[1]) for part in place.split(", ")[:2])
            assert is_moved <= (row >= 12 and column >= 12)
        else:
            ends = [int(part.rsplit("-", 1)[1]) for part in place.split(", ")]
            assert is_moved <= (min(ends) + 4 >= 12)  # votes are shared with the next cells

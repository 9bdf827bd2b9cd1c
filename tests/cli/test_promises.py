"""`data suspects`, `predict --coverage` and `predict --max-error`."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import halfspaces
from tests.helpers import DIGITS, npz, stripes

SMALL = ("--strengths", "0.1,0.01", "--features", "pixels")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """400 digits, of which row 3 has another label."""
    y = DIGITS.y[:400].copy()
    y[3] = (y[3] + 1) % 10
    return npz(tmp_path_factory.mktemp("data") / "d.npz", X=DIGITS.X[:400], y=y)


def test_suspects_are_listed(run, data, tmp_path):
    out = tmp_path / "s.csv"
    ended = run("data", "suspects", data, "--strengths", "0.1,0.01", "--level", 0.05, "--out", out)
    assert ended.code == 0, ended
    table = pd.read_csv(out)
    assert list(table) == ["row", "label", "likely", "score"]
    first = table[table["row"] == 3].iloc[0]
    assert (first["label"], first["likely"]) == ((DIGITS.y[3] + 1) % 10, DIGITS.y[3])
    assert table["score"].is_monotonic_increasing
    assert f"{len(table)} of 400 labels" in ended.out
    assert "share of all labels" in ended.out


@pytest.mark.slow
def test_suspects_of_images_name_their_files_also_with_features_that_learn(run, tmp_path):
    images, y = stripes(60)
    for number, (image, label) in enumerate(zip(images, y, strict=True)):
        folder = tmp_path / "d" / ("ab"[1 - label] if number == 5 else "ab"[label])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:02}.png")
    options = ("--features", "patches(n=8, size=3)", "--strengths", "0.1,0.01", "--loss", "hinge")
    out = tmp_path / "s.jsonl"
    assert run("data", "suspects", tmp_path / "d", *options, "--level", 0.3, "--out", out).code == 0
    table = pd.read_json(out, lines=True)
    assert table["file"][0].endswith("05.png")
    assert {table["label"][0], table["likely"][0]} == {"a", "b"}


def test_sets_and_accepted_labels_are_written(run, data, tmp_path):
    model = tmp_path / "m"
    assert run("train", data, *SMALL[:2], "--folds", 5, "--out", model).code == 0
    ended = run("predict", model, "digits", "--coverage", 0.98, "--max-error", 0.05, "--top", 1)
    assert "labels with a probability of at least" in ended.err
    (tmp_path / "p.csv").write_text(ended.out)
    table = pd.read_csv(tmp_path / "p.csv", dtype={"set": str})
    classifier = halfspaces.load(model)
    sets = classifier.predict_set(DIGITS.X_test, 0.98)
    assert [len(each.split(" | ")) for each in table["set"]] == sets.sum(axis=1).tolist()
    assert [each.split(" | ")[0] for each in table["set"]] == table["label"].astype(str).tolist()
    np.testing.assert_array_equal(table["accepted"], classifier.accepts(DIGITS.X_test, 0.05))
    assert 0 < table["accepted"].mean() < 1


def test_a_search_with_features_that_learn_makes_promises(run, tmp_path):
    images, y = stripes(40)
    path = npz(tmp_path / "s.npz", X=images, y=y)
    options = ("--features", "patches(n=8, size=3)", "--strengths", "0.1,0.01", "--folds", 3)
    assert run("train", path, *options, "--out", tmp_path / "m").code == 0
    reliability = halfspaces.load(tmp_path / "m").reliability_
    assert reliability is not None
    assert reliability.sets.every.count == 40


def test_what_cannot_be_promised_is_one_sentence(run, refused, data, tmp_path):
    plain = tmp_path / "plain"
    assert run("train", data, "--strength", 1, "--out", plain).code == 0
    predict = f"predict {plain}.safetensors {data}"
    refused(f"{predict} --coverage 0.9", "no scores of held-out rows", "--strength", "--calibrate")
    refused(f"{predict} --by-class", "--by-class belongs to --coverage")
    refused(f"{predict} --coverage 1.5", "--coverage must be above 0 and below 1, got 1.5")
    refused(f"{predict} --max-error 0", "--max-error must be above 0")
    refused(f"data suspects {data} --level 2", "--level must be above 0 and below 1")
    refused(f"data suspects {data} --folds 1 --strengths 0.1", "--folds")
    refused("data suspects nothing.csv", "nothing.csv")

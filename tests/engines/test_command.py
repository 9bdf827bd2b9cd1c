"""`halfspaces train --engine`."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from halfspaces import load
from tests.helpers import DIGITS


@pytest.fixture
def pattern(tmp_path):
    """The digits as two Parquet files of lists."""
    for p, rows in enumerate(np.array_split(np.arange(len(DIGITS.y)), 2)):
        table = {"x": list(DIGITS.X[rows].astype(np.float32)), "label": DIGITS.y[rows]}
        pq.write_table(pa.table(table), tmp_path / f"part-{p}.parquet")
    return f"{tmp_path}/part-*.parquet"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_local_cluster_trains_to_the_end(run, tmp_path, pattern, name):
    pytest.importorskip({"dask": "distributed", "ray": "ray"}[name])
    options = ("--engine", name, "--cluster", "local", "--jobs", 2)
    ended = run("train", pattern, *options, "--out", tmp_path / "there")
    assert ended.code == 0, ended
    assert f"rows lie in 2 partitions on {name}" in ended.out
    here = ("--engine", "threads", "--jobs", 2)
    assert run("train", pattern, *here, "--out", tmp_path / "here").code == 0
    fits = [load(tmp_path / f"{where}.safetensors") for where in ("there", "here")]
    assert np.array_equal(fits[0].coef_, fits[1].coef_)


def test_a_pattern_needs_an_engine(refused, pattern):
    refused(["train", pattern], "is a pattern of files", "give --engine threads, dask or ray")
    refused(["train", pattern, "--engine", "threads", "--report", "r.html"], "--report draws rows")


def test_an_engine_changes_no_prediction(run, tmp_path):
    fits = []
    for name, options in (("here", []), ("parts", ["--engine", "threads", "--jobs", "2"])):
        path = tmp_path / f"{name}.safetensors"
        run("train", "digits", "--strength", "0.1", "--budget", "0", "--out", path, *options)
        fits.append(load(path))
    assert fits[1].coef_ == pytest.approx(fits[0].coef_, abs=2e-3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "spark"], "--engine spark is not known"),
        (["--cluster", "local"], "--cluster belongs to --engine; give --engine dask, too."),
        (["--engine", "dask", "--device", "cpu"], "leave --engine out, or --score and --device."),
    ],
)
def test_what_no_engine_does_is_refused(refused, options, words):
    refused(["train", "digits", *options], words)


def predicted(folder):
    """The joined parts of a folder, as the readers of tables see them."""
    return pq.read_table(folder).to_pandas()


def test_predictions_are_parts_of_one_table(run, pattern, tmp_path, digits_model):
    out = tmp_path / "parts"
    options = ("--engine", "threads", "--top", 2, "--out", out)
    assert run("predict", digits_model, pattern, *options).code == 0
    whole = tmp_path / "whole.parquet"
    assert run("predict", digits_model, tmp_path, "--top", 2, "--out", whole).code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    found, expected = predicted(out), predicted(whole)
    for column in ("row", "label", "top_1", "top_2"):
        assert found[column].tolist() == expected[column].tolist()
    assert np.allclose(found["p_1"], expected["p_1"])


def test_features_are_computed_where_the_parts_are_written(run, tmp_path, photos, patches_model):
    there = ("--engine", "threads", "--jobs", 2, "--out", tmp_path / "p")
    ended = run("predict", patches_model, photos, *there)
    assert ended.code == 0, ended
    assert run("predict", patches_model, photos, "--out", tmp_path / "w.parquet").code == 0
    found, expected = predicted(tmp_path / "p"), predicted(tmp_path / "w.parquet")
    assert found["label"].tolist() == expected["label"].tolist()
    assert found["file"].tolist() == expected["file"].tolist()


@pytest.mark.parametrize("data", ["digits", "folder"])
def test_images_with_labels_are_predicted_in_parts(run, tmp_path, digits_model, data):
    if data == "folder":
        data = tmp_path / "photos"
        for row, label in enumerate(DIGITS.y[:20]):
            (data / str(label)).mkdir(parents=True, exist_ok=True)
            pixels = (DIGITS.X[row] * 15).astype(np.uint8).reshape(8, 8)
            Image.fromarray(pixels).save(data / str(label) / f"{row}.png")
    there = ("--engine", "threads", "--jobs", 2, "--out", tmp_path / "there")
    assert run("predict", digits_model, data, *there).code == 0
    assert run("predict", digits_model, data, "--out", tmp_path / "here.parquet").code == 0
    found, expected = predicted(tmp_path / "there"), predicted(tmp_path / "here.parquet")
    assert found["label"].tolist() == expected["label"].tolist()


def test_a_part_that_fails_leaves_no_folder(run, pattern, tmp_path, digits_model):
    pq.write_table(pa.table({"x": [[1.0] * 63], "label": [0]}), tmp_path / "part-1.parquet")
    ended = run("predict", digits_model, pattern, "--engine", "threads", "--out", tmp_path / "p")
    assert ended.code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-0.parquet", "part-1.parquet"]


def test_what_cannot_be_written_in_parts_is_refused(refused, tmp_path, pattern, digits_model):
    there = ["predict", str(digits_model), pattern, "--engine", "threads"]
    refused(there, "writes a folder of Parquet parts, got no --out")
    refused([*there, "--out", "a.csv"], "got --out a.csv; give --out FOLDER")
    refused([*there, "--out", str(tmp_path)], "exists; give the name of a new folder")
    refused([*there[:3], "--cluster", "local"], "--cluster belongs to --engine")
    refused([*there[:3], pattern, "--engine", "dask", "--out", "p"], "predicts one data set, got 2")


def accuracy(ended):
    """Of `evaluate --json`."""
    assert ended.code == 0, ended
    return json.loads(ended.out)["figures"]["accuracy"]["value"]


FEATURES = ("hog(cell=4)", "patches(n=8, size=3)")  # of the second each fold learns its own


@pytest.mark.parametrize("features", FEATURES)
def test_an_engine_computes_the_features_of_a_training(run, tmp_path, features):
    found = []
    for name, options in (("here", []), ("there", ["--engine", "threads", "--jobs", "2"])):
        out = tmp_path / f"{name}.safetensors"
        ended = run("train", "digits", "--features", features, "--out", out, *options)
        assert ended.code == 0, ended
        model = load(out)
        found.append(run("evaluate", out, "digits", "--json", *options))
        assert accuracy(found[-1]) == model.notes_["metrics"]["test"]
    here, there = map(accuracy, found)
    assert there == pytest.approx(here, abs=0.01)

"""`halfspaces train --engine`."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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

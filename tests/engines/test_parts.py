"""Predictions in parts on clusters of processes: the same ones, also when a worker dies."""

import json
import threading
import time
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from halfspaces import load
from halfspaces.cli import cluster
from halfspaces.engines import Threads
from tests.engines.test_clusters import kill_one
from tests.engines.test_command import FEATURES
from tests.helpers import DIGITS

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of Dask, Ray and their servers
    pytest.mark.xdist_group("clusters"),
]
PARTS, ROWS = 24, 4000


@pytest.fixture
def run_on(run, monkeypatch):
    """Run a command on an engine that is there."""

    def ran(engine, *command):
        @contextmanager
        def started(*_):
            yield engine

        with monkeypatch.context() as patched:
            patched.setattr(cluster, "started", started)
            ended = run(*command, "--engine", engine.name)
        assert ended.code == 0, ended
        return ended

    return ran


@pytest.fixture
def predicted(run, run_on, engine):
    """Predict with a model on the cluster, and without: two tables."""

    def of(model, data, folder):
        run_on(engine, "predict", model, data, "--out", folder / "there")
        source = folder / "parts" if "*" in str(data) else data
        assert run("predict", model, source, "--out", folder / "here.parquet").code == 0
        return [pq.read_table(folder / name).to_pandas() for name in ("there", "here.parquet")]

    return of


@pytest.mark.slow
def test_a_worker_that_dies_loses_and_doubles_no_prediction(
    predicted, engine, tmp_path, digits_model
):
    rng = np.random.default_rng(0)
    (tmp_path / "parts").mkdir()
    for part in range(PARTS):
        table = {"x": list(DIGITS.X[rng.integers(len(DIGITS.X), size=ROWS)].astype(np.float32))}
        pq.write_table(pa.table(table), tmp_path / "parts" / f"{part:02}.parquet")
    written = []

    def kill():
        until = time.monotonic() + 60
        while not written and time.monotonic() < until:
            written[:] = tmp_path.glob(".there.*.tmp/part-*.parquet")
            time.sleep(0.002)
        kill_one(engine)

    killer = threading.Thread(target=kill)
    killer.start()
    found, expected = predicted(digits_model, f"{tmp_path}/parts/*.parquet", tmp_path)
    killer.join()
    assert 0 < len(written) < PARTS, "no worker died while it predicted"
    assert len(list((tmp_path / "there").iterdir())) == PARTS
    assert not list(tmp_path.glob(".there.*"))
    assert found["row"].tolist() == list(range(PARTS * ROWS))
    assert found["label"].tolist() == expected["label"].tolist()


@pytest.mark.slow
def test_workers_compute_the_features_of_images(predicted, tmp_path, photos, patches_model):
    found, expected = predicted(patches_model, photos, tmp_path)
    assert found["label"].tolist() == expected["label"].tolist()
    assert found["file"].tolist() == expected["file"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("features", FEATURES)
def test_a_training_on_images_has_the_bits_of_threads(run_on, tmp_path, engine, features):
    fits, figures = [], []
    for each in (engine, Threads(engine.slots)):
        out = tmp_path / f"{each.name}.safetensors"
        run_on(each, "train", "digits", "--features", features, "--out", out)
        fits.append(load(out))
        figures.append(json.loads(run_on(each, "evaluate", out, "digits", "--json").out))
    assert np.array_equal(fits[0].coef_, fits[1].coef_)
    for each in figures:
        del each["model"]
    assert figures[0] == figures[1]

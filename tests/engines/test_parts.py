"""Predictions in parts on clusters of processes: the same ones, also when a worker dies."""

import threading
import time
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from halfspaces.cli import cluster
from tests.engines.test_clusters import kill_one
from tests.helpers import DIGITS

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of Dask, Ray and their servers
    pytest.mark.xdist_group("clusters"),
]
PARTS, ROWS = 24, 4000


@pytest.fixture
def predicted(run, engine, monkeypatch):
    """Predict with a model on the cluster, and without: two tables."""

    @contextmanager
    def started(*_):
        yield engine

    def of(model, data, folder):
        with monkeypatch.context() as patched:
            patched.setattr(cluster, "started", started)
            there = ("--engine", engine.name, "--out", folder / "there")
            ended = run("predict", model, data, *there)
        assert ended.code == 0, ended
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
def test_workers_compute_the_features_of_images(predicted, tmp_path, patches_model):
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(folder / f"{i:02}.png")
    found, expected = predicted(patches_model, folder, tmp_path)
    assert found["label"].tolist() == expected["label"].tolist()
    assert found["file"].tolist() == expected["file"].tolist()

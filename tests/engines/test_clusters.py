"""Dask and Ray on two processes of this machine: the bits of threads, also when a worker dies."""

import os
import signal
import time

import numpy as np
import pytest
from scipy.sparse import csr_array

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.engines import PartitionedBlocks, Threads, place
from halfspaces.engines.held import pieces_of
from halfspaces.testing import check_engine

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of Dask, Ray and their servers
    pytest.mark.xdist_group("clusters"),
]


def test_every_engine_has_the_bits_of_threads(engine):
    check_engine(engine)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"penalty": "l1"}, {"loss": "hinge", "tol": 1e-2}])
def test_a_search_for_the_strength_has_the_bits_of_threads(engine, digits, options):
    X, y = digits
    here = place(X, Threads(2), 5)
    one, other = (
        LinearClassifierCV(strengths=[0.1, 0.03], cv=3, **options).fit(rows, y)
        for rows in (here, here.moved_to(engine))
    )
    assert np.array_equal(one.coef_, other.coef_)
    assert np.array_equal(one.scores_, other.scores_)


def kill_one(engine):
    """Kill the process of a worker, as the system does when memory runs out."""
    if engine.name == "dask":
        pids = sorted(engine.client.run(os.getpid).values())
    else:
        import ray

        pids = ray.get([actor.pid.remote() for actor in engine._actors.values()])
    os.kill(pids[0], signal.SIGKILL)


def test_a_worker_that_dies_in_a_fit_changes_no_bit(engine, digits):
    X, y = digits
    here = place(X, Threads(2), 5)
    killed = []

    def kill(run):
        if not killed and run.passes > 5:
            killed.append(True)
            kill_one(engine)

    expected = LinearClassifier(tol=1e-6).fit(here, y)
    there = here.moved_to(engine)
    found = LinearClassifier(tol=1e-6, callbacks=[kill]).fit(there, y)
    assert killed
    assert np.array_equal(found.coef_, expected.coef_)
    assert found.result_.passes == expected.result_.passes


def test_a_slow_worker_is_waited_for(engine, digits):
    X, y = digits
    here = place(X, Threads(2), 4)

    def visit(block):
        if block.rows[0] == 0:
            time.sleep(1.5)  # longer than Dask's client waits before it looks after the worker
        return (block.X.sum(axis=0),)

    expected, found = (
        PartitionedBlocks(rows, y).sum(visit) for rows in (here, here.moved_to(engine))
    )
    assert np.array_equal(found[0], expected[0])


def test_a_pass_is_one_call_of_each_worker(engine, digits, monkeypatch):
    X, y = digits
    blocks = PartitionedBlocks(place(X, engine, 8), y)
    blocks.sum(lambda block: (block.X.sum(axis=0),))
    calls = []
    submit = engine.submit
    monkeypatch.setattr(engine, "submit", lambda *call: calls.append(call) or submit(*call))
    blocks.sum(lambda block: (block.X.sum(axis=0),))
    assert len(calls) == len(set(engine.workers()))
    assert all(not call.given for _, call, _ in calls)  # labels were sent before


def test_pieces_that_overtake_each_other_are_sent_once(engine, monkeypatch):
    monkeypatch.setattr("halfspaces.engines.held.PIECE", 1 << 16)
    monkeypatch.setattr("halfspaces.engines.sending.pieces_of", lambda rows: pieces_of(rows)[::-1])
    X = np.random.default_rng(0).standard_normal((4000, 64))
    sent, arrived = [], []
    send = engine.send
    monkeypatch.setattr(engine, "send", lambda *each: sent.append(each[2].start) or send(*each))
    rows = place(X, engine, 2)
    engine.hold(rows, arrived.append)
    assert sum(arrived) == len(X)
    sums = PartitionedBlocks(rows, np.zeros(len(X), int)).sum(lambda b: (b.X.sum(axis=0),))
    assert np.allclose(sums[0], X.sum(axis=0))
    assert sorted(sent) == sorted([*range(0, 2000, 128)] * 2)


def test_dask_collections(dask_client, digits):
    da = pytest.importorskip("dask.array")
    dd = pytest.importorskip("dask.dataframe")
    pd = pytest.importorskip("pandas")
    X, y = digits
    rows = da.from_array(X, chunks=(500, 20))
    expected = LinearClassifier().fit(place(X, Threads(2), [500, 500, 500, 297]), y)
    found = LinearClassifier().fit(rows, da.from_array(y, chunks=600))
    assert np.array_equal(found.coef_, expected.coef_)
    check_lazy(found, rows, X)
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)]).assign(label=y)
    named = LinearClassifier().fit(dd.from_pandas(frame, npartitions=3), "label")
    assert named.feature_names_in_[1] == "pixel 1"
    assert np.abs(named.coef_ - expected.coef_).max() < 1e-6
    there = dd.from_pandas(frame, npartitions=3)
    rows = frame.drop(columns="label")
    assert (
        named.predict(there.drop(columns="label"))
        .compute()
        .equals(pd.Series(named.predict(rows), name="label"))
    )
    shares = named.predict_proba(there.drop(columns="label")).compute()
    assert list(shares.columns) == [str(label) for label in range(10)]
    assert np.array_equal(shares, named.predict_proba(rows))
    assert named.score(there, "label") == named.score(rows, y)


def check_lazy(classifier, rows, X):
    """Predictions of a dask array are dask arrays with the values of those of X."""
    for method in ("predict", "decision_function", "predict_proba", "predict_log_proba"):
        predicted = getattr(classifier, method)(rows)
        assert predicted.chunks[0] == rows.chunks[0]
        expected = getattr(classifier, method)(X)
        assert predicted.shape == expected.shape
        assert predicted.dtype == expected.dtype
        assert np.allclose(predicted, expected, atol=1e-12)


def test_dask_arrays_of_sparse_blocks(dask_client, digits):
    da = pytest.importorskip("dask.array")
    X, y = digits
    blocks = da.from_array(X, chunks=(600, 64)).map_blocks(csr_array, dtype=X.dtype)
    expected = LinearClassifier().fit(place(csr_array(X), Threads(2), [600, 600, 597]), y)
    assert np.array_equal(LinearClassifier().fit(blocks, y).coef_, expected.coef_)


def test_ray_data_sets(ray_engine, digits):
    import pandas as pd
    import ray.data

    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)]).assign(label=y)
    data = ray.data.from_pandas([frame[:600], frame[600:]])
    expected = LinearClassifier().fit(place(X, Threads(2), [600, 1197]), y)
    found = LinearClassifier().fit(data, "label")
    assert np.array_equal(found.coef_, expected.coef_)
    assert found.score(data, "label") == expected.score(X, y)
    assert np.array_equal(found.predict(data.drop_columns(["label"])), expected.predict(X))

"""What clusters do to a fit: a scheduler that dies, workers too small or of other versions."""

import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from halfspaces import LinearClassifier
from halfspaces.callbacks import Checkpoint
from halfspaces.engines import EngineError, Threads, place
from tests.engines.servers import dask_cluster, ray_head
from tests.helpers import assert_one_sentence

pytest.importorskip("distributed")

from halfspaces.engines import Dask, connections

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of Dask and its servers
    pytest.mark.xdist_group("clusters"),
]


@pytest.fixture(scope="module")
def quiet(digits):
    """A fit of digits in five partitions, without a fault."""
    X, y = digits
    return LinearClassifier(tol=1e-6).fit(place(X, Threads(2), 5), y)


@pytest.mark.slow
def test_a_scheduler_that_dies_is_told_and_the_fit_goes_on_elsewhere(tmp_path, digits, quiet):
    X, y = digits
    here = place(X, Threads(2), 5)
    checkpoint = Checkpoint(tmp_path, every=0)
    killed = []

    def kill(run):
        if not killed and run.passes > 5:
            killed.append(run.passes)
            scheduler.kill()
            scheduler.wait()

    with dask_cluster() as (address, scheduler), Dask(address) as engine:
        rows = here.moved_to(engine)
        with pytest.raises(EngineError) as caught:
            LinearClassifier(tol=1e-6, callbacks=[checkpoint, kill]).fit(rows, y)
    assert_one_sentence(str(caught.value), ("scheduler of Dask is gone", "Checkpoint"))
    assert killed
    heard = []
    with dask_cluster() as (address, _), Dask(address) as engine:
        again = LinearClassifier(tol=1e-6, callbacks=[checkpoint, heard.append])
        again.fit(here.moved_to(engine), y)
    assert np.array_equal(again.coef_, quiet.coef_)
    assert again.result_.passes == quiet.result_.passes
    assert len(heard) < len(quiet.result_.history)  # it did not begin anew


def fitted_on_ray(*arguments, by="fit_on_ray"):
    """The exit code and the output of a fit on Ray in a process of its own."""
    command = [sys.executable, "-m", f"tests.engines.{by}", *map(str, arguments)]
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    ended = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=170
    )
    return ended.returncode, ended.stdout.strip()


@pytest.mark.slow
def test_a_head_of_ray_that_dies_is_told_and_the_fit_goes_on_elsewhere(tmp_path, quiet):
    pytest.importorskip("ray")
    with ray_head() as (address, head):
        code, told = fitted_on_ray(address, tmp_path, head.pid)
    assert code == 2
    assert_one_sentence(told, ("The head of Ray is gone", "Checkpoint"))
    with ray_head() as (address, _):
        code, turns = fitted_on_ray(address, tmp_path)
    assert code == 0
    assert np.array_equal(np.load(tmp_path / "coef.npy"), quiet.coef_)
    assert int(turns) < len(quiet.result_.history)  # it did not begin anew


@pytest.mark.slow
def test_a_node_of_ray_that_joins_and_leaves_changes_no_bit(tmp_path, quiet):
    pytest.importorskip("ray")
    with ray_head() as (address, _):
        code, workers = fitted_on_ray(address, tmp_path, by="join_ray")
    assert code == 0
    assert workers.splitlines()[-1] == "2 4"
    assert np.array_equal(np.load(tmp_path / "coef.npy"), quiet.coef_)


@pytest.mark.slow
def test_a_worker_of_other_versions_is_refused_by_name(tmp_path, digits):
    X, y = digits
    about = tmp_path / "numpy-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    refused = pytest.raises(
        EngineError, match=r"has numpy 1\.0 instead of .*; install the client's"
    )
    with dask_cluster(1, PYTHONPATH=path) as (address, _), Dask(address) as engine, refused:
        LinearClassifier().fit(place(X, engine, 2), y)


@pytest.mark.slow
def test_a_worker_too_small_for_a_partition_is_told():
    X = np.zeros((40_000, 2000))  # 640 MB
    small = dask_cluster(1, "--memory-limit", "500MB")
    refused = pytest.raises(EngineError)
    with small as (address, _), Dask(address) as engine, refused as caught:
        LinearClassifier().fit(place(X, engine, 1), np.arange(len(X)) % 2)
    words = ("Partition 0", "640 MB", "500 MB", "smaller partitions")
    assert_one_sentence(str(caught.value), words)


@pytest.mark.parametrize("address", ["tcp://nowhere.invalid:8786", "nonsense", "127.0.0.1:99999"])
def test_a_wrong_address_of_dask_is_told(address):
    with pytest.raises(EngineError) as caught:
        Dask(address)
    assert_one_sentence(str(caught.value), ("No cluster of Dask answers at", address, "'local'"))


@pytest.mark.slow
def test_a_server_that_says_nothing_is_no_scheduler():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        begun = time.monotonic()
        with pytest.raises(EngineError, match="says nothing"):
            Dask(f"127.0.0.1:{server.getsockname()[1]}")
    assert time.monotonic() < begun + 60  # it ends


def test_a_wrong_address_of_ray_is_told(monkeypatch):
    monkeypatch.setattr(connections, "CONNECT", 0.2)
    for address in ("ray://nowhere.invalid:10001", "127.0.0.1:1"):
        with pytest.raises(EngineError) as caught:
            connections.check_answers("Ray", address)
        assert_one_sentence(str(caught.value), ("No cluster of Ray answers", "ray start --head"))
    connections.check_answers("Ray", "auto")

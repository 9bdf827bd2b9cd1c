"""Downloads from a server that misbehaves:
they are resumed, checked, and leave nothing half written.
"""

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from halfspaces import datasets
from halfspaces.datasets import CATALOGUE, catalogue
from halfspaces.datasets.files.download import Tries
from tests.helpers import refuses_download
from tests.server import LABELS, MNIST, QUICK, gzipped

RANDOM = np.random.default_rng(0)


SOON = Tries(timeout=0.2, attempts=2, pause=0.001)
FIRST = "mnist/train-images-idx3-ubyte.gz"


def test_a_cut_connection_is_resumed(server, mnist):
    server.faults[FIRST] = ["cut"] * 6  # more than the attempts that may bring nothing
    catalogue.get("mnist", tries=QUICK)
    size = len(MNIST["train-images-idx3-ubyte.gz"])
    starts = [int(asked[6:-1]) for path, asked in server.requests if path == FIRST and asked]
    assert starts[0] == size // 2
    assert starts == sorted(set(starts))
    assert len(starts) == 6
    assert len(datasets.open("mnist").X) == 40


def test_what_was_cut_is_kept_for_the_next_call(server, mnist):
    server.faults[FIRST] = ["cut", 503, 503]
    refuses_download(
        "mnist",
        "cannot be downloaded (the server says 503",
        "bytes are kept, try again",
        tries=SOON,
    )
    server.requests.clear()
    catalogue.get("mnist", tries=QUICK)
    assert server.requests[0] == (FIRST, f"bytes={len(MNIST['train-images-idx3-ubyte.gz']) // 2}-")


@pytest.mark.parametrize("fault", ["no ranges", "other range", 416, 503, "cut"])
def test_resuming_from_servers_that_cannot(server, mnist, fault):
    server.faults[FIRST] = ["cut", fault]
    catalogue.get("mnist", tries=QUICK)
    assert len(datasets.open("mnist").X) == 40


def test_a_wrong_checksum_removes_the_file(server, mnist, cache):
    server.faults[FIRST] = ["changed"]
    refuses_download(
        "mnist", FIRST, "another checksum than the published", "was removed", tries=QUICK
    )
    assert list((cache / "data" / "mnist.part").iterdir()) == []
    catalogue.get("mnist", tries=QUICK)


def test_a_longer_file_is_not_read_to_its_end(server, mnist, cache):
    server.faults[FIRST] = ["longer"]
    refuses_download("mnist", "is longer than the published", "removed", tries=QUICK)
    assert list((cache / "data" / "mnist.part").iterdir()) == []


def test_an_address_that_is_gone_is_not_tried_again(server, mnist):
    server.faults[FIRST] = [404]
    refuses_download(
        "mnist",
        f"{server.url}/{FIRST} cannot be downloaded: the server says 404 Not Found.",
        tries=QUICK,
    )
    assert len(server.requests) == 1


def test_a_server_that_stops_answering(server, mnist):
    server.faults[FIRST] = ["stall"] * 30
    server.files[FIRST] = server.files[FIRST][:1] + bytes(10)
    started = time.perf_counter()
    refuses_download("mnist", "cannot be downloaded (", "timed out", tries=SOON)
    assert time.perf_counter() - started < 20


def test_no_server(mnist, monkeypatch):
    monkeypatch.setenv("HALFSPACES_MIRROR", "http://127.0.0.1:9")
    refuses_download("mnist", "cannot be downloaded (", "refused", tries=SOON)
    monkeypatch.setenv("HALFSPACES_MIRROR", "file:///etc")
    refuses_download("mnist", "'file:///etc' is no address", tries=SOON)


def test_a_full_disk(mnist, monkeypatch, cache):
    arriving = cache / "data" / "mnist.part"
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(100, 90, 10))
        refuses_download(
            "mnist", "bytes more and", "has room for 10;", "HALFSPACES_CACHE", tries=QUICK
        )
    (arriving / "train-images-idx3-ubyte.gz.part").symlink_to("/dev/full")
    refuses_download("mnist", "cannot be written", "No space left on device", tries=QUICK)


def test_a_killed_download_goes_on_from_where_it_was(server, published, cache):
    content = RANDOM.integers(0, 256, (2000, 28, 28))
    published(
        "mnist",
        MNIST
        | {
            "train-images-idx3-ubyte.gz": gzipped(content),
            "train-labels-idx1-ubyte.gz": gzipped(LABELS),
        },
    )
    server.faults[FIRST] = ["stall"]
    files = CATALOGUE["mnist"].files
    code = f"""
from dataclasses import replace
from halfspaces.datasets import CATALOGUE, catalogue
from halfspaces.datasets.files import download
CATALOGUE["mnist"] = replace(CATALOGUE["mnist"], files=tuple(download.File(*f) for f in {
        [(file.url, file.size, file.md5) for file in files]
    }))
catalogue.get("mnist")
"""
    killed = subprocess.Popen([sys.executable, "-c", code])
    partial = cache / "data" / "mnist.part" / "train-images-idx3-ubyte.gz.part"
    for _ in range(1000):
        if partial.is_file() and partial.stat().st_size:
            break
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    have = partial.stat().st_size
    assert 0 < have < files[0].size
    server.requests.clear()
    catalogue.get("mnist", tries=QUICK)
    assert server.requests[0] == (FIRST, f"bytes={have}-")


def test_a_missing_library_is_one_line(mnist, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    refuses_download(
        "mnist",
        "needs pooch, which is not installed; run: pip install 'halfspaces[remote]'.",
        tries=QUICK,
    )

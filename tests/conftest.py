"""Fixtures that tests of several rooms share; functions and constants are in helpers.py."""

import hashlib
import os
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from threadpoolctl import threadpool_limits

import halfspaces
from halfspaces import LinearClassifier, cli, datasets
from halfspaces.datasets import CATALOGUE
from halfspaces.datasets.files.download import File
from halfspaces.features import parse
from tests.data_files import MNIST_IMAGES, MNIST_LABELS, idx, save_image
from tests.helpers import Ended, pieces_of_photographs, stripes
from tests.server import MNIST, Server

# torch's threads would wait actively for each other, and take the cores from the other workers.
os.environ.setdefault("GOMP_SPINCOUNT", "0")
# Nothing is raced but where a test gives a budget.
os.environ["HALFSPACES_BUDGET"] = "0"

# Plugins: importing one registers its component for the whole session.
collect_ignore_glob = ["outside/outside_*.py"]


@pytest.fixture
def run(monkeypatch, capfd):
    """Run the command line in this process: `run("train", "digits")`."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["halfspaces", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Ended(int(ended.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture
def refused(run):
    """Run, and expect exit code 2 and one sentence with all of these words."""

    def refused(arguments, *words):
        ended = run(*arguments.split() if isinstance(arguments, str) else arguments)
        assert ended.code == 2, ended
        assert ended.err.startswith("Error: ")
        assert [word for word in words if word not in ended.err] == [], ended.err
        assert ended.err.count("\n") == 1
        assert ended.err.endswith((".\n", "?\n"))
        return ended

    return refused


@pytest.fixture(scope="session")
def digits_model(tmp_path_factory):
    """The file of a classifier of the digits."""
    path = tmp_path_factory.mktemp("model") / "digits.safetensors"
    digits = datasets.open("digits")
    halfspaces.save(LinearClassifier(strength=0.1).fit(digits.X, digits.y), path)
    return path


@pytest.fixture(scope="session")
def patches_model(tmp_path_factory):
    """The file of a classifier of features that have learned patches."""
    path = tmp_path_factory.mktemp("model") / "patches.safetensors"
    images, y = stripes(30)
    feature = parse("hog+patches(n=6, size=3)").fit(images)
    halfspaces.save(
        LinearClassifier(strength=0.1).fit(feature.transform(images), y), path, features=feature
    )
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the test's own."""
    folder = tmp_path / ".cache"
    monkeypatch.setenv("HALFSPACES_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def photos():
    """Pieces of photographs, (40, 48, 40, 3)."""
    return pieces_of_photographs(20, 48, 40)


@pytest.fixture(scope="session")
def small_photos():
    """Pieces of photographs, (12, 24, 21, 3)."""
    return pieces_of_photographs(6, 24, 21)


@pytest.fixture
def one_blas_thread():
    """On small data BLAS threads mostly wait for one another, seconds at a time."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def cifar_records():
    """Six records of CIFAR-10 with known labels and pixels."""
    records = np.random.default_rng(0).integers(0, 256, (6, 3073), np.uint8)
    records[:, 0] = [3, 0, 9, 1, 1, 7]
    return records


@pytest.fixture
def mnist_folder(tmp_path):
    """Four images and their labels, in MNIST's format."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte").write_bytes(idx(MNIST_IMAGES))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(MNIST_LABELS))
    return folder


@pytest.fixture
def pets(tmp_path):
    """A folder of two classes of three images."""
    folder = tmp_path / "pets"
    for name, shade in {"cat": 50, "dog": 200}.items():
        for i in range(3):
            save_image(folder / name / f"{i}.png", Image.new("L", (5, 4), shade + i))
    return folder


@pytest.fixture
def server(cache, monkeypatch):
    """A server that has nothing yet, in place of those of the catalogue."""
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        monkeypatch.setenv("HALFSPACES_MIRROR", f"{server.url}/")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def published(server, monkeypatch):
    """Put an entry's files on the server, with their sizes and checksums in the catalogue."""

    def published(name, contents):
        files = tuple(
            File(f"http://nowhere.invalid/{file}", len(content), hashlib.md5(content).hexdigest())
            for file, content in contents.items()
        )
        monkeypatch.setitem(CATALOGUE, name, replace(CATALOGUE[name], files=files))
        server.files.update({f"{name}/{file}": content for file, content in contents.items()})

    return published


@pytest.fixture
def mnist(published):
    """A small MNIST in the catalogue and on the server."""
    published("mnist", MNIST)

"""Downloads against a server that misbehaves, and the readers of what the catalogue has."""

import gzip
import hashlib
import io
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import threading
import time
from collections import defaultdict
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import scipy.io

from halfspaces import LinearClassifier, cli, datasets
from halfspaces.datasets import CATALOGUE, DataError, cache, catalogue, download
from halfspaces.datasets.download import File

DATA = Path(__file__).parents[2] / "shared" / "data"
RANDOM = np.random.default_rng(0)


class Server(ThreadingHTTPServer):
    """Files by path, a list of faults by path (one a request), and the requests that came."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests = {}, defaultdict(list), []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path, asked = self.path.lstrip("/"), self.headers["Range"]
        self.server.requests.append((path, asked))
        fault = self.server.faults[path].pop(0) if self.server.faults[path] else None
        if isinstance(fault, int) or path not in self.server.files:
            return self.send_error(fault or 404)
        content = self.server.files[path]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and fault != "no ranges" else 0
        self.send_response(206 if asked and fault != "no ranges" else 200)
        if asked and fault != "no ranges":
            first = start + (7 if fault == "other range" else 0)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        body = content[start:] if fault != "longer" else content + b"more"
        body = body if fault != "changed" else bytes(len(body))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return None
        self.wfile.write(body[: len(body) // 2] if fault in ("cut", "stall") else body)
        if fault == "stall":
            self.wfile.flush()
            self.server.released.wait(20)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSE", 0.001)
    monkeypatch.setattr(download, "TIMEOUT", 5.0)
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


def idx(array):
    header = struct.pack(f">{1 + array.ndim}I", 0x0800 | array.ndim, *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


IMAGES, LABELS = RANDOM.integers(0, 256, (40, 5, 5)), np.arange(40) % 10
MNIST = {
    "train-images-idx3-ubyte.gz": idx(IMAGES),
    "train-labels-idx1-ubyte.gz": idx(LABELS),
    "t10k-images-idx3-ubyte.gz": idx(IMAGES[:10]),
    "t10k-labels-idx1-ubyte.gz": idx(LABELS[:10]),
}
FIRST = "mnist/train-images-idx3-ubyte.gz"


@pytest.fixture
def mnist(published):
    published("mnist", MNIST)


def tar(contents):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in contents.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return stream.getvalue()


def get_fails(name, *words):
    """One sentence, nothing to be opened, and afterwards the command to run."""
    with pytest.raises(DataError) as caught:
        catalogue.get(name)
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message
    assert message.endswith(".")
    with pytest.raises(DataError, match=f"'{name}' is not downloaded yet; run: halfspaces data get {name}"):
        datasets.open(name)


# --- what is got -------------------------------------------------------------------------------------------------


def test_the_catalogue_is_plausible():
    assert set(CATALOGUE) == {"cifar10", "cifar100", "mnist", "fashion-mnist", "svhn", "stl10"}
    for entry in CATALOGUE.values():
        assert all(len(bytes.fromhex(file.md5)) == 16 for file in entry.files)
        assert len({file.md5 for file in entry.files}) == len({file.name for file in entry.files}) == len(entry.files)


def test_a_data_set_is_downloaded_once_and_opened_by_name(server, mnist, tmp_path):
    seen = []
    folder = catalogue.get("mnist", progress=lambda *step: seen.append(step))
    assert folder == tmp_path / "cache" / "data" / "mnist" == cache.folder("data", "mnist")
    assert sorted(path.name for path in folder.iterdir()) == sorted(MNIST)
    assert {(name, size) for name, have, size in seen if have == size} == {(n, len(c)) for n, c in MNIST.items()}
    assert [path for path, _ in server.requests] == [f"mnist/{name}" for name in MNIST]
    data = datasets.open("mnist")
    assert str(data) == "mnist: 40 examples + 10 for testing, 25 features (5 x 5 x 1, uint8), 10 classes"
    np.testing.assert_array_equal(data.X, IMAGES.reshape(40, -1))
    catalogue.get("mnist")
    assert len(server.requests) == 4
    assert datasets.open_features("mnist").shape == (10, 25)


def test_the_published_checksums_of_fashion_mnist(server):
    folder = DATA / "fashion-mnist"
    if not folder.is_dir():
        pytest.skip(f"the real data are not at {folder}")
    server.files.update({f"fashion-mnist/{path.name}": path.read_bytes() for path in folder.glob("*.gz")})
    catalogue.get("fashion-mnist")
    data = datasets.open("fashion-mnist")
    assert str(data).startswith(
        "fashion-mnist: 60,000 examples + 10,000 for testing, 784 features (28 x 28 x 1, uint8)"
    )
    assert data.class_names[9] == "Ankle boot"


def test_svhn(published):
    X, y = RANDOM.integers(0, 256, (32, 32, 3, 20), dtype=np.uint8), np.arange(20)[:, None] % 10 + 1
    contents = {}
    for name, rows in {"train": slice(None), "test": slice(0, 4)}.items():
        stream = io.BytesIO()
        scipy.io.savemat(stream, {"X": X[..., rows], "y": y[rows].astype(np.uint8)}, do_compression=True)
        contents[f"{name}_32x32.mat"] = stream.getvalue()
    published("svhn", contents)
    catalogue.get("svhn")
    data = datasets.open("svhn")
    assert (data.X.shape, data.X_test.shape, data.class_names[0]) == ((20, 3072), (4, 3072), "0")
    np.testing.assert_array_equal(data.images(data.X), np.moveaxis(X, -1, 0), strict=True)
    assert data.y.tolist() == ([*range(1, 10), 0] * 2)
    given = LinearClassifier(strength=0.1).fit(np.moveaxis(X, -1, 0).reshape(20, -1), data.y)
    np.testing.assert_array_equal(LinearClassifier(strength=0.1).fit(data.X, data.y).coef_, given.coef_)


def test_stl10_images_stand_upright(published, tmp_path):
    pictures = RANDOM.integers(0, 256, (12, 96, 96, 3), dtype=np.uint8)  # height, width, channel
    stored = pictures.transpose(0, 3, 2, 1).tobytes()  # planes, column after column
    labels = np.arange(12, dtype=np.uint8) % 10 + 1
    contents = {"train_X.bin": stored, "train_y.bin": labels.tobytes(), "unlabeled_X.bin": b"unused"}
    contents |= {"test_X.bin": stored[: 2 * 27648], "test_y.bin": labels[:2].tobytes(), "../escaped": b""}
    published("stl10", {"stl10_binary.tar.gz": tar({f"stl10_binary/{k}": v for k, v in contents.items()})})
    folder = catalogue.get("stl10")
    assert sorted(path.name for path in folder.iterdir()) == sorted(CATALOGUE["stl10"].members)
    assert [path.name for path in tmp_path.rglob("*escaped*")] == []
    data = datasets.open("stl10")
    np.testing.assert_array_equal(data.images(data.X), pictures)
    np.testing.assert_array_equal(data.images(data.X_test), pictures[:2])
    np.testing.assert_array_equal(data.y, labels - 1)
    for name, content, words in (
        ("train_y.bin", labels[:5], "has 12 images but"),
        ("train_y.bin", labels + 1, "labels other than 1 ... 10"),
        ("train_y.bin", labels[:0], "has no train_y.bin or an empty one"),
        ("train_X.bin", labels, "ends 12 bytes into an image"),
    ):
        broken = shutil.copytree(folder, tmp_path / "broken", dirs_exist_ok=True)
        (broken / name).write_bytes(content.tobytes())
        with pytest.raises(DataError, match=words):
            datasets.open(broken)


def test_cifar(published, tmp_path):
    records = RANDOM.integers(0, 256, (12, 3074), dtype=np.uint8)
    records[:, :2] %= 10
    names = "\n".join(f"class_{i}" for i in range(100)).encode()
    contents = {"train.bin": records.tobytes(), "test.bin": records[:3].tobytes(), "fine_label_names.txt": names}
    contents["coarse_label_names.txt"] = "\n".join(f"group_{i}" for i in range(20)).encode()
    published("cifar100", {"cifar-100-binary.tar.gz": tar({f"cifar-100-binary/{k}": v for k, v in contents.items()})})
    folder = catalogue.get("cifar100")
    data = datasets.open("cifar100")
    np.testing.assert_array_equal(data.X, records[:, 2:])
    np.testing.assert_array_equal(data.y, records[:, 1])
    assert (len(data.X_test), data.class_names[7], data.planar) == (3, "class_7", True)
    coarse = datasets.open("cifar100", label="coarse")
    assert (coarse.y.tolist(), coarse.class_names[7], coarse.name) == (records[:, 0].tolist(), "group_7", "cifar100")
    (folder / "train.bin").write_bytes(records.tobytes()[:-1])
    with pytest.raises(DataError, match=r"ends at byte 36,887, inside record 11; records have 3,074 bytes"):
        datasets.open("cifar100")

    batches = {f"data_batch_{i}.bin": records[:2, 1:].tobytes() for i in range(1, 6)}
    batches |= {"test_batch.bin": records[:2, 1:].tobytes()}
    archive = tar({f"cifar-10-batches-bin/{name}": content for name, content in batches.items()})
    published("cifar10", {"cifar-10-binary.tar.gz": archive})
    get_fails("cifar10", "cifar-10-binary.tar.gz lacks batches.meta.txt; remove it and get it again")
    archive = tar({**batches, "batches.meta.txt": b"\n".join(b"abcdefghij"[i : i + 1] for i in range(10))})
    (tmp_path / "cache" / "data" / "cifar10.part" / "cifar-10-binary.tar.gz").unlink()
    published("cifar10", {"cifar-10-binary.tar.gz": archive})
    catalogue.get("cifar10")
    assert str(datasets.open("cifar10")).startswith("cifar10: 10 examples + 2 for testing, 3,072 features (32 x 32 x 3")


# --- faults ------------------------------------------------------------------------------------------------------


def test_a_cut_connection_is_resumed(server, mnist):
    server.faults[FIRST] = ["cut"] * 6  # more than the attempts that may bring nothing
    catalogue.get("mnist")
    size = len(MNIST["train-images-idx3-ubyte.gz"])
    starts = [int(asked[6:-1]) for path, asked in server.requests if path == FIRST and asked]
    assert starts[0] == size // 2
    assert starts == sorted(set(starts))
    assert len(starts) == 6
    assert len(datasets.open("mnist").X) == 40


def test_what_was_cut_is_kept_for_the_next_call(server, mnist, monkeypatch):
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    server.faults[FIRST] = ["cut", 503, 503]
    get_fails("mnist", "cannot be downloaded (the server says 503", "bytes are kept, try again")
    server.requests.clear()
    catalogue.get("mnist")
    assert server.requests[0] == (FIRST, f"bytes={len(MNIST['train-images-idx3-ubyte.gz']) // 2}-")


@pytest.mark.parametrize("fault", ["no ranges", "other range", 416, 503, "cut"])
def test_resuming_from_servers_that_cannot(server, mnist, fault):
    server.faults[FIRST] = ["cut", fault]
    catalogue.get("mnist")
    assert len(datasets.open("mnist").X) == 40


def test_a_wrong_checksum_removes_the_file(server, mnist, tmp_path):
    server.faults[FIRST] = ["changed"]
    get_fails("mnist", FIRST, "another checksum than the published", "was removed")
    assert list((tmp_path / "cache" / "data" / "mnist.part").iterdir()) == []
    catalogue.get("mnist")


def test_a_longer_file_is_not_read_to_its_end(server, mnist, tmp_path):
    server.faults[FIRST] = ["longer"]
    get_fails("mnist", "is longer than the published", "removed")
    assert list((tmp_path / "cache" / "data" / "mnist.part").iterdir()) == []


def test_an_address_that_is_gone_is_not_tried_again(server, mnist):
    server.faults[FIRST] = [404]
    get_fails("mnist", f"{server.url}/{FIRST} cannot be downloaded: the server says 404 Not Found.")
    assert len(server.requests) == 1


def test_a_server_that_stops_answering(server, mnist, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    server.faults[FIRST] = ["stall"] * 30
    server.files[FIRST] = server.files[FIRST][:1] + bytes(10)
    started = time.perf_counter()
    get_fails("mnist", "cannot be downloaded (", "timed out")
    assert time.perf_counter() - started < 20


def test_no_server(mnist, monkeypatch):
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    monkeypatch.setenv("HALFSPACES_MIRROR", "http://127.0.0.1:9")
    get_fails("mnist", "cannot be downloaded (", "refused")
    monkeypatch.setenv("HALFSPACES_MIRROR", "file:///etc")
    get_fails("mnist", "'file:///etc' is no address")


def test_a_full_disk(mnist, monkeypatch, tmp_path):
    arriving = tmp_path / "cache" / "data" / "mnist.part"
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(100, 90, 10))
        get_fails("mnist", "bytes more and", "has room for 10;", "HALFSPACES_CACHE")
    (arriving / "train-images-idx3-ubyte.gz.part").symlink_to("/dev/full")
    get_fails("mnist", "cannot be written", "No space left on device")


def test_a_killed_download_goes_on_from_where_it_was(server, published, tmp_path):
    content = RANDOM.integers(0, 256, (2000, 28, 28))
    published("mnist", MNIST | {"train-images-idx3-ubyte.gz": idx(content), "train-labels-idx1-ubyte.gz": idx(LABELS)})
    server.faults[FIRST] = ["stall"]
    files = CATALOGUE["mnist"].files
    code = f"""
from dataclasses import replace
from halfspaces.datasets import CATALOGUE, catalogue, download
CATALOGUE["mnist"] = replace(CATALOGUE["mnist"], files=tuple(download.File(*f) for f in {
        [(file.url, file.size, file.md5) for file in files]
    }))
catalogue.get("mnist")
"""
    killed = subprocess.Popen([sys.executable, "-c", code])
    partial = tmp_path / "cache" / "data" / "mnist.part" / "train-images-idx3-ubyte.gz.part"
    for _ in range(1000):
        if partial.is_file() and partial.stat().st_size:
            break
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    have = partial.stat().st_size
    assert 0 < have < files[0].size
    server.requests.clear()
    catalogue.get("mnist")
    assert server.requests[0] == (FIRST, f"bytes={have}-")


def test_a_missing_library_is_one_line(mnist, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    get_fails("mnist", "needs pooch, which is not installed; run: pip install 'halfspaces[remote]'.")


def test_svhn_files_that_do_not_fit(tmp_path):
    def refused(words, **arrays):
        scipy.io.savemat(tmp_path / "train_32x32.mat", arrays)
        with pytest.raises(DataError, match=words):
            datasets.open(tmp_path)

    X, y = np.zeros((32, 32, 3, 4), np.uint8), np.ones((4, 1), np.uint8)
    refused("holds X of the arrays of numbers X and y", X=X)
    refused("X of type float64", X=X.astype(float), y=y)
    refused("X of type uint8, shape .32, 32, 4.", X=X[..., 0, :], y=y)
    refused("4 images but y of shape .3, 1.", X=X, y=y[:3])
    refused("labels other than 1 ... 10", X=X, y=y * 11)
    (tmp_path / "train_32x32.mat").write_bytes(b"MATLAB" * 50)
    with pytest.raises(DataError, match="cannot be read as a MATLAB file"):
        datasets.open(tmp_path)
    (tmp_path / "train_32x32.mat").rename(tmp_path / "test_32x32.mat")
    with pytest.raises(DataError, match=r"but no train_32x32.mat"):
        datasets.open(tmp_path)


# --- the command line --------------------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch, capfd):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["halfspaces", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_the_command_line(run, server, mnist):
    code, out, _ = run("data", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["digits", *CATALOGUE]
    assert run("train", "mnist")[::2] == (
        2,
        "Error: The data set 'mnist' is not downloaded yet; run: halfspaces data get mnist.\n",
    )
    code, out, _ = run("data", "info", "mnist")
    assert "60,000 + 10,000 grey images" in out
    assert all(file.md5 in out for file in CATALOGUE["mnist"].files)
    assert "run: halfspaces data get mnist" in out
    code, out, err = run("data", "get", "mnist", "--mirror", server.url)
    assert (code, err) == (0, "")
    assert out.endswith("data/mnist; train on it: halfspaces train mnist\n")
    assert "is here" in run("data", "list")[1]
    code, out, _ = run("train", "mnist", "--strength", "1", "--max-passes", "5")
    assert "mnist: 40 examples + 10 for testing" in out
    assert run("data", "get", "svnh")[::2] == (
        2,
        "Error: The data set 'svnh' is not in the catalogue: did you mean 'svhn'?\n",
    )
    assert "comes along" in run("data", "get", "digits")[1]
    assert "comes with scikit-learn" in run("data", "info", "digits")[1]


# --- addresses ---------------------------------------------------------------------------------------------------


def parquet():
    stream = io.BytesIO()
    table = pa.table({"x": pa.array(IMAGES.reshape(40, -1).tolist(), pa.list_(pa.uint8())), "label": LABELS})
    pa.parquet.write_table(table, stream)
    return stream.getvalue()


def test_addresses_are_downloaded_once(server, tmp_path):
    server.files["some/digits.parquet"] = parquet()
    fsspec.filesystem("memory").pipe_file("/bucket/digits.parquet", parquet())
    for address in (f"{server.url}/some/digits.parquet", "memory://bucket/digits.parquet"):
        data = datasets.open(address)
        np.testing.assert_array_equal(data.X, IMAGES.reshape(40, -1))
        np.testing.assert_array_equal(data.y, LABELS)
    came = len(server.requests)
    assert datasets.open(f"{server.url}/some/digits.parquet", label="label").X.shape == (40, 25)
    assert datasets.open_features(f"{server.url}/some/digits.parquet").shape == (40, 25)
    assert len(server.requests) == came
    assert len(list((tmp_path / "cache" / "remote").rglob("*.*"))) == 2


@pytest.mark.parametrize("fault", ["cut", 404, 503])
def test_an_address_that_fails_leaves_nothing(server, fault, tmp_path):
    server.files["digits.parquet"] = parquet()
    server.faults["digits.parquet"] = [fault] * 5
    with pytest.raises(DataError, match=r"digits.parquet cannot be downloaded \(.*\); check the address") as caught:
        datasets.open(f"{server.url}/digits.parquet")
    assert "\n" not in str(caught.value)
    server.faults.clear()
    assert len(datasets.open(f"{server.url}/digits.parquet").X) == 40
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == ["digits.parquet"]


def test_addresses_of_other_kinds(server, monkeypatch):
    for address, words in (
        ("reference://a.json", "starts with reference://; known are http, https, s3"),
        ("simplecache::https://host/a.parquet", "starts with simplecache::https://"),
        ("https://host/", "names no file"),
        ("memory://bucket/../..", "names no file"),
        ("memory://nothing/here.npz", "cannot be downloaded (FileNotFoundError"),
    ):
        with pytest.raises(DataError) as caught:
            datasets.open(address)
        assert words in str(caught.value)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(DataError, match=r"s3://bucket/a.npz cannot be opened: ImportError: .*s3fs"):
        datasets.open("s3://bucket/a.npz")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(DataError, match=r"needs fsspec, which is not installed; run: pip install"):
        datasets.open("s3://bucket/a.npz")

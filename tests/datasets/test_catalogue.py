"""Data sets of the catalogue are downloaded once, opened by name,
and read as they were published.
"""

import io
import shutil

import numpy as np
import pytest
import scipy.io

from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import CATALOGUE, DataError, catalogue
from halfspaces.system import cache_folder
from tests.data_files import tar_gz
from tests.helpers import real, refuses_download
from tests.server import IMAGES, MNIST, QUICK

RANDOM = np.random.default_rng(0)


# --- what is got ---------------------------------------------------------------------------------


def test_the_catalogue_is_plausible():
    assert set(CATALOGUE) == {"cifar10", "cifar100", "mnist", "fashion-mnist", "svhn", "stl10"}
    for entry in CATALOGUE.values():
        assert all(len(bytes.fromhex(file.md5)) == 16 for file in entry.files)
        assert (
            len({file.md5 for file in entry.files})
            == len({file.name for file in entry.files})
            == len(entry.files)
        )


def test_a_data_set_is_downloaded_once_and_opened_by_name(server, mnist, cache):
    seen = []
    folder = catalogue.get("mnist", progress=lambda *step: seen.append(step))
    assert folder == cache / "data" / "mnist" == cache_folder.folder("data", "mnist")
    assert sorted(path.name for path in folder.iterdir()) == sorted(MNIST)
    assert {(name, size) for name, have, size in seen if have == size} == {
        (n, len(c)) for n, c in MNIST.items()
    }
    assert [path for path, _ in server.requests] == [f"mnist/{name}" for name in MNIST]
    data = datasets.open("mnist")
    assert (
        str(data)
        == "mnist: 40 examples + 10 for testing, 25 features (5 x 5 x 1, uint8), 10 classes"
    )
    np.testing.assert_array_equal(data.X, IMAGES.reshape(40, -1))
    catalogue.get("mnist")
    assert len(server.requests) == 4
    assert datasets.open_features("mnist").shape == (10, 25)


def test_the_published_checksums_of_fashion_mnist(server):
    folder = real("fashion-mnist")
    server.files.update(
        {f"fashion-mnist/{path.name}": path.read_bytes() for path in folder.glob("*.gz")}
    )
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
        scipy.io.savemat(
            stream, {"X": X[..., rows], "y": y[rows].astype(np.uint8)}, do_compression=True
        )
        contents[f"{name}_32x32.mat"] = stream.getvalue()
    published("svhn", contents)
    catalogue.get("svhn")
    data = datasets.open("svhn")
    assert (data.X.shape, data.X_test.shape, data.class_names[0]) == ((20, 3072), (4, 3072), "0")
    np.testing.assert_array_equal(data.images(data.X), np.moveaxis(X, -1, 0), strict=True)
    assert data.y.tolist() == ([*range(1, 10), 0] * 2)
    given = LinearClassifier(strength=0.1).fit(np.moveaxis(X, -1, 0).reshape(20, -1), data.y)
    np.testing.assert_array_equal(
        LinearClassifier(strength=0.1).fit(data.X, data.y).coef_, given.coef_
    )


def test_stl10_images_stand_upright(published, tmp_path):
    pictures = RANDOM.integers(0, 256, (12, 96, 96, 3), dtype=np.uint8)  # height, width, channel
    stored = pictures.transpose(0, 3, 2, 1).tobytes()  # planes, column after column
    labels = np.arange(12, dtype=np.uint8) % 10 + 1
    contents = {
        "train_X.bin": stored,
        "train_y.bin": labels.tobytes(),
        "unlabeled_X.bin": b"unused",
    }
    contents |= {
        "test_X.bin": stored[: 2 * 27648],
        "test_y.bin": labels[:2].tobytes(),
        "../escaped": b"",
    }
    published(
        "stl10",
        {"stl10_binary.tar.gz": tar_gz({f"stl10_binary/{k}": v for k, v in contents.items()})},
    )
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


def test_cifar(published, cache):
    records = RANDOM.integers(0, 256, (12, 3074), dtype=np.uint8)
    records[:, :2] %= 10
    names = "\n".join(f"class_{i}" for i in range(100)).encode()
    contents = {
        "train.bin": records.tobytes(),
        "test.bin": records[:3].tobytes(),
        "fine_label_names.txt": names,
    }
    contents["coarse_label_names.txt"] = "\n".join(f"group_{i}" for i in range(20)).encode()
    published(
        "cifar100",
        {
            "cifar-100-binary.tar.gz": tar_gz(
                {f"cifar-100-binary/{k}": v for k, v in contents.items()}
            )
        },
    )
    folder = catalogue.get("cifar100")
    data = datasets.open("cifar100")
    np.testing.assert_array_equal(data.X, records[:, 2:])
    np.testing.assert_array_equal(data.y, records[:, 1])
    assert (len(data.X_test), data.class_names[7], data.planar) == (3, "class_7", True)
    coarse = datasets.open("cifar100", label="coarse")
    assert (coarse.y.tolist(), coarse.class_names[7], coarse.name) == (
        records[:, 0].tolist(),
        "group_7",
        "cifar100",
    )
    (folder / "train.bin").write_bytes(records.tobytes()[:-1])
    with pytest.raises(
        DataError, match=r"ends at byte 36,887, inside record 11; records have 3,074 bytes"
    ):
        datasets.open("cifar100")

    batches = {f"data_batch_{i}.bin": records[:2, 1:].tobytes() for i in range(1, 6)}
    batches |= {"test_batch.bin": records[:2, 1:].tobytes()}
    archive = tar_gz({f"cifar-10-batches-bin/{name}": content for name, content in batches.items()})
    published("cifar10", {"cifar-10-binary.tar.gz": archive})
    refuses_download(
        "cifar10",
        "cifar-10-binary.tar.gz lacks batches.meta.txt; remove it and get it again",
        tries=QUICK,
    )
    archive = tar_gz(
        {**batches, "batches.meta.txt": b"\n".join(b"abcdefghij"[i : i + 1] for i in range(10))}
    )
    (cache / "data" / "cifar10.part" / "cifar-10-binary.tar.gz").unlink()
    published("cifar10", {"cifar-10-binary.tar.gz": archive})
    catalogue.get("cifar10")
    assert str(datasets.open("cifar10")).startswith(
        "cifar10: 10 examples + 2 for testing, 3,072 features (32 x 32 x 3"
    )


# --- the command line ----------------------------------------------------------------------------


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

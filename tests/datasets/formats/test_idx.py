"""MNIST and its kin: every packing comes back as it is; bad files are refused by name and place."""

import tracemalloc

import numpy as np
import pytest

from halfspaces import datasets
from tests.data_files import MNIST_IMAGES, MNIST_LABELS, PACKERS, idx
from tests.helpers import real, refuses


def test_fashion_mnist():
    fashion = datasets.open(real("fashion-mnist"))
    assert (fashion.X.shape, fashion.X_test.shape) == ((60000, 784), (10000, 784))
    assert np.bincount(fashion.y).tolist() == [6000] * 10
    assert fashion.class_names[fashion.y[0]] == "Ankle boot"
    assert int(fashion.X.sum(dtype=np.int64)) == 3431114169
    assert fashion.image_shape == (28, 28, 1)


@pytest.mark.parametrize("mark", "-.")
@pytest.mark.parametrize("packing", PACKERS)
def test_idx_of_any_name_and_packing(tmp_path, mark, packing):
    for split, n in {"train": 3, "t10k": 1}.items():
        (tmp_path / f"{split}-images{mark}idx3-ubyte{packing}").write_bytes(
            PACKERS[packing](idx(MNIST_IMAGES[:n]))
        )
        (tmp_path / f"{split}-labels{mark}idx1-ubyte{packing}").write_bytes(
            PACKERS[packing](idx(MNIST_LABELS[:n]))
        )
    data = datasets.open(tmp_path)
    np.testing.assert_array_equal(data.images(data.X)[..., 0], MNIST_IMAGES[:3])
    np.testing.assert_array_equal(data.images(data.X_test)[..., 0], MNIST_IMAGES[:1])
    np.testing.assert_array_equal(data.y, MNIST_LABELS[:3])
    assert data.class_names == tuple("0123456789")


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("labels", [[0, 3, 1, 3], [-1, 100, 7, 7]])
def test_idx_of_every_type(tmp_path, kind, labels):
    images = MNIST_IMAGES[:4].astype(kind)
    y = np.array(labels, np.int32 if kind[0] == "f" else kind)
    word = {"i1": "byte", "i2": "short", "i4": "int", "f4": "float", "f8": "double"}[kind]
    (tmp_path / f"train-images-idx3-{word}").write_bytes(idx(images, magic=0))
    (tmp_path / "train-labels-idx1-int").write_bytes(idx(y, magic=0))
    data = datasets.open(tmp_path)
    assert data.X.dtype == np.dtype(kind)
    np.testing.assert_array_equal(data.images(data.X)[..., 0], images)
    np.testing.assert_array_equal(data.y, labels)
    assert (data.class_names is None) == (min(labels) < 0)


@pytest.mark.parametrize("name", ["fashion-mnist", "FashionMNIST/raw"])
def test_fashion_names_come_from_the_folder(tmp_path, mnist_folder, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    mnist_folder.rename(tmp_path / name)
    assert datasets.open(tmp_path / name).class_names[9] == "Ankle boot"


def test_idx_files_that_do_not_fit(mnist_folder):
    (mnist_folder / "train-labels-idx1-ubyte").write_bytes(idx(MNIST_LABELS[:3]))
    refuses(
        mnist_folder, "train-images-idx3-ubyte has 4 images", "train-labels-idx1-ubyte has 3 labels"
    )
    (mnist_folder / "train-labels-idx1-ubyte").unlink()
    refuses(mnist_folder, "has no train-labels-idx1-ubyte")
    (mnist_folder / "train-labels-idx1-ubyte").write_bytes(idx(MNIST_LABELS))
    (mnist_folder / "t10k-labels-idx1-ubyte").write_bytes(idx(MNIST_LABELS))
    refuses(mnist_folder, "has no t10k-images-idx3-ubyte")


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "nothing at byte 0"),
        (idx(MNIST_IMAGES)[:3], "00 00 08 at byte 0"),
        (idx(MNIST_IMAGES)[:9], "ends at byte 9, inside its header of 16 bytes"),
        (
            idx(MNIST_IMAGES)[:16],
            "ends at byte 16, but its header at byte 4 promises 4 x 2 x 3, up to byte 40",
        ),
        (idx(MNIST_IMAGES)[:39], "ends at byte 39"),
        (idx(MNIST_IMAGES) + b"x", "ends at byte 41"),
        (idx(MNIST_LABELS), "start with 00 00 08 03"),
        (idx(MNIST_IMAGES, magic=0x0A00), "00 00 0a 03 at byte 0"),
        (
            idx(MNIST_IMAGES, sizes=(4_000_000_000, 28, 28)),
            "promises 4000000000 x 28 x 28, up to byte 3,136,000,000,016",
        ),
        (idx(MNIST_IMAGES[:0], sizes=(4_000_000_000, 0, 28)), "is empty"),
    ],
)
def test_idx_with_a_bad_start_or_end(mnist_folder, content, words, packing):
    (mnist_folder / "train-images-idx3-ubyte").unlink()
    name = f"train-images-idx3-ubyte{packing}"
    (mnist_folder / name).write_bytes(PACKERS[packing](content))
    tracemalloc.start()
    refuses(mnist_folder, name, words)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e7  # an xz dictionary; no header is believed before the length confirms it


# --- EMNIST --------------------------------------------------------------------------------------


UPRIGHT = np.arange(60 * 6).reshape(60, 2, 3).astype(np.uint8)


def emnist(folder, name="letters"):
    """The files in the gzip.zip of https://www.nist.gov/itl/products-and-services/emnist-dataset:
    images are transposed, and labels of letters count from 1.
    """
    labels = np.arange(len(UPRIGHT)) % 3 + 1
    arrays = {"images-idx3": UPRIGHT.transpose(0, 2, 1), "labels-idx1": labels}
    for split in ("train", "test"):
        for kind, array in arrays.items():
            content = PACKERS[".gz"](idx(np.ascontiguousarray(array)))
            (folder / f"emnist-{name}-{split}-{kind}-ubyte.gz").write_bytes(content)
    (folder / f"emnist-{name}-mapping.txt").write_text("1 65 97\n2 66 98\n3 67 99\n")
    return folder


@pytest.mark.parametrize("given", [".", "emnist-letters-train-images-idx3-ubyte.gz"])
def test_emnist_is_upright_and_its_mapping_names_the_classes(tmp_path, given):
    data = datasets.open(emnist(tmp_path) / given)
    for X in (data.X, data.X_test):
        np.testing.assert_array_equal(data.images(X)[..., 0], UPRIGHT)
    assert data.class_names == ("A/a", "B/b", "C/c")
    np.testing.assert_array_equal(data.y, np.arange(60) % 3)
    assert data.notes == ("images are transposed: EMNIST stores them so",)


def test_emnist_of_square_images(tmp_path, monkeypatch):
    square = np.arange(9 * 16, dtype=np.uint8).reshape(9, 4, 4)
    monkeypatch.setitem(globals(), "UPRIGHT", square)
    data = datasets.open(emnist(tmp_path))
    np.testing.assert_array_equal(data.images(data.X)[..., 0], square)


def test_emnist_that_is_not_clear_or_does_not_fit(tmp_path):
    emnist(tmp_path)
    refuses(tmp_path / "emnist-letters-test-images-idx3-ubyte.gz", "give the folder of its idx")
    (tmp_path / "emnist-letters.mat").touch()
    refuses(tmp_path / "emnist-letters.mat", "not read; give the folder of its idx files")
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65 97\n2 66 98\n")
    refuses(tmp_path, "has the label 3, which its mapping lacks")
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 A\n")
    refuses(tmp_path, "mapping.txt has a line other than a label and codes of characters")
    emnist(tmp_path, "digits")
    refuses(tmp_path, "holds the sets 'digits', 'letters' of EMNIST", "give the training images")

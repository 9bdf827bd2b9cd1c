"""Arrays of NumPy stay on disk; what is no such pair is refused, and pickles are never read."""

import os
import pickle

import numpy as np
import pytest

from halfspaces import datasets
from halfspaces.datasets import DataError
from tests.data_files import SMALL, SMALL_LABELS
from tests.helpers import DIGITS, refuses

X, Y = DIGITS.X.astype(np.float32), DIGITS.y


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("names", "given"),
    [
        (("X", "y"), "X.npy"),
        (("X", "y"), "."),
        (("embeddings", "labels"), "."),
        (("X_train", "y_train"), "."),
        (("train_features", "train_labels"), "train_features.npy"),
        (("clip-vit-l14", "labels"), "clip-vit-l14.npy"),
    ],
)
def test_npy_stays_on_disk(tmp_path, dtype, names, given):
    for name, array in zip(names, (SMALL.astype(dtype), SMALL_LABELS), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    data = datasets.open(tmp_path / given)
    assert isinstance(data.X, np.memmap)
    assert not data.X.flags.writeable
    np.testing.assert_array_equal(data.X, SMALL.astype(dtype), strict=True)
    np.testing.assert_array_equal(data.y, SMALL_LABELS)


def test_npy_images_test_rows_and_features_alone(tmp_path):
    images = np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 2, 3)
    np.save(tmp_path / "X.npy", images)
    np.save(tmp_path / "y.npy", np.array(["a", "b", "c"] * 2))
    assert datasets.open_features(tmp_path / "X.npy").shape == (6, 12)
    (tmp_path / "alone").mkdir()
    np.save(tmp_path / "alone" / "X.npy", images[:4])
    assert datasets.open_features(tmp_path / "alone").shape == (4, 12), (
        "rows to predict need no labels"
    )
    (tmp_path / "alone" / "X.npy").rename(tmp_path / "alone" / "y.npy")
    with pytest.raises(DataError, match=r"has no X.npy; save the features with"):
        datasets.open_features(tmp_path / "alone")
    data = datasets.open(tmp_path)
    assert (data.X.shape, data.image_shape, data.X_test) == ((6, 12), (2, 2, 3), None)
    assert isinstance(data.X, np.memmap)
    np.save(tmp_path / "X_test.npy", images[:2])
    refuses(tmp_path, "X_test.npy has no labels beside it; save them as", "y_test.npy")
    np.save(tmp_path / "y_test.npy", ["a", "b"])
    np.save(tmp_path / "X_val.npy", images[2:5])
    refuses(tmp_path, "X_val.npy has no labels beside it; save them as", "y_val.npy")
    np.save(tmp_path / "y_val.npy", ["c", "a", "b"])
    for given in (tmp_path, tmp_path / "X_val.npy"):
        data = datasets.open(given)
        np.testing.assert_array_equal(data.X_val, images[2:5].reshape(3, -1), strict=True)
        assert (len(data.X), len(data.X_test), data.y_val.tolist()) == (6, 2, ["c", "a", "b"])
    np.savez(
        tmp_path / "all.npz",
        **{path.stem: np.load(path) for path in sorted(tmp_path.glob("*.npy"))},
    )
    assert datasets.open(tmp_path / "all.npz").y_val.tolist() == ["c", "a", "b"]
    assert datasets.open(tmp_path).X_test.shape == datasets.open_features(tmp_path).shape == (2, 12)
    np.save(tmp_path / "X.npy", np.asfortranarray(images))
    refuses(tmp_path, "X.npy has an array in Fortran's order; save it with")


def test_npy_that_does_not_fit(tmp_path):
    np.save(tmp_path / "y.npy", SMALL_LABELS)
    refuses(tmp_path, "has labels but no X.npy")
    np.save(tmp_path / "X.npy", SMALL[:5])
    refuses(tmp_path, "X has 5 examples but y has 6 labels")
    np.save(tmp_path / "X.npy", SMALL[:, 0])
    refuses(tmp_path, "X.npy has an array of shape (6,); rows of features")
    np.save(tmp_path / "X.npy", SMALL.astype(complex))
    refuses(tmp_path, "X.npy has an array of type complex128; real numbers")
    np.save(tmp_path / "X.npy", SMALL)
    np.save(tmp_path / "y.npy", np.where(SMALL_LABELS == 2, np.nan, SMALL_LABELS))
    refuses(tmp_path, "y.npy has 2 labels that are NaN")
    (tmp_path / "y.npy").unlink()
    refuses(tmp_path, "X.npy has no labels beside it; save them as", "y.npy.")


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize("name", ["X", "y"])
def test_npy_pickles_are_never_read(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", SMALL)
    np.save("y.npy", SMALL_LABELS)
    np.save(f"{name}.npy", np.array([Trap()] * 6), allow_pickle=True)
    refuses(tmp_path, f"{name}.npy cannot be read as .npy")
    (tmp_path / f"{name}.npy").write_bytes(pickle.dumps(Trap()))
    refuses(tmp_path, f"{name}.npy cannot be read as .npy")
    assert not (tmp_path / "trapped").exists()


def test_npy_header_that_lies(tmp_path):
    np.save(tmp_path / "y.npy", SMALL_LABELS)
    with (tmp_path / "X.npy").open("wb") as stream:
        fields = {"descr": "<f8", "fortran_order": False, "shape": (1 << 50, 784)}
        np.lib.format.write_array_header_1_0(stream, fields)
    refuses(tmp_path, "X.npy cannot be read as .npy")

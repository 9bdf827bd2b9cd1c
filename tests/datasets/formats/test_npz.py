"""Archives of NumPy arrays come back as they are; everything else is refused."""

import io
import zipfile

import h5py
import numpy as np
import pytest
import zarr

from halfspaces import datasets
from tests.helpers import refuses


def test_npz_is_read_as_given(tmp_path):
    path, y = tmp_path / "birds.npz", np.array(["owl", "kiwi", "owl"])
    X = np.arange(6, dtype=np.float16).reshape(3, 2)
    np.savez_compressed(
        path, X=X, y=y, X_test=X[:1], y_test=y[:1], class_names=["kiwi", "owl"], other=[None]
    )
    birds = datasets.open(str(path))
    np.testing.assert_array_equal(birds.X, X, strict=True)
    np.testing.assert_array_equal(birds.X_test, X[:1], strict=True)
    assert birds.y.tolist() == ["owl", "kiwi", "owl"]
    assert (birds.name, birds.class_names, birds.image_shape) == ("birds", ("kiwi", "owl"), None)


@pytest.mark.parametrize(
    ("shape", "image_shape"), [((5, 4, 3, 2), (4, 3, 2)), ((5, 4, 3), (4, 3, 1))]
)
def test_npz_images_are_flattened(tmp_path, shape, image_shape):
    X = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.savez(tmp_path / "a.npz", X=X, y=np.arange(5))
    data = datasets.open(tmp_path / "a.npz")
    assert data.image_shape == image_shape
    assert data.X.shape == (5, np.prod(shape[1:]))
    np.testing.assert_array_equal(data.images(data.X), X.reshape(5, *image_shape), strict=True)


X, Y = np.zeros((3, 4)), np.arange(3)


def test_npz_members_that_are_no_arrays_are_none(tmp_path):
    np.savez(tmp_path / "given.npz", X=np.zeros((4, 2)))
    with zipfile.ZipFile(tmp_path / "given.npz", "a") as archive:
        archive.writestr("y", "0 1 0 1")
    refuses(tmp_path / "given.npz", "holds 'X', but labels, such as y, are needed")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": X}, "holds 'X', but labels, such as y, are needed"),
        ({"pictures": X, "labels": Y}, "holds 'labels', 'pictures', but features, such as X,"),
        ({}, "holds nothing"),
        ({"X": X, "y": np.array([1, "a", None], object)}, "has y as Python objects"),
        ({"X": np.array([[None]]), "y": Y}, "has X as Python objects"),
        ({"X": X, "y": Y[:2]}, "X has 3 examples but y has 2 labels"),
        ({"X": X, "y": Y, "X_test": X}, "X_test is given without y_test"),
        ({"X": X, "y": Y * 0.5}, "y of type float64"),
        ({"X": X.astype(str), "y": Y}, "X of type <U32"),
        ({"X": X[0], "y": Y}, "X of shape (4,)"),
        ({"X": np.zeros((3, 1, 1, 1, 1)), "y": Y}, "X of shape (3, 1, 1, 1, 1)"),
        ({"X": np.zeros((0, 2, 2)), "y": Y[:0]}, "at least one example"),
        (
            {"X": np.zeros((3, 4, 4, 3)), "y": Y, "X_test": np.zeros((3, 3, 4, 4)), "y_test": Y},
            "has images of 4 x 4 x 3 in X but of 3 x 4 x 4 in X_test; bring them to one shape.",
        ),
        (
            {"X": np.zeros((3, 16)), "y": Y, "X_val": np.zeros((3, 2, 2, 2, 2)), "y_val": Y},
            "X_val of shape (3, 2, 2",
        ),
        ({"X": X, "y": Y, "class_names": ["a", "b"]}, "2 class_names but labels from 0 to 2"),
        ({"X": X, "y": Y, "class_names": [1, 2, 3]}, "class_names of type int64"),
    ],
)
def test_npz_that_does_not_fit(tmp_path, arrays, words):
    np.savez(tmp_path / "given.npz", **arrays)
    refuses(tmp_path / "given.npz", "given", words)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize(
    "names",
    [
        ("embeddings", "labels", "X_test", "y_test"),
        ("X_train", "y_train", "test_embeddings", "test_labels"),
        ("train_x", "targets", "features_test", "target_test"),
    ],
)
def test_one_table_of_names_for_all_readers(tmp_path, names, shape):
    """.npz, a folder of .npy, HDF5 and zarr read the same names, and labels (N, 1)."""
    arrays = dict(zip(names, (X, Y.reshape(shape), X[:2], Y[:2]), strict=True))
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "npy").mkdir()
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in arrays.items():
            np.save(tmp_path / "npy" / f"{name}.npy", array)
            file[name] = array
            group.create_array(name, data=array)
    for kind in ("a.npz", "npy", "a.h5", "a.zarr"):
        data = datasets.open(tmp_path / kind)
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.y, Y)
        np.testing.assert_array_equal(data.X_test, X[:2])
        np.testing.assert_array_equal(datasets.open_features(tmp_path / kind), X[:2])


def test_npz_damaged(tmp_path):
    path = tmp_path / "given.npz"
    np.savez(path, X=X, y=Y)
    whole = path.read_bytes()
    for end in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        refuses(path, "given.npz cannot be read as .npz")
    path.write_bytes(whole[:150] + b"x" + whole[151:])
    refuses(path, "given.npz cannot be read as .npz", "CRC")
    with path.open("wb") as stream:
        np.save(stream, np.array([None]), allow_pickle=True)
    refuses(path, "given.npz cannot be read as .npz")


def test_npz_header_that_lies(tmp_path):
    header = io.BytesIO()
    fields = {"descr": "<f8", "fortran_order": False, "shape": (4_000_000_000, 784)}
    np.lib.format.write_array_header_1_0(header, fields)
    with zipfile.ZipFile(tmp_path / "given.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue() + bytes(80))
        archive.writestr("y.npy", header.getvalue())
    refuses(
        tmp_path / "given.npz", "X end at byte 208, but its header promises shape (4000000000, 784)"
    )

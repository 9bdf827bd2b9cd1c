"""Data of other formats in a folder are named: they may be what the user meant."""

import numpy as np
import pytest
import safetensors.numpy
import zarr

from halfspaces import datasets
from tests.helpers import DIGITS

X, Y = DIGITS.X[:60].astype(np.float32), DIGITS.y[:60]


def npy(folder):
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", Y)


def torch(folder):
    torch = pytest.importorskip("torch")
    torch.save(torch.tensor(X), folder / "features.pt")
    torch.save(torch.tensor(Y), folder / "labels.pt")


def clip_retrieval(folder):
    (folder / "img_emb").mkdir()
    np.save(folder / "img_emb" / "img_emb_0.npy", X)
    np.save(folder / "labels_0.npy", Y)


def safetensors_shard(folder):
    safetensors.numpy.save_file({"X": X, "y": Y}, folder / "emb_0.safetensors")


def zarr_group(folder):
    group = zarr.open_group(folder, mode="w")
    group.create_array("X", data=X)
    group.create_array("y", data=Y)


@pytest.mark.parametrize("write", [npy, torch, clip_retrieval, safetensors_shard, zarr_group])
def test_data_beside_arrays_are_named(tmp_path, write):
    write(tmp_path)
    (tmp_path / "digits.history.csv").write_text("passes,loss\n")
    (tmp_path / "README.md").write_text("about")
    assert "not used" not in str(datasets.open(tmp_path).notes)
    (tmp_path / "labels.csv").write_text("file,label\na,b\n")
    (tmp_path / "ids.npy").touch()
    data = datasets.open(tmp_path)
    assert data.notes[-1] == "not used: 'ids.npy', 'labels.csv'"
    np.testing.assert_array_equal(data.X, X)


def test_of_two_files_of_features_the_one_that_is_used_is_named(tmp_path):
    npy(tmp_path)
    np.save(tmp_path / "X_train.npy", X)
    data = datasets.open(tmp_path)
    assert data.notes == ("used: 'X.npy', 'y.npy'", "not used: 'X_train.npy'")


def test_beside_a_file_that_was_named_nothing_is(tmp_path):
    npy(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na,b\n")
    assert "not used" not in str(datasets.open(tmp_path / "X.npy").notes)

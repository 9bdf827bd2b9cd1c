"""SVHN's files that do not fit are refused."""

import numpy as np
import pytest
import scipy.io

from halfspaces import datasets
from halfspaces.datasets import DataError


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

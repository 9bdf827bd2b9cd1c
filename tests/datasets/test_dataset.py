"""A data set: its parts agree."""

import numpy as np
import pytest

from halfspaces.datasets import DataError, Dataset


def test_dataset_refuses_what_disagrees():
    X, y = np.zeros((3, 4)), np.zeros(3, int)
    with pytest.raises(DataError, match=r"X has 3 examples but y has 2 labels"):
        Dataset("d", X, y[:2])
    with pytest.raises(DataError, match=r"X_test has 1 examples but y_test has 3 labels"):
        Dataset("d", X, y, X[:1], y)
    with pytest.raises(DataError, match=r"X has 4 features but X_test has 3"):
        Dataset("d", X, y, X[:, :3], y)
    with pytest.raises(DataError, match=r"X_test is given without y_test"):
        Dataset("d", X, y, X)
    with pytest.raises(DataError, match=r"at least one example"):
        Dataset("d", X[:0], y[:0])
    with pytest.raises(DataError, match=r"shape \(3,\), got \(3, 1\)"):
        Dataset("d", X, y[:, None])
    with pytest.raises(DataError, match="holds no images"):
        Dataset("d", X, y).images(X)
    with pytest.raises(DataError, match=r"shape \(n, 4\), got \(4,\)"):
        Dataset("d", X, y, image_shape=(2, 2, 1)).images(X[0])


X, Y = np.zeros((3, 4)), np.arange(3)

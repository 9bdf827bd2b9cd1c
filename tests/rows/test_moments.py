"""Mean and variance of the features: against two passes in float64, with outliers of any weight."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments


@pytest.mark.parametrize("weight", [0.0, 1e-30, 1e-9, 1.0, 1e9])
@pytest.mark.parametrize("outlier", [0.0, 1e5, 1e12])
@pytest.mark.parametrize("row", [0, -1])
@pytest.mark.parametrize("convert", [np.asarray, csr_array, np.float32], ids=str)
def test_moments_are_those_of_two_passes(convert, row, outlier, weight):
    X = np.random.default_rng(0).normal(0.05, 0.01, (3000, 3))
    X[row] = -outlier
    X[:, 1] = 0.1
    X = convert(X)
    dense = (X if isinstance(X, np.ndarray) else X.toarray()).astype(float)
    weights = np.random.default_rng(1).uniform(0.5, 1, len(dense))
    weights[row] = weight
    mean = np.average(dense, axis=0, weights=weights)
    squares = weights @ (dense - mean) ** 2
    found = Moments.of(Blocks(X, np.zeros(len(dense), int), weights))
    np.testing.assert_allclose(found.mean, mean, rtol=1e-11)
    np.testing.assert_allclose(found.squares[[0, 2]], squares[[0, 2]], rtol=1e-9)
    assert found.standardization().scale[1] == 1.0

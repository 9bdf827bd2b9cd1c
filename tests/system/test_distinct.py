"""Distinct labels and their positions are those of NumPy."""

import numpy as np
import pytest

from halfspaces.system.distinct import SOME_ROWS, distinct, encoded

N = 3 * SOME_ROWS + 7
NUMBERS = np.random.default_rng(0).integers(0, 300, N)
LABELS = {
    "strings": np.array([f"class {i}" for i in range(300)])[NUMBERS],
    "objects": np.array([f"class {i}" for i in range(300)], object)[NUMBERS],
    "numbers": NUMBERS,
    "late": np.r_[np.zeros(N, np.int8), np.int8(-5)],
    "all differ": np.random.default_rng(1).permutation(N),
    "fractions": NUMBERS / 7,
    "few": np.array(["b", "a", "b"]),
    "bytes": np.array([b"x", b"yy"])[NUMBERS % 2],
}


@pytest.mark.parametrize("name", LABELS)
def test_as_unique(name):
    y = LABELS[name]
    classes, index = np.unique(y, return_inverse=True)
    found, positions = encoded(y)
    np.testing.assert_array_equal(found, classes)
    assert found.dtype == classes.dtype
    np.testing.assert_array_equal(positions, index)


def test_nan_is_one_label():
    y = np.r_[np.zeros(SOME_ROWS), [np.nan, np.nan]]
    assert distinct(y).size == 2

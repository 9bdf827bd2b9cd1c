"""Test rows that are training rows, too, are counted."""

import numpy as np
import pytest

from halfspaces.datasets import Dataset

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize(
    ("X", "rows", "expected"),
    [
        (
            np.eye(5, dtype=np.uint8),
            np.vstack([np.eye(5)[3], np.ones(5), np.eye(5)[3]]).astype(np.uint8),
            2,
        ),
        (np.eye(300, 200, dtype=np.float16), np.eye(200, dtype=np.float16) * 2, 0),
        (np.eye(9)[::2], np.asfortranarray(np.eye(9)), 5),
        (np.eye(9, dtype=np.uint8), np.eye(9), 0),
        (np.eye(9, dtype=np.longdouble), np.eye(9, dtype=np.longdouble), 9),
    ],
)
def test_duplicates(X, rows, expected):
    from scipy.sparse import csr_array

    y, y_test = np.arange(len(X)), np.arange(len(rows))
    assert Dataset("d", X, y, rows, y_test).duplicates() == expected
    if X.dtype == rows.dtype == np.uint8:
        assert Dataset("d", csr_array(X), y, csr_array(rows), y_test).duplicates() == expected
    assert Dataset("d", X, y).duplicates() == 0

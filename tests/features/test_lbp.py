"""Local binary patterns: parity with scikit-image."""

import numpy as np
import pytest

from halfspaces.features import LBP
from halfspaces.features.lbp import bins_of_patterns


@pytest.mark.filterwarnings("ignore:Applying `local_binary_pattern` to floating-point images")
@pytest.mark.parametrize(
    ("patterns", "method"),
    [("all", "default"), ("uniform", "nri_uniform"), ("rotation_invariant", "uniform")],
)
def test_lbp_is_that_of_scikit_image(patterns, method):
    skimage = pytest.importorskip("skimage.feature")
    count = int(bins_of_patterns(patterns).max()) + 1
    images = np.random.default_rng(0).random((8, 24, 32))  # no neighbours are equal
    inner = [1, 2, 4, 5, 6, 7, 9, 10]  # cells: beyond a corner, pixels are equal but for rounding
    expected = []
    for image in images:
        codes = skimage.local_binary_pattern(255 * np.pad(image, 1, mode="edge"), 8, 1, method)[
            1:-1, 1:-1
        ]
        cells = codes.astype(int).reshape(3, 8, 4, 8).swapaxes(1, 2).reshape(12, 64)
        expected += [np.bincount(cell, minlength=count) for cell in cells[inner]]
    found = 64 * LBP(patterns).transform(images).reshape(8, 12, count)[:, inner].reshape(-1, count)
    found = np.rint(found).astype(int)
    if patterns == "uniform":  # in an order of its own
        assert sorted(found.T.tolist()) == sorted(np.transpose(expected).tolist())
    else:
        assert found.tolist() == np.array(expected).tolist()

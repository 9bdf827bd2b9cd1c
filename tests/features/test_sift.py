"""Dense SIFT: parity with OpenCV."""

import numpy as np
import pytest

from halfspaces.features import DenseSIFT


@pytest.mark.parametrize(("cell", "sigma"), [(2, 0.5), (2, 1.6), (4, 1.0)])
def test_sift_is_that_of_opencv(photos, cell, sigma):
    cv2 = pytest.importorskip("cv2")
    grey = np.ascontiguousarray(photos[..., 1])
    feature = DenseSIFT(cell=cell, sigma=sigma, floor=1e-6)
    rows, columns = feature.points(48, 40)
    points = [cv2.KeyPoint(float(x), float(y), 2 / 3 * cell, 0.0) for y in rows for x in columns]
    opencv = cv2.SIFT_create(sigma=sigma)
    expected = np.stack([opencv.compute(image, points)[1] for image in grey]) / 512
    found = feature.local(grey)
    told = (expected.max(axis=2) < 255 / 512) & (
        np.linalg.norm(expected, axis=2) > 0.9
    )  # bytes; flat patches
    assert told.mean() > 0.5
    difference = 512 * np.abs(found - expected)[told]
    assert difference.mean() < 0.6
    assert np.quantile(difference, 0.999) < 4

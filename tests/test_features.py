"""Features: every law, what can be worked out by hand, and parity with OpenCV and scikit-image."""

import colorsys

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from halfspaces.features import HOG, LBP, ColorHistogram, DenseSIFT, HueHistogram, Mixture, Pixels
from halfspaces.features.lbp import bins_of_patterns
from halfspaces.testing import check_feature

FEATURES = [
    Pixels(),
    HueHistogram(),
    HueHistogram(bins=7, cell=8, weighted=False),
    ColorHistogram(),
    ColorHistogram("hsv", bins=3, cell=16),
    HOG(),
    HOG(cell=5, block=3, orientations=8, signed=True, soft=False),
    HOG(block=None),
    LBP(),
    LBP("rotation_invariant", cell=None),
    DenseSIFT(),
    DenseSIFT(step=3, cell=3, root=True, sigma=1.6),
    Mixture([HOG(), HueHistogram(), Pixels()]),
]


@pytest.fixture(scope="module")
def photos():
    """Pieces of photographs, (N, 48, 40, 3)."""
    china, flower = load_sample_images().images
    corners = np.random.default_rng(0).integers(0, 370, (20, 2))
    return np.stack([photo[y : y + 48, x : x + 40] for photo in (china, flower) for y, x in corners])


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_laws(feature):
    check_feature(feature)


# --- by hand -----------------------------------------------------------------------------------------------------


def ramp(degrees, side=16, slope=4.0):
    """Grey levels that rise towards a direction, as floats, (1, side, side)."""
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    return ((128 + slope * (x * np.cos(angle) + y * np.sin(angle))) / 255)[None]


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_ramps_in_all_directions_have_the_same_mass_of_hog(soft, signed):
    hog = HOG(cell=4, block=None, soft=soft, signed=signed, orientations=8)
    cells = np.stack([hog.transform(ramp(degrees)).reshape(4, 4, 8) for degrees in range(0, 360, 45)])
    inner = cells[:, 1:3, 1:3].sum(axis=(1, 2))
    np.testing.assert_allclose(inner.sum(axis=1), 4 * 8.0, rtol=1e-4)  # two pixels apart: twice the slope
    if soft:  # directions lie on the border of two bins: half in each
        half = 360 // 45 if signed else 180 // 45
        for turn in range(8):
            np.testing.assert_allclose(
                inner[turn], np.roll(inner[0], turn * (1 if signed else 2)), atol=1e-3, err_msg=str((turn, half))
            )


def test_hue_is_that_of_colorsys(photos):
    images = photos[:4, :6, :7]
    expected = np.zeros((4, 12))
    for image, bins in zip(images, expected, strict=True):
        for pixel in image.reshape(-1, 3) / 255:
            hue, saturation, _ = colorsys.rgb_to_hsv(*pixel)
            bins[int(hue * 12 + 1e-6) % 12] += saturation / 42
    np.testing.assert_allclose(HueHistogram(bins=12).transform(images), expected, atol=1e-6)


def test_colour_histograms_are_those_of_numpy(photos):
    expected = [np.histogramdd(image.reshape(-1, 3), bins=4, range=[(0, 256)] * 3)[0].ravel() for image in photos]
    np.testing.assert_allclose(ColorHistogram().transform(photos), np.array(expected) / (48 * 40), atol=1e-5)


# --- parity ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [8, 5])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_hard_hog_is_that_of_scikit_image(photos, cell, block):
    skimage = pytest.importorskip("skimage.feature")
    options = {"pixels_per_cell": (cell, cell), "cells_per_block": (block, block), "channel_axis": -1}
    expected = [skimage.hog(image.astype(float), **options) for image in photos]
    found = HOG(cell, block, soft=False, floor=1e-5).transform(photos)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("signed", [False, True])
def test_soft_hog_is_that_of_opencv_in_one_block(photos, signed):
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "HOGDescriptor"):
        pytest.skip("OpenCV 5 keeps HOG among its contributions")
    photos = photos[:, :32, :32]
    sizes = (32, 32), (32, 32), (8, 8), (8, 8), 9
    opencv = cv2.HOGDescriptor(*sizes, 1, 1e4, 0, 0.2, False, 64, signed)
    expected = [opencv.compute(np.ascontiguousarray(image)).reshape(4, 4, 9) for image in photos]
    found = HOG(8, 4, signed=signed, floor=144 * 0.1 / 64).transform(photos).reshape(-1, 4, 4, 9)
    np.testing.assert_allclose(found, np.swapaxes(expected, 1, 2), atol=2e-3)


@pytest.mark.parametrize(("cell", "sigma"), [(2, 0.5), (2, 1.6), (4, 1.0)])
def test_sift_is_that_of_opencv(photos, cell, sigma):
    cv2 = pytest.importorskip("cv2")
    grey = photos[..., 1]
    feature = DenseSIFT(cell=cell, sigma=sigma)
    rows, columns = feature.points(48, 40)
    points = [cv2.KeyPoint(float(x), float(y), 2 / 3 * cell, 0.0) for y in rows for x in columns]
    opencv = cv2.SIFT_create(sigma=sigma)
    expected = np.stack([opencv.compute(np.ascontiguousarray(image), points)[1] for image in grey]) / 512
    found = feature.local(grey)
    rough = np.linalg.norm(expected, axis=2) > 0.9  # OpenCV rounds flat patches to nothing
    assert rough.mean() > 0.9
    assert np.abs(found - np.minimum(expected, 255 / 512))[rough & (found.max(axis=2) < 0.49)].max() < 4 / 512
    assert np.abs(found - expected)[rough & (found.max(axis=2) < 0.49)].mean() < 0.6 / 512


@pytest.mark.parametrize(("patterns", "method"), [("uniform", "nri_uniform"), ("rotation_invariant", "uniform")])
def test_lbp_is_that_of_scikit_image(photos, patterns, method):
    skimage = pytest.importorskip("skimage.feature")
    count = int(bins_of_patterns(patterns).max()) + 1
    images = np.random.default_rng(0).random((8, 24, 32))  # no neighbours are equal
    expected = []
    for image in images:
        codes = skimage.local_binary_pattern(255 * np.pad(image, 1, mode="edge"), 8, 1, method)[1:-1, 1:-1]
        expected.append([np.bincount(codes[y : y + 8, x : x + 8].astype(int).ravel(), minlength=count)
                         for y in (0, 8, 16) for x in (0, 8, 16, 24)])  # fmt: skip
    found = 64 * LBP(patterns).transform(images).reshape(8, 12, count)
    if patterns == "uniform":  # in an order of its own
        found, expected = np.sort(found, axis=1), np.sort(expected, axis=1)
        order = [np.lexsort(np.reshape(part, (-1, count))) for part in (found, expected)]
        found, expected = np.reshape(found, (-1, count))[:, order[0]], np.reshape(expected, (-1, count))[:, order[1]]
    assert np.abs(found - np.reshape(expected, found.shape)).max() < 1e-3

"""Histograms of oriented gradients:
ramps, mirror images, and parity with scikit-image and OpenCV.
"""

import numpy as np
import pytest

from halfspaces.features import HOG


def ramp(degrees, side=16, slope=4.0):
    """Grey levels that rise towards a direction, as floats, (1, side, side)."""
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    return ((128 + slope * (x * np.cos(angle) + y * np.sin(angle))) / 255)[None]


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_ramps_in_all_directions_have_the_same_mass_of_hog(soft, signed):
    hog = HOG(cell=4, block=None, soft=soft, signed=signed, orientations=8)
    cells = np.stack(
        [hog.transform(ramp(degrees)).reshape(4, 4, 8) for degrees in range(0, 360, 45)]
    )
    inner = cells[:, 1:3, 1:3].sum(axis=(1, 2))
    np.testing.assert_allclose(
        inner.sum(axis=1), 4 * 8.0, rtol=1e-4
    )  # two pixels apart: twice the slope
    if soft:  # on the border of two bins, half in each
        for turn, found in enumerate(inner):
            np.testing.assert_allclose(
                found, np.roll(inner[0], turn if signed else 2 * turn), atol=1e-3
            )


def test_hog_flips_turns_and_moves_with_the_image(photos):
    square = photos[:, :32, :32]
    hog = HOG(block=None, orientations=8)

    def cells(images):
        return hog.transform(images).reshape(len(images), 4, 4, 8)

    still = cells(square)
    close = {"rtol": 1e-3, "atol": 1e-3}
    np.testing.assert_allclose(cells(square[:, :, ::-1]), still[:, :, ::-1, ::-1], **close)
    turned = np.rot90(still, axes=(1, 2))
    np.testing.assert_allclose(
        cells(np.rot90(square, axes=(1, 2))), np.roll(turned, 4, axis=3), **close
    )
    np.testing.assert_allclose(
        cells(photos[:, 8:40, :32])[:, 1], still[:, 2], **close
    )  # not at the edges


@pytest.mark.parametrize("signed", [False, True])
def test_a_direction_on_a_border_is_in_the_bin_above(signed):
    y, x = np.mgrid[0:24, 0:24] - 12
    along = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]
    ramps = np.stack([(128 + 3 * (a * x + b * y)).astype(np.uint8) for a, b in along])
    for bins in range(1, 49):
        hog = HOG(block=None, soft=False, signed=signed, orientations=bins)
        cells = hog.transform(ramps).reshape(8, 3, 3, bins)[:, 1, 1]
        turned = np.arange(8) * bins // 8 if signed else np.arange(8) % 4 * bins // 4
        np.testing.assert_array_equal(cells.argmax(axis=1), turned, f"{bins} bins")
        np.testing.assert_allclose(cells.max(axis=1), cells.sum(axis=1))


# --- parity ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [8, 5])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_hard_hog_is_that_of_scikit_image(photos, cell, block):
    skimage = pytest.importorskip("skimage.feature")
    options = {
        "pixels_per_cell": (cell, cell),
        "cells_per_block": (block, block),
        "channel_axis": -1,
    }
    expected = [skimage.hog(image.astype(float), **options) for image in photos]
    found = HOG(cell, block, soft=False, floor=1e-5).transform(photos)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("orientations", [2, 3, 4, 8, 9, 12])
def test_hard_hog_is_that_of_scikit_image_on_borders_of_bins(orientations):
    skimage = pytest.importorskip("skimage.feature")
    y, x = np.mgrid[0:16, 0:16]
    images = np.stack([4 * (x + y), 4 * (15 - x + y), 4 * x, 4 * y]).astype(np.uint8)
    options = {"pixels_per_cell": (8, 8), "cells_per_block": (1, 1), "orientations": orientations}
    expected = [skimage.hog(image.astype(float), **options) for image in images]
    found = HOG(8, 1, orientations, soft=False, floor=1e-5).transform(images)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("signed", [False, True])
def test_soft_hog_is_that_of_opencv_in_one_block(photos, signed):
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "HOGDescriptor"):
        pytest.skip("OpenCV 5 keeps HOG among its contributions")
    photos = np.ascontiguousarray(photos[:, :32, :32])
    sizes = (32, 32), (32, 32), (8, 8), (8, 8), 9
    opencv = cv2.HOGDescriptor(
        *sizes, 1, 1e4, 0, 10.0, False, 64, signed
    )  # no window to speak of, no clipping
    expected = (
        np.stack([opencv.compute(image).reshape(4, 4, 9) for image in photos])
        .swapaxes(1, 2)
        .reshape(-1, 144)
    )
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = HOG(8, 4, signed=signed, clip=10.0, floor=1e-5).transform(photos)
    assert np.abs(found - expected).max() < 5e-3  # its arc tangents are off by up to 0.3 degrees

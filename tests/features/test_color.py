"""Histograms of hues and colours."""

import colorsys

import numpy as np

from halfspaces.features import ColorHistogram, HueHistogram
from halfspaces.testing.tolerance import rounding


def test_hue_is_that_of_colorsys(photos):
    images = photos[:4, :6, :7]
    expected = np.zeros((4, 12))
    for image, bins in zip(images, expected, strict=True):
        for pixel in image.reshape(-1, 3) / 255:
            hue, saturation, _ = colorsys.rgb_to_hsv(*pixel)
            bins[int(hue * 12 + 1e-6) % 12] += saturation / 42
    close = rounding(6 * 7, np.float32)
    np.testing.assert_allclose(HueHistogram(bins=12).transform(images), expected, atol=close)


def test_colour_histograms_are_those_of_numpy(photos):
    expected = [
        np.histogramdd(image.reshape(-1, 3), bins=4, range=[(0, 256)] * 3)[0].ravel()
        for image in photos
    ]
    # One share added 1,920 times rounds to the same side each time: by 1,920 halves of an epsilon.
    close = 48 * 40 * np.finfo(np.float32).eps / 2
    np.testing.assert_allclose(
        ColorHistogram().transform(photos), np.array(expected) / (48 * 40), rtol=close
    )

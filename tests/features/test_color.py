"""Histograms of hues and colours."""

import colorsys

import numpy as np

from halfspaces.features import ColorHistogram, HueHistogram


def test_hue_is_that_of_colorsys(photos):
    images = photos[:4, :6, :7]
    expected = np.zeros((4, 12))
    for image, bins in zip(images, expected, strict=True):
        for pixel in image.reshape(-1, 3) / 255:
            hue, saturation, _ = colorsys.rgb_to_hsv(*pixel)
            bins[int(hue * 12 + 1e-6) % 12] += saturation / 42
    np.testing.assert_allclose(HueHistogram(bins=12).transform(images), expected, atol=1e-6)


def test_colour_histograms_are_those_of_numpy(photos):
    expected = [
        np.histogramdd(image.reshape(-1, 3), bins=4, range=[(0, 256)] * 3)[0].ravel()
        for image in photos
    ]
    np.testing.assert_allclose(
        ColorHistogram().transform(photos), np.array(expected) / (48 * 40), atol=1e-5
    )

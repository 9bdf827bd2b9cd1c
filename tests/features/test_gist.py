"""GIST: every law, the formula in plain NumPy, gratings, contrast and refusals."""

import numpy as np
import pytest

from halfspaces.features import GIST
from halfspaces.testing import check_feature
from tests.helpers import luma_of

FEATURES = [GIST(), GIST(scales=2, orientations=3, grid=3, prefilter=0)]


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_laws(feature):
    check_feature(feature)


def test_gist_is_the_energy_of_its_filters(small_photos):
    """By convolution with what the transfer functions are in the plane, not by transforms."""
    feature = GIST(scales=2, orientations=3, grid=2, prefilter=0)
    height, width, edge = 24, 21, 6
    size = height + 2 * edge, width + 2 * edge  # both products of small primes
    bank = feature.filters(*size)
    images = np.pad(
        luma_of(small_photos[:2]), ((0, 0), (edge, edge), (edge, edge)), mode="symmetric"
    )
    found = feature.transform(small_photos[:2]).reshape(2, 6, 2, 2)
    for k, transfer in enumerate(bank):
        kernel = np.fft.ifft2(transfer)
        energies = np.zeros((2, height, width), complex)
        for dy in range(size[0]):
            for dx in range(size[1]):
                moved = np.roll(images, (dy, dx), axis=(1, 2))[
                    :, edge : edge + height, edge : edge + width
                ]
                energies += kernel[dy, dx] * moved
        energies = np.abs(energies)
        expected = [
            [energies[:, y, x].mean((1, 2)) for x in (slice(0, 11), slice(10, 21))]
            for y in (slice(0, 12), slice(12, 24))
        ]
        np.testing.assert_allclose(
            found[:, k], np.moveaxis(np.array(expected), 2, 0), rtol=1e-4, atol=1e-4
        )


def test_gist_sees_where_gratings_go():
    """Of gratings across θ at a scale's own frequency,
    the filter of θ and that scale has the largest energy.
    """
    y, x = np.mgrid[0:48, 0:48]
    for prefilter in (0.0, 4.0):
        feature = GIST(scales=3, orientations=4, grid=1, prefilter=prefilter)
        for scale in range(2):
            for turn in range(4):
                along = x * np.cos(np.pi * turn / 4) + y * np.sin(np.pi * turn / 4)
                image = 0.5 + 0.4 * np.sin(2 * np.pi * 0.3 / 1.85**scale * along)
                energies = feature.transform(image[None]).reshape(3, 4)
                assert np.unravel_index(energies.argmax(), (3, 4)) == (scale, turn)


def test_the_prefilter_evens_out_contrast(small_photos):
    weak = (128 + (luma_of(small_photos) - 128) / 3) / 255
    strong = luma_of(small_photos) / 255
    with_it, without = (
        [feature.transform(images).mean() for images in (strong, weak)]
        for feature in (GIST(), GIST(prefilter=0))
    )
    assert without[0] / without[1] > 2.9
    assert with_it[0] / with_it[1] < 2.5


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        (GIST(grid=22), "24 x 21 pixels are smaller than a grid of 22 x 22"),
        (GIST(scales=0), "at least 1, got 0"),
        (GIST(prefilter=-1), "at least 0"),
    ],
    ids=str,
)
def test_refusals_are_one_sentence(small_photos, feature, told):
    with pytest.raises(ValueError, match=told) as caught:
        feature.fit(small_photos)
    assert str(caught.value).count(". ") == 0

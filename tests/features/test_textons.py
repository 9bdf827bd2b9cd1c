"""Filter banks and textons: every law, convolutions, directions, invariances and refusals."""

import numpy as np
import pytest

from halfspaces.features import FilterBank, Textons
from halfspaces.testing import check_feature
from tests.helpers import luma_of

FEATURES = [
    FilterBank(step=6),
    FilterBank(scales=(1.4,), strongest=True, step=5),
    Textons(n=10, scales=(1,), step=4, levels=(1, 3)),
]


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_laws(feature):
    check_feature(feature)


def test_filters_are_convolved_with_the_image(small_photos):
    ndimage = pytest.importorskip("scipy.ndimage")
    feature = FilterBank(scales=(1, 1.5), orientations=4, step=3)
    image = luma_of(small_photos[:1])[0]
    bank = feature.filters().reshape(18, 19, 19)
    responses = np.stack(
        [ndimage.correlate(image, kernel.astype(float), mode="reflect") for kernel in bank], axis=-1
    )
    responses = responses[::3, ::3]
    lengths = np.linalg.norm(responses, axis=2, keepdims=True)
    expected = responses * np.log(1 + lengths / 2) / lengths
    np.testing.assert_allclose(
        feature.local(small_photos[:1])[0], expected.reshape(-1, 18), atol=1e-3
    )


def test_filters_have_mean_zero_and_their_directions():
    bank = FilterBank(scales=(1.0, 2.0), orientations=4).filters().astype(float)
    np.testing.assert_allclose(bank.sum(axis=(2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(np.abs(bank).sum(axis=(2, 3)), 1, rtol=1e-5)
    for kind in (0, 4):  # edges, bars: turned by 90 degrees
        np.testing.assert_allclose(
            np.abs(np.rot90(bank[:, kind], axes=(1, 2))), np.abs(bank[:, kind + 2]), atol=1e-7
        )


def test_strongest_responses_are_the_same_for_turned_images(small_photos):
    square = small_photos[:, :21, :21]
    feature = FilterBank(scales=(1,), orientations=4, strongest=True, step=1)
    still = feature.local(square).reshape(len(square), 21, 21, 3)
    turned = feature.local(np.rot90(square, axes=(1, 2))).reshape(len(square), 21, 21, 3)
    apart = np.abs(turned - np.rot90(still, axes=(1, 2)))
    assert (
        apart < 1e-3
    ).mean() > 0.99  # where two bars' responses are each other's negatives, either is strongest


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        (FilterBank(scales=(1, 0)), "above 0, got 0"),
        (
            FilterBank(scales=(1, 6)),
            "images of 24 x 21 pixels are smaller than a filter's 4 x 6; give smaller scales",
        ),
        (FilterBank(floor=0), "above 0"),
        (
            Textons(n=5, scales=(1,), levels=(12,)),
            "12 x 11 descriptors in an image, fewer than 12 x 12 regions",
        ),
        (Textons(n=2000, scales=(1,)), "n=2000 is larger than the 1,584 different descriptors"),
    ],
    ids=str,
)
def test_refusals_are_one_sentence(small_photos, feature, told):
    with pytest.raises(ValueError, match=told) as caught:
        feature.fit(small_photos)
    assert str(caught.value).count(". ") == 0

"""Self-similarity: every law, the formula in plain NumPy, invariances and refusals."""

import numpy as np
import pytest

from halfspaces.features import SelfSimilarity
from halfspaces.testing import check_feature

FEATURES = [
    SelfSimilarity(step=4),
    SelfSimilarity(patch=5, radius=6, rings=2, angles=4, step=3, noise=5),
]


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_laws(feature):
    check_feature(feature)


def self_similarity(image, y, x, feature):
    """A descriptor as the class's docstring has it."""
    half, radius = feature.patch // 2, feature.radius

    def patch(v, u):
        return image[v - half : v + half + 1, u - half : u + half + 1].astype(float)

    def difference(dy, dx):
        return ((patch(y, x) - patch(y + dy, x + dx)) ** 2).mean()

    own = max(difference(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
    bins = np.zeros((feature.rings, feature.angles))
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            distance = np.hypot(dy, dx)
            if 0 < distance <= radius:
                ring = next(
                    k
                    for k in range(feature.rings)
                    if distance <= radius ** ((k + 1) / feature.rings) + 1e-9
                )
                angle = (
                    round(np.degrees(np.arctan2(-dy, dx)) / (360 / feature.angles) + 1e-6)
                    % feature.angles
                )
                similar = np.exp(-difference(dy, dx) / max(feature.noise**2, own))
                bins[ring, angle] = max(bins[ring, angle], similar)
    return ((bins - bins.min()) / (np.ptp(bins) + 0.1)).ravel()


@pytest.mark.parametrize(
    "feature", [SelfSimilarity(step=5), SelfSimilarity(1, 5, 6, 2, 4, 3.0)], ids=str
)
def test_self_similarity_is_that_of_the_formula(small_photos, feature):
    rows, columns = feature.points(24, 21)
    found = feature.local(small_photos[:4]).reshape(4, len(rows), len(columns), -1)
    for at, image in enumerate(small_photos[:4]):
        expected = self_similarity(image, rows[1], columns[0], feature)
        np.testing.assert_allclose(found[at, 1, 0], expected, atol=1e-4)


def test_self_similarity_turns_with_the_image_and_knows_no_colours(small_photos):
    square = small_photos[:, :21, :21]
    feature = SelfSimilarity()

    def bins(images):
        return feature.local(images).reshape(len(images), 5, 5, 3, 8)

    still, turned = bins(square), bins(np.rot90(square, axes=(1, 2)))
    np.testing.assert_allclose(turned, np.roll(np.rot90(still, axes=(1, 2)), 2, axis=4), atol=1e-4)
    np.testing.assert_allclose(bins(255 - square[..., ::-1]), still, atol=1e-4)


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        (
            SelfSimilarity(radius=10),
            "24 x 21 pixels are smaller than the surroundings of a point, 23 x 23; give a smaller",
        ),
        (
            SelfSimilarity(angles=12),
            "3 rings of 12 angles within 5 pixels leave a bin without a pixel",
        ),
        (SelfSimilarity(patch=4), "must be odd, got 4"),
        (SelfSimilarity(radius=1), "at least 2, got 1"),
        (SelfSimilarity(noise=0), "above 0"),
    ],
    ids=str,
)
def test_refusals_are_one_sentence(small_photos, feature, told):
    with pytest.raises(ValueError, match=told) as caught:
        feature.fit(small_photos)
    assert str(caught.value).count(". ") == 0

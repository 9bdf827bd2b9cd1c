"""GIST, self-similarity and filter banks: every law, the formulas in plain NumPy, invariances and refusals."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from halfspaces.features import GIST, FilterBank, SelfSimilarity, Textons
from halfspaces.features.images import grey
from halfspaces.testing import check_feature

FEATURES = [
    SelfSimilarity(step=4),
    SelfSimilarity(patch=5, radius=6, rings=2, angles=4, step=3, noise=5),
    GIST(),
    GIST(scales=2, orientations=3, grid=3, prefilter=0),
    FilterBank(step=6),
    FilterBank(scales=(1.4,), strongest=True, step=5),
    Textons(n=10, scales=(1,), step=4, levels=(1, 3)),
]


@pytest.fixture(scope="module")
def photos():
    """Pieces of photographs, (N, 24, 21, 3)."""
    china, flower = load_sample_images().images
    corners = np.random.default_rng(0).integers(0, 370, (6, 2))
    return np.stack([photo[y : y + 24, x : x + 21] for photo in (china, flower) for y, x in corners])


def luma(photos):
    return grey(photos.transpose(0, 3, 1, 2).astype(np.float32))[:, 0].astype(float)


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_laws(feature):
    check_feature(feature)


# --- self-similarity ---------------------------------------------------------------------------------------------


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
                ring = next(k for k in range(feature.rings) if distance <= radius ** ((k + 1) / feature.rings) + 1e-9)
                angle = round(np.degrees(np.arctan2(-dy, dx)) / (360 / feature.angles) + 1e-6) % feature.angles
                similar = np.exp(-difference(dy, dx) / max(feature.noise**2, own))
                bins[ring, angle] = max(bins[ring, angle], similar)
    return ((bins - bins.min()) / (np.ptp(bins) + 0.1)).ravel()


@pytest.mark.parametrize("feature", [SelfSimilarity(step=5), SelfSimilarity(1, 5, 6, 2, 4, 3.0)], ids=str)
def test_self_similarity_is_that_of_the_formula(photos, feature):
    rows, columns = feature.points(24, 21)
    found = feature.local(photos[:4]).reshape(4, len(rows), len(columns), -1)
    for at, image in enumerate(photos[:4]):
        expected = self_similarity(image, rows[1], columns[0], feature)
        np.testing.assert_allclose(found[at, 1, 0], expected, atol=1e-4)


def test_self_similarity_turns_with_the_image_and_knows_no_colours(photos):
    square = photos[:, :21, :21]
    feature = SelfSimilarity()

    def bins(images):
        return feature.local(images).reshape(len(images), 5, 5, 3, 8)

    still, turned = bins(square), bins(np.rot90(square, axes=(1, 2)))
    np.testing.assert_allclose(turned, np.roll(np.rot90(still, axes=(1, 2)), 2, axis=4), atol=1e-4)
    np.testing.assert_allclose(bins(255 - square[..., ::-1]), still, atol=1e-4)


# --- GIST --------------------------------------------------------------------------------------------------------


def test_gist_is_the_energy_of_its_filters(photos):
    """By convolution with what the transfer functions are in the plane, not by transforms."""
    feature = GIST(scales=2, orientations=3, grid=2, prefilter=0)
    height, width, edge = 24, 21, 6
    size = height + 2 * edge, width + 2 * edge  # both products of small primes
    bank = feature.filters(*size)
    images = np.pad(luma(photos[:2]), ((0, 0), (edge, edge), (edge, edge)), mode="symmetric")
    found = feature.transform(photos[:2]).reshape(2, 6, 2, 2)
    for k, transfer in enumerate(bank):
        kernel = np.fft.ifft2(transfer)
        energies = np.zeros((2, height, width), complex)
        for dy in range(size[0]):
            for dx in range(size[1]):
                moved = np.roll(images, (dy, dx), axis=(1, 2))[:, edge : edge + height, edge : edge + width]
                energies += kernel[dy, dx] * moved
        energies = np.abs(energies)
        expected = [
            [energies[:, y, x].mean((1, 2)) for x in (slice(0, 11), slice(10, 21))]
            for y in (slice(0, 12), slice(12, 24))
        ]
        np.testing.assert_allclose(found[:, k], np.moveaxis(np.array(expected), 2, 0), rtol=1e-4, atol=1e-4)


def test_gist_sees_where_gratings_go():
    """Of gratings across θ at a scale's own frequency, the filter of θ and that scale has the largest energy."""
    y, x = np.mgrid[0:48, 0:48]
    for prefilter in (0.0, 4.0):
        feature = GIST(scales=3, orientations=4, grid=1, prefilter=prefilter)
        for scale in range(2):
            for turn in range(4):
                along = x * np.cos(np.pi * turn / 4) + y * np.sin(np.pi * turn / 4)
                image = 0.5 + 0.4 * np.sin(2 * np.pi * 0.3 / 1.85**scale * along)
                energies = feature.transform(image[None]).reshape(3, 4)
                assert np.unravel_index(energies.argmax(), (3, 4)) == (scale, turn)


def test_the_prefilter_evens_out_contrast(photos):
    weak = (128 + (luma(photos) - 128) / 3) / 255
    strong = luma(photos) / 255
    with_it, without = (
        [feature.transform(images).mean() for images in (strong, weak)] for feature in (GIST(), GIST(prefilter=0))
    )
    assert without[0] / without[1] > 2.9
    assert with_it[0] / with_it[1] < 2.5


# --- filters -----------------------------------------------------------------------------------------------------


def test_filters_are_convolved_with_the_image(photos):
    ndimage = pytest.importorskip("scipy.ndimage")
    feature = FilterBank(scales=(1, 1.5), orientations=4, step=3)
    image = luma(photos[:1])[0]
    bank = feature.filters().reshape(18, 19, 19)
    responses = np.stack([ndimage.correlate(image, kernel.astype(float), mode="reflect") for kernel in bank], axis=-1)
    responses = responses[::3, ::3]
    lengths = np.linalg.norm(responses, axis=2, keepdims=True)
    expected = responses * np.log(1 + lengths / 2) / lengths
    np.testing.assert_allclose(feature.local(photos[:1])[0], expected.reshape(-1, 18), atol=1e-3)


def test_filters_have_mean_zero_and_their_directions():
    bank = FilterBank(scales=(1.0, 2.0), orientations=4).filters().astype(float)
    np.testing.assert_allclose(bank.sum(axis=(2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(np.abs(bank).sum(axis=(2, 3)), 1, rtol=1e-5)
    for kind in (0, 4):  # edges, bars: turned by 90 degrees
        np.testing.assert_allclose(np.abs(np.rot90(bank[:, kind], axes=(1, 2))), np.abs(bank[:, kind + 2]), atol=1e-7)


def test_strongest_responses_are_the_same_for_turned_images(photos):
    square = photos[:, :21, :21]
    feature = FilterBank(scales=(1,), orientations=4, strongest=True, step=1)
    still = feature.local(square).reshape(len(square), 21, 21, 3)
    turned = feature.local(np.rot90(square, axes=(1, 2))).reshape(len(square), 21, 21, 3)
    apart = np.abs(turned - np.rot90(still, axes=(1, 2)))
    assert (apart < 1e-3).mean() > 0.99  # where two bars' responses are each other's negatives, either is strongest


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        (SelfSimilarity(radius=10), "24 x 21 pixels are smaller than what a point looks at, 23 x 23; give a smaller"),
        (SelfSimilarity(angles=12), "3 rings of 12 angles within 5 pixels leave a bin without a pixel"),
        (SelfSimilarity(patch=4), "must be odd, got 4"),
        (SelfSimilarity(radius=1), "at least 2, got 1"),
        (SelfSimilarity(noise=0), "above 0"),
        (GIST(grid=22), "24 x 21 pixels are smaller than a grid of 22 x 22"),
        (GIST(scales=0), "at least 1, got 0"),
        (GIST(prefilter=-1), "at least 0"),
        (FilterBank(scales=(1, 0)), "above 0, got 0"),
        (FilterBank(scales=(1, 6)), "images of 24 x 21 pixels are smaller than a filter's 4 x 6; give smaller scales"),
        (FilterBank(floor=0), "above 0"),
        (Textons(n=5, scales=(1,), levels=(12,)), "12 x 11 descriptors in an image, fewer than 12 x 12 regions"),
        (Textons(n=2000, scales=(1,)), "n=2000 is larger than the 1,584 different descriptors"),
    ],
    ids=str,
)
def test_refusals_are_one_sentence(photos, feature, told):
    with pytest.raises(ValueError, match=told) as caught:
        feature.fit(photos)
    assert str(caught.value).count(". ") == 0

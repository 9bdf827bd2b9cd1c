"""Bags of words over any descriptor: every law, the formula in plain NumPy, and refusals."""

import numpy as np
import pytest

from halfspaces.features import HOG, BagOfWords, DenseSIFT, HueHistogram, Mixture, RawPatches, parse
from halfspaces.testing import check_feature
from halfspaces.testing.tolerance import rounding
from tests.helpers import pieces_of_photographs

FEATURES = [
    RawPatches(size=5, step=3),
    BagOfWords(n=12, levels=(1, 2), assignment="hard"),
    Mixture(
        [BagOfWords(RawPatches(step=4), n=9, levels=(3,), assignment="triangle"), HueHistogram()]
    ),
    BagOfWords(
        DenseSIFT(step=5), n=7, levels=(1, 4), assignment="gaussian", power=1, random_state=3
    ),
]


@pytest.fixture(scope="module")
def photos():
    return pieces_of_photographs(20, 26, 23)


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_laws(feature):
    check_feature(feature)


def votes(distances, bag):
    """What points give to words, (points, n)."""
    if bag.assignment == "hard":
        return np.eye(bag.n)[distances.argmin(axis=1)]
    if bag.assignment == "triangle":
        return np.maximum(0, distances.mean(axis=1, keepdims=True) - distances)
    near = np.exp(-(distances**2) / (2 * bag.width**2 * bag.variance_))
    return near / near.sum(axis=1, keepdims=True)


def of_formula(image, bag):
    """A row as the class's docstring has it."""
    local = bag.of_._local_of_planes(image.transpose(2, 0, 1)[None].astype(np.float32))[0].astype(
        float
    )
    found = []
    for level in bag.levels:
        for rows in spans(local.shape[0], level):
            for columns in spans(local.shape[1], level):
                points = local[slice(*rows), slice(*columns)].reshape(-1, local.shape[2])
                distances = np.linalg.norm(points[:, None] - bag.words_, axis=2)
                found.append(votes(distances, bag).mean(axis=0))
    return np.concatenate(found) ** bag.power


def spans(length, count):
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


@pytest.mark.parametrize("assignment", ["hard", "triangle", "gaussian"])
@pytest.mark.parametrize("of", [DenseSIFT(), RawPatches(step=3)], ids=str)
def test_rows_are_those_of_the_formula(photos, of, assignment):
    bag = BagOfWords(of, n=20, levels=(1, 2, 4), assignment=assignment).fit(photos)
    expected = np.stack([of_formula(image, bag) for image in photos[:5]])
    np.testing.assert_allclose(bag.transform(photos[:5]), expected, atol=2e-3)


def test_a_level_is_the_mean_of_the_next(photos):
    """10 x 8 points can be halved."""
    bag = BagOfWords(n=16, levels=(1, 2), power=1)
    rows = bag.fit_transform(photos).reshape(40, 5, 16)
    close = rounding(10 * 8, np.float32)  # of shares of 80 points
    np.testing.assert_allclose(rows.sum(axis=2), 1, rtol=0, atol=close)
    np.testing.assert_allclose(rows[:, 0], rows[:, 1:].mean(axis=1), rtol=0, atol=close)


def test_words_are_the_centres_of_clusters():
    """Images of one of three stripes each:
    raw patches have as many clusters as stripes have phases.
    """
    rng = np.random.default_rng(0)
    stripes = np.stack(
        [np.roll(np.tile([0, 0, 200, 200], 4), shift) for shift in rng.integers(0, 4, 60)]
    )
    images = np.repeat(stripes[:, None], 16, axis=1).astype(np.uint8)
    bag = BagOfWords(RawPatches(size=4, step=4), n=4, levels=(1,), assignment="hard").fit(images)
    known = np.unique(np.round(bag.of_.local(images).reshape(-1, 16), 4), axis=0)
    found = bag.words_[np.lexsort(bag.words_.T[::-1].round(2))]
    np.testing.assert_allclose(found, known[np.lexsort(known.T[::-1].round(2))], atol=1e-3)
    assert float(bag.variance_) < 1e-5


def test_words_name_the_descriptor(photos):
    words = "words(of=sift(step=3, root=True), n=10, levels=(1, 2))"
    assert str(parse(words)) == words
    both = parse(words + "+hue").fit(photos)
    again = parse(words + "+hue").restore(both.arrays())
    np.testing.assert_array_equal(again.transform(photos), both.transform(photos))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"n": 50_000},
            "n=50000 is larger than the 3,200 different descriptors in the training images; "
            "give a smaller",
        ),
        (
            {"of": DenseSIFT(cell=6)},
            "DenseSIFT: images of 26 x 23 pixels are smaller than 4 x 4 cells of 6 pixels",
        ),
        (
            {"levels": (1, 11)},
            "10 x 8 descriptors in an image, fewer than 11 x 11 regions; give fewer levels",
        ),
        ({"levels": (0,)}, "at least 1, got 0"),
        ({"assignment": "soft"}, "is not known"),
        ({"width": 0}, "must be above 0"),
        ({"power": -1}, "must be above 0"),
        ({"n": 0}, "must be at least 1"),
    ],
)
def test_refusals_are_one_sentence(photos, options, told):
    with pytest.raises(ValueError, match=told) as caught:
        BagOfWords(**{"n": 5, **options}).fit(photos)
    assert str(caught.value).count(". ") == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"of": HOG()}, "must have descriptors at points .*, got hog"),
        ({"of": "sift"}, "got 'sift'"),
        ({"of": HueHistogram()}, "got hue"),
        ({"levels": 2}, "must be a tuple"),
    ],
)
def test_what_is_no_descriptor_is_refused(photos, options, told):
    with pytest.raises(TypeError, match=told):
        BagOfWords(**{"n": 5, **options}).fit(photos)


def test_flat_images_have_one_word():
    with pytest.raises(ValueError, match="n=2 is larger than the 1 different descriptors"):
        BagOfWords(n=2).fit(np.full((4, 16, 16, 3), 77, np.uint8))

"""Learned patches: every law, the formula in plain NumPy, whitening, pooling,
mirror images and refusals.
"""

import numpy as np
import pytest

from halfspaces.features.patches import CONTRAST, Patches
from halfspaces.features.pooling_regions import FractionalIntervals, Intervals
from halfspaces.features.spherical_kmeans import spherical_kmeans
from halfspaces.testing import check_feature
from halfspaces.testing.tolerance import rounding
from tests.helpers import pieces_of_photographs

FEATURES = [
    pytest.param(Patches(n=9, grid=2), marks=pytest.mark.long),
    Patches(n=5, size=4, grid=2, shrink=1.6, threshold=0.1),
    Patches(n=7, size=3, dictionary="random", activation="count", grid=1, stride=3, power=1),
    Patches(n=6, size=4, dictionary="gaussian", activation="triangle", mirror=False),
    pytest.param(Patches(n=8, size=5, grid=2, pooling="fractional"), marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def photos():
    return pieces_of_photographs(40, 17, 14)


def normalized(images, patches):
    """Patches of mean 0 and variance near 1 at all positions, (N, rows, columns, d)."""
    size = patches.size
    windows = np.lib.stride_tricks.sliding_window_view(
        images.astype(float), (size, size), axis=(1, 2)
    )
    windows = windows[:, :: patches.stride, :: patches.stride]
    x = windows.reshape(*windows.shape[:3], -1)
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + CONTRAST)


def directions(images, patches):
    """Whitened patches of length 1 at all positions, (N, rows, columns, r)."""
    y = normalized(images, patches) @ np.concatenate([patches.even_, patches.odd_], axis=1)
    return y / np.linalg.norm(y, axis=-1, keepdims=True)


def rounding_of_similarities(images, patches):
    """How far similarities in float32 may be from the exact ones:
    whitening adds terms larger than their sum.
    """
    x = normalized(images, patches)
    whitening = np.concatenate([patches.even_, patches.odd_], axis=1)
    terms = np.linalg.norm(np.abs(x) @ np.abs(whitening), axis=-1)
    return rounding(x.shape[-1], np.float32) * np.max(
        terms / np.linalg.norm(x @ whitening, axis=-1)
    )


def of_formula(images, patches, raised=0.0):
    """Rows as the class's docstring has them, thresholds raised by a little."""

    def responses(images):
        z = directions(images, patches) @ patches.patches_.T
        both = np.stack([z, -z], axis=3)
        least = np.reshape(patches.threshold, (-1, 1, 1)) + raised
        if patches.activation == "count":
            return (both[:, :, :, None] > least).astype(float)
        if patches.activation == "threshold":
            return np.maximum(both[:, :, :, None] - least, 0)
        distances = np.sqrt(2 - 2 * both)
        other = directions(images, patches)
        if patches.mirror:
            other[..., patches.even_.shape[1] :] *= -1
        z = other @ patches.patches_.T
        means = (
            distances.mean((3, 4)) + np.sqrt(2 - 2 * np.stack([z, -z], axis=3)).mean((3, 4))
        ) / 2
        return np.maximum(means[..., None, None] - distances, 0)

    found = responses(images)
    pool = np.mean if patches.pooling == "mean" else np.max
    if patches.mirror:
        found = pool([found, responses(images[:, :, ::-1])], axis=0)
    cells = [
        [
            pool(found[:, top:bottom, left:right], axis=(1, 2))
            for left, right in spans(found.shape[2], patches.grid)
        ]
        for top, bottom in spans(found.shape[1], patches.grid)
    ]
    return np.moveaxis(np.array(cells), 2, 0).reshape(len(images), -1) ** patches.power


def spans(length, grid):
    return [(i * length // grid, -(-(i + 1) * length // grid)) for i in range(grid)]


def test_a_centre_moves_to_the_mean_of_its_nearest_rows_or_their_negatives():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((5000, 6))  # more than one block
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    centers = start = rows[:7]
    for _ in range(2):
        sums = centers.copy()
        for row in rows:
            similarity = centers @ row
            nearest = np.argmax(np.abs(similarity))
            sums[nearest] += np.sign(similarity[nearest]) * row
        centers = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    found = spherical_kmeans(rows, start, epochs=2)
    np.testing.assert_allclose(found, centers, rtol=0, atol=rounding(len(rows), np.float64))


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_laws(feature):
    check_feature(feature)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("activation", ["threshold", "count", "triangle"])
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_rows_are_those_of_the_formula(photos, activation, mirror, pooling):
    patches = Patches(
        n=300, size=4, activation=activation, mirror=mirror, grid=2, pooling=pooling, power=1
    ).fit(photos)
    images, found = photos[:5], patches.transform(photos[:5])
    if activation != "count":
        np.testing.assert_allclose(found, of_formula(images, patches), atol=1e-3, rtol=1e-3)
        return
    # A similarity near its threshold is counted or not, as it is rounded: a few of a hundred counts
    # may hang on that.
    close = rounding_of_similarities(images, patches)
    fewest, most = of_formula(images, patches, close), of_formula(images, patches, -close)
    assert np.mean(fewest == most) > 0.95
    one = rounding(2, np.float32)
    assert np.all((fewest * (1 - one) <= found) & (found <= most * (1 + one)))


@pytest.mark.parametrize("mirror", [True, False])
def test_whitened_patches_have_variance_one_in_all_directions(photos, mirror):
    patches = Patches(n=5, size=3, mirror=mirror, smoothing=1e-6).fit(photos)
    images = np.concatenate([photos, photos[:, :, ::-1]]) if mirror else photos
    windows = np.lib.stride_tricks.sliding_window_view(
        images.astype(float), (3, 3), axis=(1, 2)
    ).reshape(-1, 27)
    windows = windows - windows.mean(axis=1, keepdims=True)
    windows /= np.sqrt(windows.var(axis=1, keepdims=True) + CONTRAST)
    white = windows @ np.concatenate([patches.even_, patches.odd_], axis=1)
    variances = np.linalg.eigvalsh(white.T @ white / len(white))
    np.testing.assert_allclose(
        variances[1:], 1, rtol=1e-2
    )  # the mean of a patch, one direction, is gone
    assert abs(variances[0]) < 1e-3


def test_training_on_mirror_images_adds_nothing(photos):
    patches = Patches(n=20, size=4, power=1).fit(photos)
    close = rounding_of_similarities(photos, patches)
    np.testing.assert_allclose(
        patches.transform(photos[:, :, ::-1]), patches.transform(photos), rtol=0, atol=close
    )
    plain = Patches(n=20, size=4, mirror=False).fit(photos)
    assert np.abs(plain.transform(photos[:, :, ::-1]) - plain.transform(photos)).max() > 0.01


def test_kmeans_finds_the_directions_of_clusters_and_their_negatives():
    rng = np.random.default_rng(0)
    rows = np.concatenate(
        [
            sign * np.eye(3)[axis] + 0.05 * rng.standard_normal((50, 3))
            for axis in range(3)
            for sign in (1, -1)
        ]
    )
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    centers = spherical_kmeans(rows, rows[[0, 120, 250]], 5)
    np.testing.assert_allclose(np.abs(centers), np.eye(3), atol=0.03)


def test_fractional_regions_differ_for_parts_of_the_vocabulary(photos):
    """Whatever the regions, the largest response in an image is the same."""
    options = {"n": 40, "size": 3, "grid": 4, "power": 1}
    fractional, even = (
        Patches(pooling=each, **options).fit(photos) for each in ("fractional", "max")
    )
    rows = [
        each.transform(photos).reshape(80, 4, 4, -1) for each in (fractional, even)
    ]  # of 15 x 12 positions
    assert fractional._regions(1, 15, 12)[0][0].lengths.max() == 5
    assert (rows[0] != rows[1]).any(axis=(0, 1, 2)).all()
    # Products of directions with 40 patches, or with a few: of 27 terms whose absolute values add
    # up to at most 1.
    np.testing.assert_allclose(
        *(each.max(axis=(1, 2)) for each in rows), rtol=0, atol=rounding(27, np.float32)
    )


@pytest.mark.parametrize("offset", [0.0, 0.3, 0.99])
@pytest.mark.parametrize(("length", "count"), [(27, 4), (27, 3), (7, 4), (5, 5)])
def test_fractional_intervals_are_of_the_sizes_of_the_paper(length, count, offset):
    intervals = FractionalIntervals(length, count, offset)
    assert intervals.starts[0] == 0
    assert intervals.stops[-1] == length
    assert set(np.diff([*intervals.starts, length])) <= {length // count, -(-length // count)}
    np.testing.assert_array_equal(intervals.stops[:-1], intervals.starts[1:] + 1)


@pytest.mark.parametrize(("length", "count"), [(27, 2), (27, 3), (10, 4), (5, 5), (7, 1)])
def test_intervals_cover_the_axis_and_are_their_own_mirror_image(length, count):
    intervals = Intervals(length, count)
    covered = intervals.members[:, intervals.segment_of]
    assert covered.any(axis=0).all()
    np.testing.assert_array_equal(covered, covered[::-1, ::-1])
    np.testing.assert_array_equal(covered.sum(axis=1), intervals.lengths)
    assert [tuple(pair) for pair in zip(intervals.starts, intervals.stops, strict=True)] == spans(
        length, count
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"n": 500_000},
            r"n=500000 is larger than the [\d,]+ patches of the training images that are not flat",
        ),
        ({"size": 15}, "17 x 14 pixels are smaller than a patch of 15 x 15"),
        ({"grid": 10}, "12 x 9 positions of a patch, fewer than 10 x 10 regions"),
        ({"dictionary": "kmean"}, "did you mean 'kmeans'"),
        ({"activation": "relu"}, "activation"),
        ({"threshold": 1}, "below 1"),
        ({"power": 0}, "power"),
        ({"smoothing": 0}, "smoothing"),
        ({"n": 0}, "at least 1"),
    ],
)
def test_refusals_are_one_sentence(photos, options, words):
    with pytest.raises(ValueError, match=words) as refused:
        Patches(**{"n": 5, **options}).fit(photos)
    assert str(refused.value).count(". ") == 0


def test_pictures_whiten_to_the_vocabulary(photos):
    patches = Patches(n=30, size=4).fit(photos)
    pictures = patches.pictures()
    assert pictures.shape == (30, 4, 4, 3)
    white = pictures.transpose(0, 3, 1, 2).reshape(30, -1) @ np.concatenate(
        [patches.even_, patches.odd_], axis=1
    )
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    np.testing.assert_allclose(white, patches.patches_, atol=1e-2)


def test_flat_images_teach_nothing():
    with pytest.raises(ValueError, match="0 patches of the training images that are not flat"):
        Patches(n=5, size=3).fit(np.full((4, 8, 8, 3), 77, np.uint8))

"""Copies of images are trained on and never held out."""

import numpy as np
import pytest

from halfspaces.cli.image_features import Describing
from halfspaces.datasets import Dataset
from halfspaces.estimators.checked_data import hold_out
from halfspaces.features import Augmentation, parse
from halfspaces.features.augmentation import _Copies
from halfspaces.tuning.folds import Fold, make_folds
from tests.helpers import stripes

pytestmark = pytest.mark.usefixtures("cache")


def dataset_of(count=40, **parts):
    images, y = stripes(count)
    return Dataset("stripes", images.reshape(count, -1), y, image_shape=images.shape[1:], **parts)


def part_of(y):
    return [Fold(*hold_out(y, 2, 0.25))]


def described(words, data, folds, augmentation=Augmentation(), *, cached=False):  # noqa: B008  (frozen)
    return Describing(parse(words), augmentation, cached, None).rows(data, folds, standardized=True)


def test_held_out_rows_are_not_learned_from():
    data = dataset_of()
    (fold,) = folds = part_of(data.y)
    images = data.images(data.X)
    rows = described("hog+patches(n=8, size=3)", data, folds)
    for array, own in zip(
        rows.feature.arrays().values(),
        parse("hog+patches(n=8, size=3)").fit(images[fold.train]).arrays().values(),
        strict=True,
    ):
        np.testing.assert_array_equal(array, own)
    changed = data.X.copy()
    changed[fold.test] = 255 - changed[fold.test]
    other = described(
        "hog+patches(n=8, size=3)",
        Dataset("other", changed, data.y, image_shape=data.image_shape),
        folds,
    )
    np.testing.assert_array_equal(other.dataset.X[fold.train], rows.dataset.X[fold.train])


@pytest.mark.parametrize(
    "augmentation",
    [Augmentation(flip=True), Augmentation(shift=2), Augmentation(True, 1, 5)],
    ids=str,
)
def test_copies_are_trained_on_and_never_held_out(augmentation):
    data = dataset_of()
    images = data.images(data.X)
    for folds in (part_of(data.y), make_folds(4, data.y, data.y)):
        rows = described("hog+hue", data, folds, augmentation)
        assert rows.augmentation == augmentation
        changed = changed_by_hand(images, augmentation)
        np.testing.assert_array_equal(rows.dataset.X[:40], rows.feature.transform(images))
        np.testing.assert_array_equal(rows.dataset.X[40:], rows.feature.transform(changed))
        np.testing.assert_array_equal(rows.dataset.y, np.tile(data.y, 2))
        assert len(rows.as_given.y) == 40
        for fold in rows.folds:
            assert set(fold.train % 40).isdisjoint(fold.test)
            assert set(fold.train) == {
                *np.unique(fold.train % 40),
                *(np.unique(fold.train % 40) + 40),
            }
            assert fold.test.max() < 40


def changed_by_hand(images, augmentation):
    """Copies as the class's docstring has them."""
    s, side = augmentation.shift, images.shape[1]
    copies = []
    images = images[:, :, ::-1] if augmentation.flip else images
    for image, (down, right) in zip(images, augmentation._moves(len(images)), strict=True):
        copies.append(
            np.pad(image, ((s, s), (s, s), (0, 0)), mode="edge")[s - down :, s - right :][
                :side, :side
            ]
        )
    return np.stack(copies)


def test_moves_are_all_but_none_as_often_as_each_other():
    moves = Augmentation(shift=2)._moves(24_000)
    found, counts = np.unique(moves, axis=0, return_counts=True)
    assert {tuple(move) for move in found} == {
        (y, x) for y in range(-2, 3) for x in range(-2, 3)
    } - {(0, 0)}
    assert abs(counts - 1000).max() < 150
    np.testing.assert_array_equal(Augmentation(shift=2)._moves(30), moves[:30])
    assert (Augmentation(shift=2, random_state=1)._moves(30) != moves[:30]).any()
    image = np.arange(25, dtype=np.uint8).reshape(1, 5, 5)
    for down, right in ((1, 0), (0, -2)):
        (copy,) = _Copies(image, False, 2, np.array([[down, right]])).planes(slice(0, 1))[0]
        assert copy[2 + down, 2 + right] == image[0, 2, 2]


def test_what_a_feature_does_not_see_is_not_copied():
    for words in ("hue", "patches(n=4, size=3)+hue"):
        rows = described(words, dataset_of(), [], Augmentation(flip=True))
        assert (bool(rows.augmentation), len(rows.dataset.y)) == (False, 40)
        assert described(
            words, dataset_of(), [], Augmentation(True, 1)
        ).augmentation == Augmentation(False, 1)

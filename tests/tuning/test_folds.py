"""Folds: every row is held out once, groups stay together, classes are in proportion."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GroupKFold, ShuffleSplit

from halfspaces.tuning.folds import make_folds, repeated_folds

DIGITS = load_digits(return_X_y=True)
X, Y = DIGITS[0][:300], DIGITS[1][:300]


def test_groups_of_any_type():
    groups = np.array([0, "a", 2.5, "b"], dtype=object)[np.arange(len(Y)) // 75]
    for train, test in make_folds(2, X, Y, groups):
        assert not set(groups[train]) & set(groups[test])


def test_folds():
    groups = np.arange(len(Y)) // 10
    for cv in (3, GroupKFold(3)):
        for train, test in make_folds(cv, X, Y, groups):
            assert not set(groups[train]) & set(groups[test])
    folds = make_folds(4, X, Y, seed=1)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(Y)))
    counts = np.array([np.bincount(Y[fold.test]) for fold in folds])
    assert np.ptp(counts, axis=0).max() <= 1
    assert any(
        (fold.test != other.test).any()
        for fold, other in zip(folds, make_folds(4, X, Y, seed=2), strict=True)
    )
    masks = [(np.arange(300) < 200, np.arange(300) >= 200)]
    assert make_folds(masks, X, Y)[0].test.tolist() == list(range(200, 300))
    assert len(make_folds(ShuffleSplit(2, random_state=0), X, Y)) == 2


@pytest.mark.parametrize("counts", [[30, 3], [9, 1, 2], [2, 2, 2, 2], [1, 5], [2, 200], [40, 40]])
def test_every_class_is_in_all_training_rows_and_held_out_if_it_has_two_rows(counts):
    y = np.random.default_rng(0).permutation(np.repeat(list("abcd")[: len(counts)], counts))
    folds = repeated_folds(y, 2, seed=3)
    assert len(folds) == 10
    assert any((one.test != two.test).any() for one, two in zip(folds[:5], folds[5:], strict=True))
    for some in (folds[:5], folds[5:]):
        held_out = np.concatenate([fold.test for fold in some])
        alone = [row for row in range(len(y)) if np.sum(y == y[row]) == 1]
        assert sorted(held_out) == [row for row in range(len(y)) if row not in alone]
        for fold in some:
            assert set(y[fold.train]) == set(y)
            assert sorted(np.concatenate(fold)) == list(range(len(y)))
        sizes = [[np.sum(y[fold.test] == name) for fold in some] for name in set(y)]
        assert max(np.ptp(sizes, axis=1)) <= 1, "the classes are in proportion"


def test_a_row_of_weight_0_is_never_held_out_and_does_not_count_for_its_class():
    y = np.repeat([0, 1], [20, 3])
    weight = np.ones(23)
    weight[[0, 20, 21]] = 0
    held_out = np.concatenate([fold.test for fold in make_folds(4, y, y, weight=weight)])
    assert sorted(held_out) == list(range(1, 20))

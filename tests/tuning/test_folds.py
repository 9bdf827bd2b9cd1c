"""Folds: every row is held out once, groups stay together, classes are in proportion."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GroupKFold, ShuffleSplit

from halfspaces.tuning.folds import make_folds

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

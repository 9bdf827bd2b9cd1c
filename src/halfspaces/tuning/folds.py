"""Folds of cross-validation: the rows to fit and the rows held out, checked."""

import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, StratifiedKFold

from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.distinct import encoded

FEW_ROWS = 500  # fewer rows, or
FEW_OF_A_CLASS = 20  # fewer of a class, are held out in folds by default
DEFAULT_FOLDS = 5
MOST_REPEATS = 3


class Fold(NamedTuple):
    """Rows to fit on and rows to score."""

    train: Array
    test: Array


def make_folds(
    cv: Any, X: Any, y: Array, groups: Any = None, *, weight: Array | None = None, seed: int = 0
) -> list[Fold]:
    """The folds of a number, a scikit-learn splitter or an iterable of (train, test).

    Parameters
    ----------
    cv : int, splitter or iterable
        A number k makes k shuffled folds with the classes' proportions; a class of fewer rows is
        held out in some of them, and the only row of a class in none. With groups, no group is in
        two folds.
    X, y : array, shape (N, D) and (N,)
        y has the labels as the user gave them.
    groups : array, shape (N,), or None
    weight : array, shape (N,), or None
        Rows of weight 0 are ignored.
    seed : int

    Raises
    ------
    ValueError, TypeError
        If there are fewer groups than folds, fewer rows to hold out than folds, a class is missing
        from the training rows of a fold, or a fold holds nothing out.

    Examples
    --------
    >>> y = np.array(["a", "b"] * 3)
    >>> [sorted(y[fold.test].tolist()) for fold in make_folds(3, y, y)]
    [['a', 'b'], ['a', 'b'], ['a', 'b']]
    """
    if groups is not None:
        groups = _checked_groups(groups, len(y))
    classes, labels = encoded(y)
    counts = np.ones(len(y)) if weight is None else weight
    if _is_number(cv) and groups is None:
        splits = _class_folds(cv, labels, counts, seed)
    else:
        splits = _splits(cv, X, y, groups, seed)
    folds = [Fold(*(_rows(rows, len(y)) for rows in split)) for split in splits]
    if not folds:
        raise ValueError(
            f"cv={cv!r} gives no folds; give at least one pair of training and held-out rows."
        )
    for number, fold in enumerate(folds):
        what = f"The training rows of fold {number}"
        remedy = "use fewer or stratified folds" if groups is None else "use fewer folds"
        check_fold(what, fold, classes, labels, counts, remedy)
        if not counts[fold.test].any():
            raise ValueError(
                f"Fold {number} holds out no example of a weight above 0; "
                "leave that fold out of cv."
            )
    return folds


def repeats_for(n_rows: int, rarest: int) -> int:
    """How often to make 5 folds by default; 0 where one set of validation rows is enough.

    Few rows are under 500, or under 20 of the rarest class.

    >>> repeats_for(60, 30), repeats_for(300, 30), repeats_for(50_000, 2), repeats_for(500, 20)
    (3, 2, 1, 0)
    """
    if n_rows >= FEW_ROWS and rarest >= FEW_OF_A_CLASS:
        return 0
    return min(-(-FEW_ROWS // n_rows), MOST_REPEATS)


def fewest_of_a_class(y: Array, groups: Array | None = None) -> int:
    """The number of rows of the rarest class; with groups, of groups that have such rows.

    >>> y = np.array([0, 0, 0, 1, 1])
    >>> fewest_of_a_class(y), fewest_of_a_class(y, np.array([7, 7, 8, 9, 9]))
    (2, 1)
    """
    _, labels = encoded(y)
    if groups is not None:
        numbers = np.unique(groups, return_inverse=True)[1]
        labels = np.unique(np.stack([labels, numbers]), axis=1)[0]
    return int(np.bincount(labels).min())


def repeated_folds(
    y: Array, repeats: int, seed: int, groups: Array | None = None, *, weight: Array | None = None
) -> list[Fold]:
    """5 folds made several times anew, or fewer folds of fewer rows or groups."""
    if groups is None:
        counts = np.bincount(encoded(y)[1])
        most = int(counts[counts > 1].sum())
    else:
        most = fewest_of_a_class(y, groups)
    n_folds = max(2, min(DEFAULT_FOLDS, most))
    return [
        fold
        for repeat in range(repeats)
        for fold in make_folds(n_folds, y, y, groups, weight=weight, seed=(seed + repeat) % 2**32)
    ]


def part_of_groups(groups: Array, part: float, seed: int = 0) -> Fold:
    """One fold that holds out a part of the groups.

    >>> groups = np.array([3, 1, 3, 1, 2, 2])
    >>> fold = part_of_groups(groups, 0.5)
    >>> set(groups[fold.train]) & set(groups[fold.test])
    set()
    """
    _check_enough_groups(2, groups)
    split = GroupShuffleSplit(1, test_size=part, random_state=seed)
    (fold,) = split.split(groups, groups=groups)
    return Fold(*map(np.sort, fold))


def _is_number(cv: Any) -> bool:
    return isinstance(cv, Integral) and not isinstance(cv, bool)


def _class_folds(
    n_folds: int, labels: Array, weight: Array, seed: int
) -> list[tuple[Array, Array]]:
    """Folds with the proportions of the classes; the only row of a class is in all training rows.

    Rows of weight 0 are never held out.
    """
    check_number("cv", n_folds, at_least=2, integer=True)
    counted = weight > 0
    counts = np.bincount(labels[counted], minlength=int(labels.max()) + 1)
    rows = np.flatnonzero(counted & (counts[labels] > 1))
    if len(rows) < n_folds:
        raise ValueError(
            f"{n_folds} folds need at least as many rows of classes that have two or more, "
            f"got {len(rows)}; take fewer folds or give more rows."
        )
    if counts.min() >= n_folds:
        kind = StratifiedKFold(int(n_folds), shuffle=True, random_state=seed)
        tests = [rows[test] for _, test in kind.split(rows, labels[rows])]
    else:  # dealt out class by class: two rows of a class are in different folds
        mixed = np.random.default_rng(seed).permutation(rows)
        dealt = mixed[np.argsort(labels[mixed], kind="stable")]
        tests = [dealt[first::n_folds] for first in range(n_folds)]
    every = np.arange(len(labels))
    return [(np.setdiff1d(every, test), test) for test in tests]


def _checked_groups(groups: Any, n_rows: int) -> Array:
    """One known group a row."""
    groups = np.asarray(groups)
    if groups.shape != (n_rows,):
        raise ValueError(
            f"groups has shape {groups.shape}, but X has {n_rows} rows; give one group a row."
        )
    for row, group in enumerate(groups.tolist()):
        if group is None or (isinstance(group, float) and math.isnan(group)):
            raise ValueError(f"groups is {group} at row {row}; give one group a row.")
    return groups


def _splits(cv: Any, X: Any, y: Array, groups: Array | None, seed: int) -> Iterable[Any]:
    if _is_number(cv) and groups is not None:
        check_number("cv", cv, at_least=2, integer=True)
        if groups.dtype == object:
            groups = groups.astype(str)  # mixed types cannot be sorted
        _check_enough_groups(int(cv), groups)
        kind = StratifiedGroupKFold(int(cv), shuffle=True, random_state=seed)
        return kind.split(np.zeros(len(y)), y, groups)
    if hasattr(cv, "split") and not isinstance(cv, (str, type)):
        return cv.split(X, y, groups)
    if not isinstance(cv, Iterable) or isinstance(cv, str):
        raise TypeError(
            "cv must be an integer, a scikit-learn splitter or an iterable of (train, test), "
            f"got {cv!r}."
        )
    splits = list(cv)
    if any(not isinstance(split, (tuple, list)) or len(split) != 2 for split in splits):
        raise TypeError(
            "cv must be an iterable of pairs (train, test) of row numbers, "
            "but an item of it is no pair."
        )
    return splits


def _check_enough_groups(n_folds: int, groups: Array) -> None:
    n_groups = len(np.unique(groups))
    if n_groups < n_folds:
        raise ValueError(
            f"{n_folds} folds need at least as many groups, got {n_groups}; take fewer folds."
        )


def _rows(rows: Any, n_rows: int) -> Array:
    """Sorted row numbers, from row numbers or a mask."""
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n_rows,):
        return np.flatnonzero(rows)
    if rows.ndim != 1 or (rows.dtype.kind not in "iu" and len(rows)):
        raise TypeError(
            "cv must give row numbers or masks, "
            f"got an array of {rows.dtype} of shape {rows.shape}."
        )
    if len(rows) and (rows.min() < -n_rows or rows.max() >= n_rows):
        raise ValueError(
            f"cv gives row {rows.max()}, but X has {n_rows} rows; give row numbers below that."
        )
    return np.sort(rows.astype(np.intp) % n_rows)


def check_fold(
    what: str,
    fold: Fold,
    classes: Array,
    labels: Array,
    weight: Array,
    remedy: str = "use fewer or stratified folds",
) -> None:
    """Raise unless every class is among the training rows."""
    seen = np.bincount(labels[fold.train], weight[fold.train], minlength=len(classes))
    if seen.min() == 0:
        missing = classes.tolist()[int(np.argmin(seen))]
        raise ValueError(
            f"{what} hold no example of class {missing!r}; {remedy}, or leave the class out."
        )

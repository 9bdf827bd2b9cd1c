"""Labels that are likely wrong, from probabilities by classifiers that did not see them."""

from dataclasses import dataclass, field

import numpy as np

from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

POWER = 1.5  # of the probabilities: found most of 5 % wrong labels, docs/decisions/labels.md
LEVEL = 0.01  # scores below this are listed


@dataclass(frozen=True, eq=False)
class Suspects:
    """Rows ranked by how little their label is believed, the least believed first.

    Parameters
    ----------
    rows : array of integers, shape (n,)
        Positions of the rows that have probabilities.
    scores : array, shape (n,)
        Between 0 and 1, rising: how much the label is believed.
    labels, likely : arrays of integers, shape (n,)
        The class of the label, and the likeliest other class.
    count : int
        The first so many are likely wrong: their scores are below the level.
    shares : array, shape (C, C)
        The part of all n labels that is likely wrong, by label and likeliest other class.
    """

    rows: Array = field(repr=False)
    scores: Array = field(repr=False)
    labels: Array = field(repr=False)
    likely: Array = field(repr=False)
    count: int
    shares: Array = field(repr=False)


def find_suspects(y: Array, probabilities: Array, *, level: float = LEVEL) -> Suspects:
    """Rank labels by how little held-out probabilities believe them.

    The score of a row with label y is its probability, sharpened:

        score = p_y^1.5 / Σ_j p_j^1.5

    Without the power it is "self-confidence", which does not say whether the rest belongs to one
    class or to many; the ratio of p_y to the largest other one, the limit of high powers, sees one
    class alone. Between them lies what found most wrong labels.

    Parameters
    ----------
    y : array of integers, shape (N,)
        Classes, 0 to C−1.
    probabilities : array, shape (N, C)
        Of each row by a classifier that was not fitted on it, such as `held_out_probabilities_`
        of a search. Rows of nan are not ranked.
    level : float, default 0.01
        Labels with a score below it are likely wrong.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, a label is no class, no row has probabilities, or one is below 0.

    References
    ----------
    Northcutt, Jiang & Chuang, Confident learning: estimating uncertainty in dataset labels, 2021,
    https://doi.org/10.1613/jair.1.12125; Kuan & Mueller, Model-agnostic label quality scoring to
    detect real-world label errors, 2022

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.001, 0.999], [0.4, 0.6], [0.2, 0.8]])
    >>> found = find_suspects(np.array([0, 0, 0, 1]), p)
    >>> found.rows.tolist(), found.count, found.likely[:1].tolist()
    ([1, 2, 3, 0], 1, [1])
    """
    check_number("level", level, above=0, below=1)
    y = np.asarray(y)
    probabilities = np.asarray(probabilities)
    _check(y, probabilities)
    judged = np.flatnonzero(~np.isnan(probabilities).any(axis=1))
    if len(judged) == 0:
        raise ValueError("No row has probabilities; hold every row out once, in folds.")
    p = probabilities[judged].astype(np.float64)
    if not (np.isfinite(p).all() and p.min() >= 0 and p.max(axis=1).min() > 0):
        raise ValueError("probabilities must be finite, at least 0, and not 0 for all classes.")
    labels = y[judged].astype(np.intp)
    scores = _scores(p, labels)
    p[np.arange(len(p)), labels] = -1
    likely = p.argmax(axis=1)
    order = np.argsort(scores, kind="stable")
    count = int(np.count_nonzero(scores < level))
    shares = np.zeros((p.shape[1], p.shape[1]))
    listed = order[:count]
    np.add.at(shares, (labels[listed], likely[listed]), 1 / len(judged))
    return Suspects(judged[order], scores[order], labels[order], likely[order], count, shares)


def _scores(p: Array, labels: Array) -> Array:
    sharp = (p / p.max(axis=1, keepdims=True)) ** POWER
    return sharp[np.arange(len(p)), labels] / sharp.sum(axis=1)


def _check(y: Array, probabilities: Array) -> None:
    if probabilities.ndim != 2 or probabilities.shape[1] < 2 or y.shape != probabilities.shape[:1]:
        raise ValueError(
            f"find_suspects needs labels (N,) and probabilities (N, C) of C ≥ 2 classes, got "
            f"{y.shape} and {probabilities.shape}; give one row of probabilities a label."
        )
    if y.dtype.kind not in "iu" or probabilities.dtype.kind != "f":
        raise TypeError(
            "find_suspects needs classes 0 to C−1 as integers and probabilities as floats, got "
            f"{y.dtype} and {probabilities.dtype}."
        )
    if len(y) and not (y.min() >= 0 and y.max() < probabilities.shape[1]):
        raise ValueError(
            f"Labels must be 0 to {probabilities.shape[1] - 1}, the columns of probabilities, got "
            f"{y.min()} to {y.max()}; give classes by number."
        )

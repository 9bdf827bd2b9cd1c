"""Likely wrong labels: made-up ones are found, more than by the two usual scores."""

import numpy as np
import pytest

from halfspaces import LinearClassifierCV, datasets, features
from halfspaces.datasets import find_suspects
from tests.helpers import DIGITS, real


def cifar():
    data = datasets.open(real("cifar-10-batches-bin"))
    images = data.images(data.X)
    return features.parse("hog+hue").fit(images).transform(images), data.y


def flipped(y, seed):
    """Labels of which 5 % are another class, drawn at random, and which these are."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(y), len(y) // 20, replace=False)
    given = y.astype(np.intp)
    given[rows] = (given[rows] + rng.integers(1, 10, len(rows))) % 10
    return given, given != y


def usual_scores(p, y):
    """Self-confidence and normalized margin, as cleanlab defines them."""
    rows = np.arange(len(y))
    own = p[rows, y]
    others = p.copy()
    others[rows, y] = -1
    return own, (own - others.max(axis=1) + 1) / 2


@pytest.mark.parametrize(
    "read", [lambda: (DIGITS.X, DIGITS.y), pytest.param(cifar, marks=pytest.mark.long)]
)
def test_more_wrong_labels_come_first_than_by_the_usual_scores(read):
    X, y = read()
    of_list = []
    of_usual = []
    for seed in range(2):
        given, wrong = flipped(y, seed)
        search = LinearClassifierCV(strengths=[1e-3], tol=1e-2, random_state=seed)
        search.fit(X, given)
        p = search.held_out_probabilities_.astype(np.float64)
        count = wrong.sum()
        found = find_suspects(given, p)
        of_list.append(wrong[found.rows[:count]].sum())
        of_usual.append(
            [
                wrong[np.argsort(score, kind="stable")[:count]].sum()
                for score in usual_scores(p, given)
            ]
        )
        assert 0.02 < found.count / len(y) < 0.08
    assert np.all(np.sum(of_list) >= np.sum(of_usual, axis=0)), (of_list, of_usual)
    assert np.sum(of_list) > 4 * count * 0.1


def test_the_list_and_its_shares():
    p = np.array([[0.001, 0.999, 0], [np.nan] * 3, [0.6, 0.4, 0], [0, 0.002, 0.998], [1, 0, 0]])
    found = find_suspects(np.array([0, 2, 0, 1, 0]), p, level=0.01)
    assert found.rows.tolist() == [0, 3, 2, 4]
    assert found.scores[:2] == pytest.approx([0.001**1.5, 0.002**1.5], rel=0.01)
    assert (found.count, found.labels.tolist()) == (2, [0, 1, 0, 0])
    assert found.likely.tolist() == [1, 2, 1, 1]
    assert found.shares.tolist() == [[0, 0.25, 0], [0, 0, 0.25], [0, 0, 0]]


@pytest.mark.parametrize(
    ("y", "p", "words"),
    [
        ([0, 1], [[0.5, 0.5]], "give one row of probabilities a label"),
        ([0, 2], [[0.5, 0.5]] * 2, "Labels must be 0 to 1"),
        ([0], [[np.nan, np.nan]], "No row has probabilities"),
        ([0], [[-0.5, 1.5]], "must be finite, at least 0"),
        (["a"], [[0.5, 0.5]], "classes 0 to C−1 as integers"),
    ],
)
def test_what_is_refused(y, p, words):
    with pytest.raises((ValueError, TypeError), match=words):
        find_suspects(np.array(y), np.array(p))

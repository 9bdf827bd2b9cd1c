"""What the races of features and of penalties share: the rows, and the score of a candidate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.datasets.fingerprint import content
from halfspaces.estimators.checked_data import hold_out
from halfspaces.estimators.search import ScoredStrength
from halfspaces.support.types import Array
from halfspaces.system.distinct import encoded
from halfspaces.tuning.folds import (
    MOST_REPEATS,
    Fold,
    fewest_of_a_class,
    part_of_groups,
    repeated_folds,
    repeats_for,
)
from halfspaces.tuning.race import Entry, rounds
from halfspaces.tuning.selection import best_of

LEAST_HELD_OUT, MOST_HELD_OUT = 1000, 2000  # rows, as far as a quarter of all are so many
LARGEST_PART, SMALLEST_PART = 0.25, 0.1
TOL = 1e-2  # of the fits of a race


@dataclass(frozen=True, eq=False)
class RaceRows:
    """Which rows candidates are fitted to and scored on.

    Parameters
    ----------
    y : array, shape (N,)
        Labels 0 to C−1.
    weight : array, shape (N,), or None
    folds : list of Fold
        Held-out rows rise; training rows are in random order, those with the first example of each
        class before the others, so that any beginning of them has all classes.
    """

    y: Array
    weight: Array | None
    folds: list[Fold] = field(repr=False)

    @classmethod
    def of(
        cls,
        y: Array,
        weight: Array | None,
        groups: Array | None,
        seed: int,
        *,
        most_repeats: int = MOST_REPEATS,
    ) -> "RaceRows":
        """Five folds of few rows or groups, made several times anew; otherwise a part of them.

        Raises
        ------
        ValueError
            If a class would be missing from the training rows, or nothing can be held out.
        """
        _, labels = encoded(y)
        count = len(y) if groups is None else len(np.unique(groups))
        if repeats := repeats_for(count, fewest_of_a_class(y, groups)):
            folds = repeated_folds(y, min(repeats, most_repeats), seed, groups, weight=weight)
        else:
            part = min(LARGEST_PART, max(SMALLEST_PART, LEAST_HELD_OUT / len(y)))
            rows = (
                hold_out(labels, int(labels.max()) + 1, part, seed)
                if groups is None
                else part_of_groups(groups, part, seed)
            )
            folds = [Fold(*rows)]
        return cls(labels, weight, [_ordered(fold, labels, seed) for fold in folds])

    @classmethod
    def with_validation(
        cls, y: Array, y_val: Array, weight: Array | None, weight_val: Array | None, seed: int
    ) -> "RaceRows":
        """Rows with validation rows of their own, which follow them."""
        _, labels = encoded(np.concatenate([y, y_val]))
        if weight is not None:
            ones = np.ones(len(y_val))
            weight = np.concatenate([weight, ones if weight_val is None else weight_val])
        fold = Fold(np.arange(len(y)), np.arange(len(y), len(labels)))
        return cls(labels, weight, [_ordered(fold, labels, seed)])

    @property
    def n_train(self) -> int:
        """The number of training rows of the smallest fold."""
        return min(len(fold.train) for fold in self.folds)

    @property
    def n_held_out(self) -> int:
        """The number of held-out rows of all folds."""
        return sum(len(fold.test) for fold in self.folds)

    @property
    def rounds(self) -> tuple[int, ...]:
        """The training rows of each round."""
        return rounds(self.n_train)

    def of_fold(self, fold: Fold, count: int) -> tuple[Array, Array]:
        """The first `count` training rows of a fold, rising, and its held-out rows."""
        return np.sort(fold.train[:count]), fold.test

    def digest(self) -> str:
        """A digest of the labels, the weights and the folds."""
        parts = [self.y, *(part for fold in self.folds for part in fold)]
        if self.weight is not None:
            parts.append(self.weight)
        return " ".join(map(content, parts))

    def labelled(self, X: Any, rows: Array) -> tuple[Any, Array, Array | None]:
        """Rows of features, which have been chosen, with their labels and weights."""
        return X, self.y[rows], None if self.weight is None else self.weight[rows]


def _ordered(fold: Fold, labels: Array, seed: int) -> Fold:
    """The fold with shuffled training rows, and at most `MOST_HELD_OUT` held-out rows."""
    rng = np.random.default_rng(seed)
    train = rng.permutation(fold.train)
    _, firsts = np.unique(labels[train], return_index=True)
    rest = np.delete(train, firsts)
    test = fold.test
    if len(test) > MOST_HELD_OUT:
        test = np.sort(rng.choice(test, MOST_HELD_OUT, replace=False))
    return Fold(np.concatenate([train[firsts], rest]), test)


@dataclass(eq=False)
class Credit:
    """A callback of searches that notes which held-out rows each strength predicts right."""

    right: dict[float, list[Array]] = field(default_factory=dict)

    def __call__(self, run: Any) -> None:
        """Let the run go on."""

    def scored(self, found: ScoredStrength) -> None:
        """Note the folds of a strength."""
        parts = [
            (np.argmax(scores, axis=1) == y).astype(np.float64)
            for scores, y in zip(found.scores, found.labels, strict=True)
        ]
        self.right.setdefault(found.strength, []).extend(parts)

    def entry(self, name: str, count: int, rows: RaceRows, seconds: float) -> Entry:
        """The entry of the best strength."""
        tests = [fold.test for fold in rows.folds]
        complete = [key for key, parts in self.right.items() if len(parts) == len(tests)]
        strengths = sorted(complete, reverse=True)
        means = [_by_row(tests, self.right[strength]) for strength in strengths]
        numbers = np.unique(np.concatenate(tests))
        weight = np.ones(len(numbers)) if rows.weight is None else rows.weight[numbers]
        scores = np.array([np.average(right, weights=weight) for right in means])
        best = best_of(scores)
        return Entry(name, count, means[best], weight, strengths[best], seconds)


def _by_row(tests: Sequence[Array], parts: Sequence[Array]) -> Array:
    """The mean of each held-out row, which several folds may hold out."""
    numbers, index = np.unique(np.concatenate(tests), return_inverse=True)
    sums = np.bincount(index, np.concatenate(parts), minlength=len(numbers))
    return sums / np.bincount(index, minlength=len(numbers))

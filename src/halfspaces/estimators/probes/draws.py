"""Which rows a run of a probe fits, and on which rows it chooses λ: one rule a published protocol.

A rule sees the labels of a pool: the training rows and, below them, the rows of a validation split
if there is one. Labels have shape (N,), or (N, L) where a row may have several of L labels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from halfspaces.support.types import Array


@dataclass(frozen=True, eq=False)
class Draw:
    """The rows of one run, as positions in the pool.

    Parameters
    ----------
    fitted : array
        Rows that are fitted at each strength.
    held_out : array
        Rows that choose the strength; none if the strength is given.
    refit : bool
        Whether the final fit, at the chosen strength, has the held-out rows, too.
    shots : int or None
        Examples of each class among the fitted rows, where as many were drawn.
    """

    fitted: Array
    held_out: Array
    refit: bool = True
    shots: int | None = None


class Rule(Protocol):
    """Draws the rows of each run."""

    def draws(self, y: Array, n_train: int, seeds: Sequence[int]) -> Iterator[Draw]:
        """One draw for each seed and each number of shots.

        The first `n_train` rows of the pool are training rows.
        """
        ...

    def is_drawn(self, *, validation: bool) -> bool:
        """Whether the seed matters, with or without a validation split."""
        ...


@dataclass(frozen=True)
class Part:
    """All training rows; λ is chosen on the validation split, else on a part of the training rows.

    Parameters
    ----------
    part : float
        Rounded down.
    by_class : bool
        Take the part of each class, at least one row; else of all rows.

    Examples
    --------
    >>> (draw,) = Part(0.1).draws(np.repeat([0, 1], 10), 20, [0])
    >>> len(draw.fitted), len(draw.held_out), draw.refit
    (18, 2, True)
    """

    part: float = 0.1
    by_class: bool = False

    def draws(self, y: Array, n_train: int, seeds: Sequence[int]) -> Iterator[Draw]:
        """One draw for each seed."""
        for seed in seeds:
            held_out = held_out_part(y, n_train, self.part, by_class=self.by_class, seed=seed)
            yield _whole(y, np.setdiff1d(np.arange(n_train), held_out), held_out)

    def is_drawn(self, *, validation: bool) -> bool:
        """A validation split leaves nothing to draw."""
        return not validation


@dataclass(frozen=True)
class Sizes:
    """Given numbers of training rows and of validation rows, in their order.

    Without a validation split both are training rows, one below the other. Of more training rows
    as many are drawn, since files are often sorted by class.

    Parameters
    ----------
    fitted, held_out : int

    Examples
    --------
    >>> (draw,) = Sizes(8, 2).draws(np.repeat([0, 1], 5), 10, [0])
    >>> draw.held_out
    array([8, 9])
    """

    fitted: int
    held_out: int

    def draws(self, y: Array, n_train: int, seeds: Sequence[int]) -> Iterator[Draw]:
        """One draw for each seed."""
        n_val = len(y) - n_train
        for seed in seeds:
            random = np.random.default_rng(seed)
            if n_val:
                fitted = _some(np.arange(n_train), self.fitted, random, "training")
                held_out = n_train + _some(np.arange(n_val), self.held_out, random, "validation")
                yield _whole(y, fitted, held_out)
            else:
                both = self.fitted + self.held_out
                rows = _some(np.arange(n_train), both, random, "training")
                yield _whole(y, rows[: self.fitted], rows[self.fitted :])

    def is_drawn(self, *, validation: bool) -> bool:
        """More rows than asked for are drawn from."""
        return True


@dataclass(frozen=True)
class Shots:
    """k training rows of each class; λ is chosen on other rows, which the final fit lacks.

    Drawn by `numpy.random.RandomState(seed)`, class by class, the rows to fit before the others.

    Parameters
    ----------
    shots : tuple of int
        Each k.
    held_out : int or float
        A number: min(k, as many) rows of each class, from the validation split, else from the
        training rows that were not drawn. A part: the whole validation split, else that part of
        each class of the training rows.

    Examples
    --------
    >>> first, second = Shots((1, 2), held_out=4).draws(np.repeat([0, 1], 10), 20, [1])
    >>> len(second.fitted), len(second.held_out), second.shots
    (4, 4, 2)
    """

    shots: tuple[int, ...]
    held_out: float

    def draws(self, y: Array, n_train: int, seeds: Sequence[int]) -> Iterator[Draw]:
        """One draw for each k and seed."""
        for k in self.shots:
            for seed in seeds:
                yield self._draw(y, n_train, k, seed)

    def is_drawn(self, *, validation: bool) -> bool:
        """Rows are drawn."""
        return True

    def _draw(self, y: Array, n_train: int, k: int, seed: int) -> Draw:
        random = np.random.RandomState(seed)
        train = np.arange(n_train)
        if not isinstance(self.held_out, int):
            held_out = held_out_part(y, n_train, self.held_out, by_class=True, seed=0)
            fitted = _of_each_class(y, np.setdiff1d(train, held_out), k, random)
            return Draw(fitted, held_out, refit=False, shots=k)
        fitted = _of_each_class(y, train, k, random)
        others = np.arange(n_train, len(y))
        if not len(others):
            others = np.setdiff1d(train, fitted)
        held_out = _of_each_class(y, others, min(k, self.held_out), random, "to choose λ on")
        return Draw(fitted, held_out, refit=False, shots=k)


@dataclass(frozen=True)
class Samples:
    """The first k rows of each class in a shuffled order; λ is given, so no row is held out.

    As the task of MTEB draws them: `numpy.random.RandomState(seed)`, the first seed, shuffles the
    order of the run before it. A class of fewer rows has all of them.

    Parameters
    ----------
    shots : tuple of int
        Each k.

    Examples
    --------
    >>> runs = list(Samples((2,)).draws(np.repeat([0, 1], 10), 20, [42, 43, 44]))
    >>> [len(run.fitted) for run in runs]
    [4, 4, 4]
    """

    shots: tuple[int, ...]

    def draws(self, y: Array, n_train: int, seeds: Sequence[int]) -> Iterator[Draw]:
        """One draw for each k and seed."""
        for k in self.shots:
            order = np.arange(n_train)
            for _ in seeds:
                np.random.RandomState(seeds[0]).shuffle(order)
                first = [order[rows][:k] for rows in members(y[order])]
                yield Draw(np.unique(np.concatenate(first)), order[:0], shots=k)

    def is_drawn(self, *, validation: bool) -> bool:
        """Rows are drawn."""
        return True


def members(y: Array) -> list[Array]:
    """The rows of each class, or of each label where a row may have several."""
    if y.ndim == 2:
        return [np.flatnonzero(column) for column in y.T]
    return [np.flatnonzero(y == label) for label in np.unique(y)]


def held_out_part(y: Array, n_train: int, part: float, *, by_class: bool, seed: int) -> Array:
    """The rows of the validation split; without one, a random part of the training rows."""
    if len(y) > n_train:
        return np.arange(n_train, len(y))
    order = np.random.default_rng(seed).permutation(n_train)
    if not by_class:
        n_held_out = int(part * n_train)
        if n_held_out == 0:
            raise ValueError(
                f"{part:.0%} of {n_train} training rows is none; give a validation split."
            )
        return np.sort(order[-n_held_out:])
    first = [
        order[rows][: max(1, int(part * len(rows))) if len(rows) > 1 else 0]
        for rows in members(y[order])
    ]
    return np.unique(np.concatenate(first))


def _whole(y: Array, fitted: Array, held_out: Array) -> Draw:
    """The draw; ValueError where a class of the held-out rows is not fitted."""
    missing = np.setdiff1d(y[held_out], y[fitted])
    if y.ndim == 1 and len(missing):
        raise ValueError(
            f"Class {missing[:1].tolist()[0]!r} is among the rows to choose λ on and not among "
            "those to fit; give more rows of it, or another seed."
        )
    return Draw(fitted, held_out)


def _some(rows: Array, count: int, random: np.random.Generator, which: str) -> Array:
    if len(rows) < count:
        raise ValueError(
            f"This protocol takes {count:,} {which} rows, and there are {len(rows):,}; "
            "give more rows, or another protocol."
        )
    return rows if len(rows) == count else random.permutation(rows)[:count]


def _of_each_class(
    y: Array, rows: Array, k: int, random: np.random.RandomState, use: str = "to fit"
) -> Array:
    """k of the rows of each class."""
    drawn = []
    names = range(y.shape[1]) if y.ndim == 2 else np.unique(y).tolist()
    for name in names:
        has_label = y[rows, name] != 0 if y.ndim == 2 else y[rows] == name
        own = rows[has_label]
        if len(own) < k:
            raise ValueError(
                f"Class {name!r} has {len(own)} rows {use}, and {k} shots need {k}; "
                "give fewer shots, or more rows."
            )
        drawn.append(random.choice(own, size=k, replace=False))
    return np.unique(np.concatenate(drawn)) if y.ndim == 2 else np.concatenate(drawn)

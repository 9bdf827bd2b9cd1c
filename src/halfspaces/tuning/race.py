"""A race of candidates: all on few rows, the better half on more, by successive halving.

Candidates, rows and rounds are fixed beforehand, and every candidate is scored on the same held-out
rows, so a race has the same result whenever it is run. A clock may end it early.

Jamieson & Talwalkar, Non-stochastic best arm identification and hyperparameter optimization, 2016,
https://proceedings.mlr.press/v51/jamieson16.html
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from halfspaces.support.types import Array

FIRST_ROWS = 2000  # training rows of the first round
GROWTH = 4  # of the rows from one round to the next
MOST_ROWS = 8000
HOPELESS = 3.0  # standard errors behind the best: such a candidate is out, whatever its rank
NO_TIME = "the time was over"
SECONDS_PER_VALUE = 7e-8  # of rows with ten classes, on two cores at 140 GFLOP/s


@dataclass(frozen=True, eq=False)
class Entry:
    """A candidate scored in one round.

    Parameters
    ----------
    name : str
    rows : int
        The training rows that it was fitted to.
    right : array, shape (V,)
        For each held-out row the part of the fits that predict it right: 1 or 0 for one fit.
    weight : array, shape (V,)
        Of the held-out rows.
    strength : float
        The λ whose score is the best.
    seconds : float
    """

    name: str
    rows: int
    right: Array = field(repr=False)
    weight: Array = field(repr=False)
    strength: float
    seconds: float

    @property
    def score(self) -> float:
        """The accuracy."""
        return float(np.average(self.right, weights=self.weight))

    @property
    def error(self) -> float:
        """The standard error of the accuracy."""
        return mean_error(self.right, self.weight)

    def behind(self, other: "Entry") -> tuple[float, float]:
        """By how much it is less accurate than another entry, and the error of this difference.

        Both are scored on the same rows, so the error is that of paired differences.
        """
        difference = other.right - self.right
        mean = float(np.average(difference, weights=self.weight))
        return mean, mean_error(difference, self.weight)


@dataclass(frozen=True, eq=False)
class Race:
    """The entries of all rounds, and why other candidates were left out.

    `order` names all candidates, the simplest first.
    """

    entries: tuple[Entry, ...]
    left_out: Mapping[str, str]
    order: tuple[str, ...]

    @property
    def last_round(self) -> list[Entry]:
        """The entries of the last round, the best first."""
        rows = self.entries[-1].rows
        return ranked(entry for entry in self.entries if entry.rows == rows)

    @property
    def winner(self) -> Entry:
        """The first candidate of the last round within a standard error of the best one."""
        best = self.last_round[0]
        for entry in sorted(self.last_round, key=lambda entry: self.order.index(entry.name)):
            difference, error = entry.behind(best)
            if difference <= error:
                return entry
        return best

    @property
    def runner_up(self) -> Entry | None:
        """The best of the other entries of the last round."""
        return next((entry for entry in self.last_round if entry is not self.winner), None)

    @property
    def last_entries(self) -> list[Entry]:
        """The last entry of each candidate, those that came farthest first."""
        last = {entry.name: entry for entry in self.entries}
        return sorted(last.values(), key=lambda entry: (-entry.rows, -entry.score))


def fitting_seconds(n_rows: int, n_columns: float, n_classes: int) -> float:
    """The time to choose λ of an L2 penalty and to fit, on two cores at 140 GFLOP/s in float32.

    It decides which candidates a budget allows, so it is computed and must not be measured.

    >>> round(fitting_seconds(50_000, 9216, 10))
    32
    """
    return SECONDS_PER_VALUE * n_rows * n_columns * (n_classes / 10) ** 0.5


def rounds(n_rows: int) -> tuple[int, ...]:
    """The training rows of each round, of so many.

    >>> rounds(1500), rounds(5000), rounds(50_000)
    ((1500,), (2000, 5000), (2000, 8000))
    """
    if n_rows <= 1.5 * FIRST_ROWS:
        return (n_rows,)
    return FIRST_ROWS, min(GROWTH * FIRST_ROWS, MOST_ROWS, n_rows)


def race(
    names: Sequence[str],
    rows: Sequence[int],
    enter: Callable[[str, int], Entry],
    may_start: Callable[[], bool] = lambda: True,
) -> Race:
    """Race candidates: each round halves them, and the last one decides.

    The winner is the simplest within a standard error of the best, on the same held-out rows.

    A candidate that raises ValueError is left out with its message. One that may not start is left
    out, too; the first of a race always starts.

    Parameters
    ----------
    names : sequence of str
        The candidates, the simplest first.
    rows : sequence of int
        The training rows of each round.
    enter : callable
        `enter(name, rows)` fits and scores a candidate.
    may_start : callable
        Whether there is time for one more.

    Raises
    ------
    ValueError
        If no candidate can be scored.

    Examples
    --------
    >>> accuracy = {"pixels": 0.25, "hog": 0.5, "patches": 1.0}
    >>> def enter(name, rows):
    ...     right = np.arange(4) < 4 * accuracy[name]
    ...     return Entry(name, rows, right.astype(float), np.ones(4), 0.1, 0.0)
    >>> found = race(list(accuracy), [100, 400], enter)
    >>> found.winner.name, [(entry.name, entry.rows) for entry in found.entries][3:]
    ('patches', [('patches', 400), ('hog', 400)])
    """
    entries: list[Entry] = []
    left_out: dict[str, str] = {}
    racing = list(names)
    for count in rows:
        scored: list[Entry] = []
        for name in racing:
            if entries and not may_start():
                left_out.setdefault(name, NO_TIME)
                continue
            try:
                scored.append(enter(name, count))
                entries.append(scored[-1])
            except ValueError as error:
                left_out[name] = str(error)
        racing = [entry.name for entry in _better_half(scored)]
        if len(racing) < 2:
            break
    if not entries:
        raise ValueError(f"No candidate can be fitted: {next(iter(left_out.values()))}")
    raced = {entry.name for entry in entries}
    never = {name: why for name, why in left_out.items() if name not in raced}
    return Race(tuple(entries), never, tuple(names))


def ranked(entries: Iterable[Entry]) -> list[Entry]:
    """The best first; of equal scores the one that came first."""
    return sorted(entries, key=lambda entry: -entry.score)


def _better_half(scored: Sequence[Entry]) -> list[Entry]:
    """The better half, without those that are far behind the best."""
    best = ranked(scored)[: math.ceil(len(scored) / 2)]
    return [entry for entry in best if not _is_hopeless(entry, best[0])]


def _is_hopeless(entry: Entry, best: Entry) -> bool:
    difference, error = entry.behind(best)
    return difference > HOPELESS * error


def mean_error(values: Array, weight: Array) -> float:
    """The standard error of a weighted mean; infinite of a single value.

    >>> round(mean_error(np.array([0.0, 1.0, 0.0, 1.0]), np.ones(4)), 3)
    0.289
    >>> mean_error(np.ones(1), np.ones(1))
    inf
    """
    share = weight / weight.sum()
    lost = float(np.sum(share**2))  # 1/n of n equal shares
    if lost >= 1:
        return math.inf
    deviations = values - np.sum(share * values)
    return float(np.sqrt(np.sum((share * deviations) ** 2) / (1 - lost)))


@dataclass
class Clock:
    """Whether a race may start one more candidate: until part of its budget, in seconds, is over.

    >>> Clock(60.0)()
    True
    """

    seconds: float
    started: float = field(default_factory=time.monotonic)

    def __call__(self) -> bool:
        """Whether there is time."""
        return time.monotonic() - self.started < self.seconds

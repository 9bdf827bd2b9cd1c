"""Races for the best classifier: of image features, and of losses and penalties."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.estimators.racing import TOL, Credit, RaceRows
from halfspaces.features import Feature, parse
from halfspaces.features.candidates import Candidate
from halfspaces.features.union import learns
from halfspaces.loop.result import Reason
from halfspaces.losses.softmax import Softmax
from halfspaces.support.types import Array
from halfspaces.system.progress import Bar, quiet
from halfspaces.tuning.race import Clock, Entry, Race, fitting_seconds, race

BUDGET = 120.0  # seconds
RACE_PART = 0.3  # of the budget, planned; the rest is for the final fit
MOST_OF_BUDGET = 0.6  # after which no candidate starts, on whatever machine
FEATURE_STRENGTHS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)  # of standardized columns
STRENGTHS = 10
COMPONENTS = (
    ("softmax", "l2"),
    ("softmax", "l1"),
    ("softmax", "elastic_net"),
    ("squared_hinge", "l2"),
    ("squared_hinge", "l1"),
)
SPARSE_FACTOR = 4.0  # of the time of L2, for a penalty that sets weights to 0


@dataclass(frozen=True, eq=False)
class FeatureRace:
    """Fits and scores one image feature.

    Parameters
    ----------
    candidates : mapping
        By their names.
    images : callable
        `images(candidate, rows)` returns images (n, H, W, C) of the candidate's size.
    rows : RaceRows
    options : mapping
        Parameters of the searches for λ.
    """

    candidates: Mapping[str, Candidate]
    images: Callable[[Candidate, Array], Array]
    rows: RaceRows
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __call__(self, name: str, count: int) -> Entry:
        """Learn, describe, fit and score: fold by fold if it learns, all together if not."""
        started = time.perf_counter()
        candidate = self.candidates[name]
        feature = parse(candidate.features).set_params(n_jobs=self.options.get("n_jobs"))
        credit = Credit()
        folds = [self.rows.of_fold(fold, count) for fold in self.rows.folds]
        parts = [[fold] for fold in folds] if self._learns(feature) else [folds]
        for part in parts:
            feature.fit(self.images(candidate, part[0][0]))
            search = LinearClassifierCV(
                Softmax(candidate.label_smoothing),
                strengths=FEATURE_STRENGTHS,
                tol=TOL,
                callbacks=[credit],
                **self.options,
            )
            _choose(
                search,
                part,
                self.rows,
                lambda rows: feature.transform(self.images(candidate, rows)),
            )
        return credit.entry(name, count, self.rows, time.perf_counter() - started)

    def _learns(self, feature: Feature) -> bool:
        return learns(feature, standardized=self.options.get("standardize", True))


@dataclass(frozen=True, eq=False)
class ComponentRace:
    """Fits and scores one pair of a loss and a penalty.

    Parameters
    ----------
    candidates : mapping
        Loss and penalty by their names.
    X : callable
        `X(rows)` returns rows of features.
    rows : RaceRows
    options : mapping
        Parameters of the searches for λ.
    """

    candidates: Mapping[str, tuple[Any, Any]]
    X: Callable[[Array], Any]
    rows: RaceRows
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __call__(self, name: str, count: int) -> Entry:
        """Fit and score the folds, all together."""
        started = time.perf_counter()
        loss, penalty = self.candidates[name]
        credit = Credit()
        search = LinearClassifierCV(
            loss, penalty, strengths=STRENGTHS, tol=TOL, callbacks=[credit], **self.options
        )
        folds = [self.rows.of_fold(fold, count) for fold in self.rows.folds]
        _choose(search, folds, self.rows, self.X)
        return credit.entry(name, count, self.rows, time.perf_counter() - started)


def _choose(
    search: LinearClassifierCV,
    folds: Sequence[tuple[Array, Array]],
    rows: RaceRows,
    X: Callable[[Array], Any],
) -> None:
    """Choose λ by these folds, from the rows that they have.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C: the scores of a search that was cut say nothing.
    """
    if len(folds) > 1:
        held = np.unique(np.concatenate([part for fold in folds for part in fold]))
        places = [tuple(np.searchsorted(held, part) for part in fold) for fold in folds]
        search.set_params(cv=places).fit(*rows.labelled(X(held), held))
    else:
        train, test = (rows.labelled(X(part), part) for part in folds[0])
        search.fit(*train, validation=test)
    if search.result_.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt


def named_components(pairs: Iterable[tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    """Losses and penalties by a name for both.

    >>> list(named_components([("softmax", "l1")]))
    ['softmax + l1']
    """
    return {f"{loss} + {penalty}": (loss, penalty) for loss, penalty in pairs}


@dataclass(frozen=True)
class Cost:
    """Seconds of a candidate: of the final fit, and of each round, on the machine of `Candidate`.

    They are computed, not measured, so that the choice of candidates does not depend on a clock.
    """

    final: float
    rounds: Sequence[float]


def component_costs(
    known: Mapping[str, tuple[Any, Any]],
    rows: RaceRows,
    shape: tuple[int, int],
    n_classes: int,
) -> dict[str, Cost]:
    """The costs of pairs of a loss and a penalty, for X of this shape."""
    n_rows, n_features = shape

    def seconds(penalty: Any, count: int) -> float:
        factor = 1.0 if penalty == "l2" else SPARSE_FACTOR
        return factor * fitting_seconds(count, n_features, n_classes)

    folds = len(rows.folds)
    return {
        name: Cost(
            seconds(penalty, n_rows), [folds * seconds(penalty, count) for count in rows.rounds]
        )
        for name, (_, penalty) in known.items()
    }


def feature_cost(
    candidate: Candidate, rows: RaceRows, n_images: int, n_classes: int, pixels: int
) -> Cost:
    """The cost of an image feature for images of so many pixels."""
    folds = len(rows.folds)
    held_out = rows.n_held_out // folds

    def of_round(count: int) -> float:
        if learns(parse(candidate.features), standardized=True):
            described = folds * candidate.describing(count + held_out, pixels)
        else:
            n_described = min(folds * (count + held_out), len(rows.y))
            described = candidate.describing(n_described, pixels)
        return described + folds * candidate.fitting(count, n_classes, pixels)

    final = candidate.describing(n_images, pixels)
    final += candidate.fitting(len(rows.y), n_classes, pixels)
    return Cost(final, [of_round(count) for count in rows.rounds])


def within_budget(costs: Mapping[str, Cost], budget: float) -> tuple[list[str], dict[str, str]]:
    """The candidates whose race and final fit the budget allows, and what the others need.

    They are taken in turn, and the first always is. Of each round after the first, at most half of
    the candidates are counted, the dearest.

    >>> within_budget({"a": Cost(1, [1]), "b": Cost(99, [1]), "c": Cost(2, [1])}, 10)
    (['a', 'c'], {'b': '--budget 3min is needed'})
    """
    within: list[str] = []
    beyond: dict[str, str] = {}
    for name, cost in costs.items():
        raced = _seconds_of_race([costs[other].rounds for other in [*within, name]])
        needed = max(raced / RACE_PART, cost.final / (1 - RACE_PART))
        if needed <= budget or not within:
            within.append(name)
        else:
            beyond[name] = f"--budget {minutes(needed)} is needed"
    return within, beyond


def _seconds_of_race(rounds: Sequence[Sequence[float]]) -> float:
    """The seconds of all rounds of these candidates at most."""
    racing = len(rounds)
    total = 0.0
    for number in range(len(rounds[0])):
        total += sum(sorted((each[number] for each in rounds), reverse=True)[:racing])
        racing = math.ceil(racing / 2)
    return total


def run(
    costs: Mapping[str, Cost], enter: Callable[[str, int], Entry], rows: RaceRows, budget: float
) -> Race:
    """Race the candidates that a budget allows.

    Parameters
    ----------
    costs : mapping
        By the names of the candidates, those first that are to be raced first.
    enter : FeatureRace or ComponentRace
    rows : RaceRows
    budget : float
        Seconds for the race and the final fit together. They decide by `costs` which candidates are
        raced; a clock ends the race only where this machine is much slower.
    """
    within, beyond = within_budget(costs, budget)
    clock = Clock(MOST_OF_BUDGET * budget)
    with Bar("racing", len(within) * len(rows.rounds)) as bar:

        def counted(name: str, count: int) -> Entry:
            bar.show(bar.completed, f"{name}, {count:,} rows")
            with quiet():
                entry = enter(name, count)
            bar.advance()
            return entry

        found = race(within, rows.rounds, counted, clock)
    return Race(found.entries, {**found.left_out, **beyond}, found.order)


def minutes(seconds: float) -> str:
    """A time, rounded up to minutes.

    >>> minutes(61)
    '2min'
    """
    return f"{math.ceil(seconds / 60)}min"


def pairs_of(losses: Sequence[Any], penalties: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Those of `COMPONENTS` with these losses and penalties; all pairs where it has none.

    >>> pairs_of(["hinge"], ["l2", "l1"])
    [('hinge', 'l2'), ('hinge', 'l1')]
    """
    known = [pair for pair in COMPONENTS if pair[0] in losses and pair[1] in penalties]
    return known or [(loss, penalty) for loss in losses for penalty in penalties]

"""The search for λ: all folds solved for each strength, and the scores of their held-out rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from halfspaces.estimators.calibration import CALIBRATIONS, Calibration
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.held_out import HeldOut
from halfspaces.estimators.residence import resident
from halfspaces.estimators.scoring import (
    HeldOutAnswers,
    Score,
    Scorer,
    ScoreTable,
    distinct_rows,
    of_answers,
    score_answers,
    score_classifier,
    tie_breaker,
)
from halfspaces.estimators.threshold import Threshold
from halfspaces.loop.result import Result
from halfspaces.loop.run import Callback
from halfspaces.objective.objective import Objective
from halfspaces.optimizers.choose import Choice, choose_for
from halfspaces.penalties.base import Penalty
from halfspaces.support.types import Array
from halfspaces.system.compiling import printing
from halfspaces.tuning.grid import Grid, member_result, solve_grid
from halfspaces.tuning.growing_grid import GrowingGrid, without_gain

KINKED_TOL = 1e-2  # the least tolerance of a search whose loss has kinks


@dataclass(frozen=True)
class FoldScores:
    """Score of each fold's held-out rows (F,), with its standard error among the examples (F,),
    and what decides between equal scores (F,).
    """

    scores: list[float]
    errors: list[float]
    tie_breakers: list[float]


@dataclass(frozen=True, eq=False)
class ScoredStrength:
    """A strength whose held-out rows were scored: what the method `scored` of a callback is given.

    Parameters
    ----------
    strength : float
    score, low, high : float
        The mean of the folds' scores and its 95 % interval, nan where none is known.
    loss : float
        The mean loss of the held-out rows, without the penalty.
    scores : list of arrays, shape (n, C)
        By class, of each fold's held-out rows.
    labels : list of arrays, shape (n,)
        Their classes, 0 to C−1.
    """

    strength: float
    score: float
    low: float
    high: float
    loss: float
    scores: list[Array] = field(repr=False)
    labels: list[Array] = field(repr=False)


@dataclass(eq=False)
class Search:
    """Folds to fit, held-out rows to score, and the scores of the strengths solved so far.

    Parameters
    ----------
    objectives : list of Objective
        Of each fold's training rows, the last of all rows.
    held_out : list of HeldOut
        The rows to score for each fold.
    penalty : callable
        The penalty of a strength.
    unfitted : callable
        The classifier of a strength, not fitted: for scorers that look at classifiers.
    scorer : str or callable
        As `make_scorer` returns it.
    calibrate : str or None
        The calibration with which probabilities are scored.
    tol, max_passes, callbacks, verbose
        As of `LinearClassifierCV`.
    """

    objectives: list[Objective]
    held_out: list[HeldOut]
    classes: Array
    penalty: Callable[[float], Penalty]
    unfitted: Callable[[float], LinearClassifier]
    scorer: Scorer
    calibrate: str | None
    tol: float
    max_passes: float
    callbacks: Sequence[Callback]
    verbose: int
    scored: dict[float, FoldScores] = field(default_factory=dict)
    penalties: dict[float, float] = field(default_factory=dict)  # λ R(W) of all rows

    def solve(self, strengths: Iterable[float]) -> Grid:
        """The grid of these strengths, each scored as soon as it is solved."""
        return self._solve(strengths, self._add)

    def solve_growing(self, grid: GrowingGrid) -> Grid:
        """The grid of strengths that grows with the scores, ended where they bring no gain."""

        def add(strength: float, result: Result) -> bool:
            self._add(strength, result)
            return strength == min(self.scored) and self._without_gain()

        return self._solve(grid.upcoming(self.mean_scores), add)

    def _solve(self, strengths: Iterable[float], each: Callable[[float, Result], Any]) -> Grid:
        every = self.objectives[-1]
        with printing(self.verbose):
            return solve_grid(
                [resident(each, self.choice.optimizer, self.callbacks) for each in self.objectives],
                strengths,
                self.choice.optimizer,
                tol=self.tol if every.loss.smooth else max(self.tol, KINKED_TOL),
                max_passes=self.max_passes,
                each=each,
                callbacks=self.callbacks,
                progress=self.verbose >= 0,
            )

    @cached_property
    def choice(self) -> Choice:
        """The optimizer of all members."""
        return choose_for(self.objectives[-1], path=True)

    def _add(self, strength: float, result: Result) -> None:
        """Score the held-out rows of each fold by the stack's W (D+1, F+1, C)."""
        scores = self.scores_of(result.W)
        results = self._scored(strength, result, scores)
        self.scored[strength] = FoldScores(
            [result.score for result in results],
            [result.error for result in results],
            [
                tie_breaker(self._answers(part, None), rows)
                for part, rows in zip(scores, self.held_out, strict=True)
            ],
        )
        self.penalties[strength] = float(self.penalty(strength).value(result.W[:-1, -1:])[0])
        for callback in self.callbacks:
            hear = getattr(callback, "scored", None)
            if hear is not None:
                hear(self._scored_strength(strength, scores))
        if self.verbose > 0:
            self._report(strength)

    def _scored(self, strength: float, result: Result, scores: list[Array]) -> list[Score]:
        """The score of each fold's held-out rows, whose scores by class are `scores`."""
        needs_calibration = self.scorer not in ("accuracy", "loss")
        calibration = self.calibration_of(scores) if needs_calibration else None
        if of_answers(self.scorer):
            return [
                score_answers(self.scorer, self._answers(part, calibration), rows)
                for part, rows in zip(scores, self.held_out, strict=True)
            ]
        assert callable(self.scorer)
        return [
            score_classifier(
                self.scorer, self._classifier(fold, strength, result, calibration), rows
            )
            for fold, rows in enumerate(self.held_out)
        ]

    def _answers(self, scores: Array, calibration: Calibration | None) -> HeldOutAnswers:
        return HeldOutAnswers(scores, self.classes, self.objectives[-1].loss, calibration)

    def _classifier(
        self, fold: int, strength: float, result: Result, calibration: Calibration | None
    ) -> LinearClassifier:
        """The classifier of a fold, fitted to its training rows."""
        objective = replace(self.objectives[fold], penalty=self.penalty(strength))
        classifier = self.unfitted(strength)
        classifier._adopt(objective, self.classes, self.choice, member_result(result, fold))
        classifier.calibration_ = calibration
        return classifier

    def _scored_strength(self, strength: float, scores: list[Array]) -> ScoredStrength:
        table = self.table([strength])
        mean, low, high = (float(column[0]) for column in (table.mean, table.low, table.high))
        labels = [rows.y for rows in self.held_out]
        measure = self.objectives[-1].loss.value
        losses = [measure(part, y) for part, y in zip(scores, labels, strict=True)]
        loss = float(np.mean(np.concatenate(losses)))
        return ScoredStrength(strength, mean, low, high, loss, scores, labels)

    def _report(self, strength: float) -> None:
        table = self.table([strength])
        mean = f"held-out score {float(table.mean[0]):.4f}"
        if np.isfinite(table.low[0]):
            mean += f" ({float(table.low[0]):.4f} to {float(table.high[0]):.4f})"
        print(f"LinearClassifierCV: λ = {strength:.4g}, {mean}.")

    def scores_of(self, W: Array) -> list[Array]:
        """Scores (n, C) of each fold's held-out rows, from W (D+1, F+1, C)."""
        members = [np.ascontiguousarray(W[:, fold : fold + 1]) for fold in range(W.shape[1])]
        return [
            self.objectives[fold].on(rows.blocks).scores(members[fold])
            for fold, rows in enumerate(self.held_out)
        ]

    def calibration_of(self, scores: list[Array]) -> Calibration | None:
        """A calibration fitted to the held-out scores of all folds; None without `calibrate`."""
        if self.calibrate is None:
            return None
        return CALIBRATIONS[self.calibrate].fit(np.concatenate(scores), *self._labels)

    def threshold_of(self, scores: list[Array], rule: str) -> Threshold:
        """A threshold chosen by the held-out scores (n, 2) of all folds."""
        both = np.concatenate(scores)
        return Threshold.fit(both[:, 1] - both[:, 0], *self._labels, rule)

    @cached_property
    def _labels(self) -> tuple[Array, Array]:
        """Classes and weights of the held-out rows of all folds."""
        weights = [
            np.ones(len(rows.y)) if rows.weight is None else rows.weight for rows in self.held_out
        ]
        return np.concatenate([rows.y for rows in self.held_out]), np.concatenate(weights)

    def table(self, strengths: Iterable[float]) -> ScoreTable:
        """The scores of these strengths."""
        found = [self.scored[float(strength)] for strength in strengths]
        scores = np.array([row.scores for row in found])
        errors = np.array([row.errors for row in found])
        tie_breakers = np.array([row.tie_breakers for row in found])
        return ScoreTable.of(self.scorer, scores, errors, tie_breakers, self.n_held_out)

    @cached_property
    def n_held_out(self) -> float:
        """The number of rows that are held out."""
        return distinct_rows(self.held_out)

    def mean_scores(self, strengths: Iterable[float]) -> Array:
        """Mean scores over the folds (S,)."""
        return self.table(strengths).mean

    def _without_gain(self) -> bool:
        falling = sorted(self.scored, reverse=True)
        penalties = [self.penalties[strength] for strength in falling]
        table = self.table(falling)
        return without_gain(falling, table.mean, penalties)

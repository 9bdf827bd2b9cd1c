"""Choosing λ with features that learn from images: they are learned anew in each fold.

A feature that had seen the held-out images would make them look easier than new ones. So for each
fold the feature is fitted to the training images alone, the grid of λ is solved on them, and the
held-out images are scored.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from halfspaces.cli.image_features import Describing, Rows
from halfspaces.cli.recipe import Recipe
from halfspaces.datasets import Dataset
from halfspaces.estimators.calibration import CALIBRATIONS, Calibration
from halfspaces.estimators.components import penalty_by_strength
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.estimators.held_out_scores import HeldOutScores
from halfspaces.estimators.reliability import Reliability
from halfspaces.estimators.scoring import ScoreTable, make_scorer
from halfspaces.estimators.search import ScoredStrength
from halfspaces.estimators.threshold import Threshold, check_two_classes
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Callback, Run
from halfspaces.losses.base import Loss
from halfspaces.support.types import Array
from halfspaces.system.distinct import encoded
from halfspaces.tuning.growing_grid import SPAN, SPARSE_SPAN, GrowingGrid
from halfspaces.tuning.largest_strength import largest_strength
from halfspaces.tuning.selection import best_of


@dataclass(eq=False)
class FoldSearch:
    """λ chosen over folds that have features of their own; the attributes of `LinearClassifierCV`.

    `calibration_`, `threshold_` and `reliability_` are learned from the held-out scores of all
    folds at the chosen strength, the first two where they are asked for.
    """

    cv_results_: Mapping[str, Array]
    strength_: float
    best_index_: int
    scoring: Any
    seconds: float
    loss: Loss
    held_out_scores_: HeldOutScores
    calibration_: Calibration | None = None
    threshold_: Threshold | None = None

    @property
    def reliability_(self) -> Reliability | None:
        """What the held-out rows say of new ones."""
        return self.held_out_scores_.reliability(self.loss, self.calibration_, self.threshold_)


@dataclass(eq=False)
class HeldOutOfStrengths:
    """A callback of a search that keeps the scores of the held-out rows of each strength (n, C)."""

    scores: dict[float, Array] = field(default_factory=dict)

    def __call__(self, run: Run) -> None:
        """Let the run go on."""

    def scored(self, found: ScoredStrength) -> None:
        """Keep the scores of the one set of held-out rows."""
        self.scores[found.strength] = found.scores[0]


@dataclass(frozen=True, eq=False)
class FoldRows:
    """The described rows of one fold."""

    X: Any
    y: Array
    weight: Array | None
    X_held_out: Any
    y_held_out: Array
    weight_held_out: Array | None


def search_by_fold(
    recipe: Recipe,
    describing: Describing,
    given: Dataset,
    rows: Rows,
    callbacks: Sequence[Callback] = (),
) -> FoldSearch:
    """Solve one grid of λ in each fold, and choose by the mean scores.

    Parameters
    ----------
    recipe : Recipe
    describing : Describing
    given : Dataset
        The images.
    rows : Rows
        All images described by the feature that has learned from all: only for the grid of λ.
    callbacks : sequence of callables
        As of `LinearClassifierCV`, in each fold.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C: there is no model yet.
    """
    started = time.perf_counter()
    strengths = _strengths(recipe, rows)
    kept = [HeldOutOfStrengths() for _ in rows.folds]
    searches = [
        _fitted(recipe, strengths, fold, [*callbacks, heard])
        for heard, fold in zip(kept, _described(describing, given, rows), strict=True)
    ]
    results = [search.cv_results_ for search in searches]

    def columns(name: str) -> Array:
        return np.stack([result[name] for result in results], axis=1)

    n_rows = len(np.unique(np.concatenate([fold.test for fold in rows.folds])))
    scores = columns("mean_test_score")
    scorer = make_scorer(searches[0].scoring)
    table = ScoreTable.of(scorer, scores, columns("standard_error"), columns("tie_breaker"), n_rows)
    if not np.isfinite(table.mean).any():
        raise ValueError(
            f"--scoring {recipe.scoring} gives no finite number at any strength; choose another."
        )
    best = best_of(table.mean, table.tie_breaker)
    at_best = [heard.scores[float(strengths[best])] for heard in kept]
    return FoldSearch(
        {
            **_columns_of(strengths, table),
            "mean_train_loss": columns("mean_train_loss").mean(axis=1),
            "passes": columns("passes").sum(axis=1),
        },
        float(strengths[best]),
        best,
        searches[0].scoring,
        time.perf_counter() - started,
        recipe.make_loss(),
        *_learned(recipe, at_best, given, rows),
    )


def _columns_of(strengths: Array, table: ScoreTable) -> dict[str, Array]:
    return {
        "param_strength": strengths,
        "mean_test_score": table.mean,
        "standard_error": table.error,
        "interval_low": table.low,
        "interval_high": table.high,
        "tie_breaker": table.tie_breaker,
        "dropped": np.zeros(len(strengths), bool),
    }


def _learned(
    recipe: Recipe, scores: Sequence[Array], given: Dataset, rows: Rows
) -> tuple[HeldOutScores, Calibration | None, Threshold | None]:
    """The held-out scores of all folds, and the calibration and threshold learned from them."""
    tests = [fold.test for fold in rows.folds]
    labels = encoded(given.y)[1]
    y = [labels[test] for test in tests]
    held_out = HeldOutScores.joined(tests, scores, y, len(given.y))
    every, right = np.concatenate(scores), np.concatenate(y)
    calibration = None
    threshold = None
    if recipe.calibrate is not None:
        calibration = CALIBRATIONS[recipe.calibrate].fit(every, right)
    if recipe.threshold is not None:
        check_two_classes(recipe.threshold, every.shape[1])
        threshold = Threshold.fit(every[:, 1] - every[:, 0], right, None, recipe.threshold)
    return held_out, calibration, threshold


def _strengths(recipe: Recipe, rows: Rows) -> Array:
    """One falling grid for all folds."""
    search = recipe.search()
    given: Any = search.strengths
    if not isinstance(given, int):
        return np.unique(np.asarray(given, dtype=np.float64))[::-1]
    objective = recipe.classifier().objective(rows.dataset.X, rows.dataset.y)
    penalty = penalty_by_strength(search.penalty)
    largest = largest_strength(replace(objective, penalty=penalty(0.0)))
    span = SPAN if penalty(largest).smooth else SPARSE_SPAN
    return np.array(GrowingGrid.geometric(largest, given, span=span).strengths)


def _described(describing: Describing, given: Dataset, rows: Rows) -> Iterator[FoldRows]:
    """The rows of each fold, described by a feature that has seen its training images alone."""
    images = len(given.y)
    for fold in rows.folds:
        train = fold.train[fold.train < images]  # `describing` makes the copies
        part = replace(
            given,
            X=np.asarray(given.X)[train],
            y=given.y[train],
            groups=None,
            weight=None if given.weight is None else given.weight[train],
            weight_val=None if given.weight is None else given.weight[fold.test],
            X_val=np.asarray(given.X)[fold.test],
            y_val=given.y[fold.test],
            X_test=None,
            y_test=None,
        )
        found = describing.anew().rows(part, [], standardized=False).dataset
        assert found.X_val is not None
        assert found.y_val is not None
        yield FoldRows(found.X, found.y, found.weight, found.X_val, found.y_val, found.weight_val)


def _fitted(
    recipe: Recipe, strengths: Array, fold: FoldRows, callbacks: Sequence[Callback]
) -> LinearClassifierCV:
    search = recipe.search().set_params(strengths=strengths, calibrate=None, threshold=None)
    search.set_params(callbacks=callbacks)
    held_out = (fold.X_held_out, fold.y_held_out, fold.weight_held_out)
    search.fit(fold.X, fold.y, fold.weight, validation=held_out)
    if search.result_.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    return search

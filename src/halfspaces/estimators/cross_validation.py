"""`LinearClassifierCV`: every strength, every fold, one solve; the strength that held-out rows prefer."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from halfspaces.estimators.base import LinearModel, make_loss
from halfspaces.estimators.calibration import CALIBRATIONS, Calibration
from halfspaces.estimators.checked_data import Data, check_validation, hold_out, is_part
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.scoring import (
    FittedView,
    HeldOut,
    check_probabilities,
    make_scorer,
    score,
    standard_error,
)
from halfspaces.loop.result import History, Reason, Result
from halfspaces.loop.run import LEAST_LOSS, Callback
from halfspaces.losses.base import Loss
from halfspaces.objective import Objective
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties import PENALTIES
from halfspaces.penalties.base import Penalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array
from halfspaces.support.validation import check_name, check_number, check_numbers, lookup
from halfspaces.tuning.folds import Fold, check_fold, make_folds
from halfspaces.tuning.grid import Grid, fold_objectives, largest_strength, solve_grid
from halfspaces.tuning.selection import best_of, one_standard_error_of, tied

RANGE, SPARSE_RANGE = (
    1e-6,
    1e-3,
)  # the smallest strength of a grid over its largest; of penalties that select weights
KINKED_TOL = 1e-2  # at least, while a strength is chosen for a loss with kinks
GROWN_AT_ONCE = 0.1  # part of the grid by which it grows at a time while the best is at its edge
VAIN, VAIN_RANGE = (
    2,
    9.99,
)  # strengths, and the range that they cover, without a better score: then a path is left
RULES = {"best": best_of, "one_standard_error": one_standard_error_of}
SEARCH = (
    "strengths_",
    "scores_",
    "strength_",
    "best_index_",
    "cv_results_",
)  # what a fit leaves beside a classifier


class LinearClassifierCV(LinearModel):
    """Linear classifier whose strength λ is chosen on rows held out.

    For each λ of a grid and each fold k, W minimizes L(W) = Σ w_i L_i / Σ w_i + λ R(W) over the fold's training rows,
    features standardized by these rows alone, and is scored on the rows left out; λ is taken by

        best:                λ* = argmax_λ  mean_k score_k(λ),  among equals the largest
        one_standard_error:  the largest λ with mean_k score_k(λ) ≥ mean_k score_k(λ*) − standard error at λ*

    All rows are one more member of the same solve, so that the classifier at the chosen λ is there when the folds are.

    Parameters
    ----------
    loss, standardize, fit_intercept, class_weight, tol, max_passes, n_jobs
        As of `LinearClassifier`. While the strength is chosen, a loss with kinks is content with tol = 0.01; the
        classifier of the chosen one goes on to `tol`.
    penalty : str or Penalty
        "l2", "l1", "elastic_net", or an instance, whose own strength does not matter.
    strengths : int or sequence of floats
        A number n makes a geometric grid of n from λ_max, where W is nearly 0, to λ_max / 1,000,000; of L1 and elastic
        net from that at which W is 0 to λ_max / 1,000. It grows by itself at the end where the best strength lies, by
        at most n more, and is left where a decade of falling strengths, two at least, brought no better mean score, and
        λ R(W) falls. A sequence is taken as given.
    cv : int, scikit-learn splitter or iterable of (train, test)
        A number makes that many folds, shuffled, with the classes' proportions; with `groups` in `fit`, no group is
        in two of them.
    scoring : str or callable
        "accuracy"; "log_loss" (negative, of the calibrated probabilities where `calibrate` is given); "loss" (the
        negative training loss, without the penalty); a scorer of scikit-learn by name or as it is; a callable
        (estimator, X, y). Higher is better. Weights of examples count in all but such callables.
    rule : "best" or "one_standard_error"
    calibrate : "temperature", "sigmoid" or None
        Learn probabilities from the held-out scores at the chosen strength, so that every loss has `predict_proba`.
        A temperature keeps the order of the scores; sigmoids may favour another class than the one with the largest
        score, which `predict` goes by.
    random_state : int, RandomState or None
        Seed of the shuffling; None takes a fixed one.
    callbacks : sequence of callables
        As of `LinearClassifier`, for each strength. With a `Checkpoint` a search goes on where it was killed.
    verbose : int
        1: a line for each strength.

    Attributes
    ----------
    coef_, intercept_, classes_, n_iter_, n_features_in_, optimizer_, result_
        As of `LinearClassifier`, of all rows at the chosen strength. `result_.seconds` are those of the whole grid.
    strengths_ : array, shape (S,)
        Falling.
    scores_ : array, shape (S, F)
        On the rows that each fold left out; nan where the path was left.
    strength_ : float
        The chosen one, `strengths_[best_index_]`.
    best_index_ : int
    cv_results_ : dict of arrays, shape (S,)
        param_strength, split0_test_score, ..., mean_test_score, std_test_score, rank_test_score; standard_error (of
        the mean, from the folds' spread; of one validation set, from its examples' spread); mean_train_loss;
        gap and nonzeros of the fit on all rows; passes of all fits together; dropped (where the path was left).
    calibration_ : Calibration or None
    classifier_ : LinearClassifier
        The same fitted classifier without the search.

    Raises
    ------
    ValueError, TypeError
        One sentence, as `LinearClassifier` has; also for strengths that are not above 0, folds that miss a class or
        cannot be made, scores that need probabilities of a loss without them.

    References
    ----------
    Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2009, 7.10 (one standard error),
    https://doi.org/10.1007/978-0-387-84858-7

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = LinearClassifierCV(strengths=[1.0, 0.1, 0.01], cv=3).fit(X, y)
    >>> classifier.strength_, classifier.scores_.shape
    (0.01, (3, 3))
    """

    def __init__(
        self,
        loss: str | Loss = "softmax",
        penalty: str | Penalty = "l2",
        strengths: int | Sequence[float] | Array = 20,
        cv: Any = 5,
        scoring: Any = "accuracy",
        rule: str = "best",
        calibrate: str | None = None,
        standardize: bool = True,
        fit_intercept: bool = True,
        class_weight: Any = None,
        tol: float = 1e-3,
        max_passes: float = 1000,
        n_jobs: int | None = None,
        random_state: Any = None,
        callbacks: Sequence[Callback] = (),
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.strengths = strengths
        self.cv = cv
        self.scoring = scoring
        self.rule = rule
        self.calibrate = calibrate
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_passes = max_passes
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.callbacks = callbacks
        self.verbose = verbose

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None, validation: Any = None
    ) -> Self:
        """Choose the strength and fit all rows with it.

        Parameters
        ----------
        X, y, sample_weight
            As for `LinearClassifier.fit`; X is not copied.
        groups : array, shape (N,), or None
            For `cv`: rows of one group stay together.
        validation : (X, y), a number between 0 and 1, or None
            Rows to choose the strength on instead of folds, or the part of the rows to hold out for it. With a part,
            the final classifier is fitted on all rows, those held out among them.

        Returns
        -------
        self
        """
        if groups is not None and validation is not None:
            raise ValueError(
                "groups is for the folds of cv, which validation replaces; give one of them."
            )
        data = self._checked(X, y, sample_weight)
        scorer = make_scorer(self.scoring)
        if scorer == "log_loss":
            check_probabilities(make_loss(self.loss), self.calibrate, "scoring='log_loss'")
        trains, held = self._split(data, groups, validation)
        search = _Search(
            fold_objectives(self._every(data), trains), held, scorer, data.classes, self
        )
        self._choose(search, data)
        if not self.result_.converged:
            warnings.warn(str(self.result_), ConvergenceWarning, stacklevel=2)
        return self

    def _check_options(self) -> None:
        super()._check_options()
        check_name("rule", self.rule, RULES)
        if self.calibrate is not None:
            check_name("calibrate", self.calibrate, CALIBRATIONS)
        given: Any = self.strengths
        if isinstance(given, Integral) and not isinstance(given, bool):
            check_number("strengths, as a number of them,", given, at_least=2, integer=True)
            return
        if isinstance(given, str) or not (isinstance(given, Sequence) or np.ndim(given)):
            raise TypeError(
                f"strengths must be an integer or a sequence of numbers above 0, got {given!r}."
            )
        if len(given) == 0:
            raise ValueError(
                "strengths is empty; give at least one number above 0, or how many to try."
            )
        check_numbers("Each of strengths", given, above=0)

    def _penalty(self, strength: float = 1.0) -> Penalty:
        """The penalty with this strength."""
        kind: Any = lookup("penalty", self.penalty, PENALTIES, Penalty)
        if "strength" not in getattr(kind, "__dataclass_fields__", ()):
            raise ValueError(
                f"penalty={self.penalty!r} has no strength to choose; use LinearClassifier."
            )
        return kind(strength) if isinstance(kind, type) else replace(kind, strength=strength)

    def _split(
        self, data: Data, groups: Any, validation: Any
    ) -> tuple[list[Array], list["HeldOut"]]:
        """Training rows of each fold, none for validation rows of their own, and what is held out."""
        blocks, labels = data.blocks, data.blocks.y
        if validation is not None and not is_part(validation):
            return [], [HeldOut(check_validation(self, validation, data.classes), None)]
        seed = self._seed() or 0
        if validation is None:
            y = data.classes[labels]
            folds = make_folds(self.cv, blocks.X, y, groups, weight=data.sample_weight, seed=seed)
        else:
            folds = [Fold(*hold_out(labels, len(data.classes), validation, seed))]
            what, remedy = "The training rows that validation leaves", "hold out a smaller part"
            check_fold(what, folds[0], data.classes, labels, blocks.weights(), remedy)
        weight = data.sample_weight
        held = [
            HeldOut(blocks.subset(fold.test), None if weight is None else weight[fold.test])
            for fold in folds
        ]
        return [fold.train for fold in folds], held

    def _every(self, data: Data) -> Objective:
        """The objective of all rows."""
        self._moments = Moments.of(data.blocks) if self.standardize else None
        return self._objective(data.blocks, len(data.classes), self._penalty(), self._moments)

    def _choose(self, search: "_Search", data: Data) -> None:
        """Solve the grid, let it grow, take a strength, calibrate."""
        if isinstance(self.strengths, Integral):
            grid, asked = search.grown(int(self.strengths))
        else:
            asked = np.unique(np.asarray(self.strengths, dtype=np.float64))[::-1]
            grid = search.solve(asked)
        if grid.interrupted:
            asked = grid.strengths
        scores, error = search.table(grid.strengths)
        mean = scores.mean(axis=1)
        if not np.isfinite(mean).any():
            raise ValueError(
                f"scoring={self.scoring!r} gives no finite number at any strength; choose another."
            )
        best = best_of(mean)
        if self.rule == "one_standard_error":
            if not np.isfinite(error[best]):
                raise ValueError(
                    "rule='one_standard_error' has no standard error: one set of held-out rows has one for "
                    "scoring='accuracy', 'log_loss' or 'loss' alone; use these, or folds."
                )
            best = one_standard_error_of(mean, error)
        self.strengths_, self.best_index_, self.strength_ = asked, best, float(grid.strengths[best])
        self.scores_ = np.pad(
            scores, ((0, len(asked) - len(scores)), (0, 0)), constant_values=np.nan
        )
        self.cv_results_ = _results(asked, grid, scores, error)
        self._adopt(*self._refitted(grid, best, data.classes))
        if self.calibrate is not None:
            self.calibration_ = search.calibrated(search.scores_of(grid.W[:, best]))

    def _refitted(self, grid: Grid, best: int, classes: Array) -> tuple[Any, ...]:
        """The member of all rows at the chosen strength, as a run of its own would have told it."""
        penalty = self._penalty(self.strength_)
        objective = replace(grid.objectives[-1], penalty=penalty)
        W = np.ascontiguousarray(grid.W[:, best, -1][:, None])
        loss, gap, passes = (
            float(column[best, -1]) for column in (grid.loss, grid.gap, grid.passes)
        )
        scale = max(
            loss, LEAST_LOSS * objective.loss.chance_value(objective.n_classes)
        )  # that tolerances are part of
        reason = Reason.MAX_PASSES if passes >= self.max_passes else Reason.NO_PROGRESS
        if grid.interrupted:
            reason = Reason.INTERRUPTED
        elif gap <= self.tol * scale:
            reason = Reason.CERTIFIED
        elif (
            gap <= KINKED_TOL * scale and not objective.loss.smooth
        ):  # the search was content with less
            return self._finished(grid, objective, W, classes)
        value = penalty.value(W[:-1])
        numbers: dict[str, Any] = {
            "loss": np.array([loss]),
            "data_loss": loss - value,
            "penalty": value,
            "gap": np.array([gap]),
        }
        cost: dict[str, Any] = {"passes": passes, "seconds": grid.seconds}
        history = History()
        history.append(**cost, **numbers)
        result = Result(W=W, reason=reason, **numbers, **cost, history=history, state=None)
        return objective, classes, choose_for(objective), result

    def _finished(
        self, grid: Grid, objective: Objective, W: Array, classes: Array
    ) -> tuple[Any, ...]:
        """The same, after a run from there to the tolerance that was asked for."""
        choice, shown = choose_for(objective), self.verbose >= 0
        limits: dict[str, Any] = {
            "tol": self.tol,
            "max_passes": self.max_passes,
            "callbacks": self.callbacks,
        }
        result = minimize(objective, choice.optimizer, W, **limits, progress=shown)
        if result.reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        seconds = grid.seconds + result.seconds
        return objective, classes, choice, replace(result, seconds=seconds, state=None, loop=None)

    @property
    def classifier_(self) -> LinearClassifier:
        """The fitted classifier alone: a `LinearClassifier` of the chosen strength that predicts the same."""
        check_is_fitted(self)
        classifier, own = LinearClassifier(), self.get_params(deep=False)
        shared = {
            name: value for name, value in own.items() if name in classifier.get_params(deep=False)
        }
        named = {"penalty": self.penalty, "strength": self.strength_}
        penalty = (
            named if isinstance(self.penalty, str) else {"penalty": self._penalty(self.strength_)}
        )
        classifier.set_params(**shared | penalty)
        for name in vars(self).keys() - own.keys() - set(SEARCH):
            setattr(classifier, name, getattr(self, name))
        return classifier

    def plot_validation(self, ax: Any = None) -> Any:
        """Held-out score against λ, with error bars; see `halfspaces.plots.validation_curve.plot_validation`."""
        from halfspaces.plots.validation_curve import plot_validation

        check_is_fitted(self)
        return plot_validation(self, ax)


@dataclass(eq=False)
class _Search:
    """Members over folds, their held-out rows, and the scores that were found so far."""

    objectives: list[Objective]  # of each fold, the last of all rows
    held: list[HeldOut]
    scorer: Any
    classes: Array
    estimator: LinearClassifierCV
    found: dict[float, tuple[list[float], list[float]]] = field(default_factory=dict)
    penalties: dict[float, float] = field(default_factory=dict)  # λ R(W), of all rows

    def solve(self, strengths: Iterable[float], *, leave: bool = False) -> Grid:
        """The grid; each strength is scored when it is there."""

        def each(strength: float, W: Array) -> bool:
            self.add(strength, W)
            return leave and strength == min(self.found) and self.in_vain()

        given, every = self.estimator, self.objectives[-1]
        return solve_grid(
            self.objectives, strengths, choose_for(every).optimizer, max_passes=given.max_passes, each=each,
            tol=given.tol if every.loss.smooth else max(given.tol, KINKED_TOL), progress=given.verbose >= 0,
            callbacks=given.callbacks,
        )  # fmt: skip

    def grown(self, n_strengths: int) -> tuple[Grid, Array]:
        """An automatic grid that has grown where its best was at an edge, and the strengths that were asked for."""
        ratio = (RANGE if self.objectives[-1].penalty.smooth else SPARSE_RANGE) ** (
            1 / (n_strengths - 1)
        )
        asked = list(largest_strength(self.objectives[-1]) * ratio ** np.arange(n_strengths))

        def upcoming() -> Iterator[float]:
            """The grid, and more of it as long as the best of those found is at an edge."""
            yield from tuple(asked)
            left = n_strengths
            while left > 0:
                more = min(left, max(1, round(GROWN_AT_ONCE * n_strengths)))
                steps = ratio ** np.arange(1, more + 1)
                mean = self.table(asked)[0].mean(axis=1)
                best = best_of(mean) if np.isfinite(mean).any() else -1
                if best == len(asked) - 1:
                    extra = asked[-1] * steps
                    asked.extend(extra)
                elif best == 0 and not tied(mean[0], mean[1]):
                    extra = asked[0] / steps
                    asked[:0] = extra[::-1]
                else:
                    return
                left -= more
                yield from map(float, extra)

        grid = self.solve(upcoming(), leave=True)
        return grid, np.array(asked)

    def scores_of(self, W: Array) -> list[Array]:
        """Scores (n, C) of each fold's held-out rows, from W (D+1, F+1, C)."""
        return [
            self.objectives[k].on(held.blocks).scores(np.ascontiguousarray(W[:, k : k + 1]))
            for k, held in enumerate(self.held)
        ]

    def calibrated(self, scores: list[Array]) -> Calibration | None:
        """A calibration of the held-out scores of all folds."""
        name = self.estimator.calibrate
        if name is None:
            return None
        y = np.concatenate([held.y for held in self.held])
        weights = [
            np.ones(len(held.y)) if held.weight is None else held.weight for held in self.held
        ]
        return CALIBRATIONS[name].fit(np.concatenate(scores), y, np.concatenate(weights))

    def add(self, strength: float, W: Array) -> None:
        """Score the held-out rows of each fold."""
        scores = self.scores_of(W)
        calibration = None if self.scorer in ("accuracy", "loss") else self.calibrated(scores)
        loss = self.objectives[-1].loss
        views = [FittedView(part, self.classes, loss, calibration) for part in scores]
        pairs = [
            score(self.scorer, view, held) for view, held in zip(views, self.held, strict=True)
        ]
        self.found[strength] = ([pair[0] for pair in pairs], [pair[1] for pair in pairs])
        self.penalties[strength] = float(self.estimator._penalty(strength).value(W[:-1, -1:])[0])
        if self.estimator.verbose > 0:
            mean, error = (float(column[0]) for column in self.summary([strength]))
            print(
                f"LinearClassifierCV: λ = {strength:.4g}, held-out score {mean:.4f} ± {error:.4f}."
            )

    def table(self, strengths: Any) -> tuple[Array, Array]:
        """Scores (S, F) and the standard errors of their means (S,)."""
        found = [self.found[float(strength)] for strength in strengths]
        scores, among = (np.array([row[part] for row in found]) for part in (0, 1))
        return scores, standard_error(scores, among)

    def summary(self, strengths: Any) -> tuple[Array, Array]:
        """Mean scores and their standard errors (S,)."""
        scores, error = self.table(strengths)
        return scores.mean(axis=1), error

    def in_vain(self) -> bool:
        """Whether the last strengths, over a decade, brought no better score.

        They count once λ R(W) falls: it rises as long as λ is so large that W only grows, in one direction.
        """
        falling = sorted(self.found, reverse=True)
        mean, _ = self.summary(falling)
        if not np.isfinite(mean).any():
            return False
        best = best_of(mean)
        if best == 0 and len(mean) > 1 and not tied(mean[0], mean[1]):
            return False  # the grid is to grow there
        last = max(best, int(np.argmax([self.penalties[strength] for strength in falling])))
        return len(falling) > last + VAIN and falling[last] >= VAIN_RANGE * falling[-1]


def _results(asked: Array, grid: Grid, scores: Array, error: Array) -> dict[str, Array]:
    """The columns of `cv_results_`; nan for the strengths that were dropped."""
    solved, folds = len(grid.strengths), max(1, grid.W.shape[2] - 1)
    mean = scores.mean(axis=1)
    columns = {f"split{fold}_test_score": scores[:, fold] for fold in range(scores.shape[1])}
    columns |= {
        "mean_test_score": mean,
        "std_test_score": scores.std(axis=1),
        "standard_error": error,
        "mean_train_loss": grid.loss[:, :folds].mean(axis=1),
        "gap": grid.gap[:, -1],
        "passes": grid.passes.sum(axis=1),
        "nonzeros": np.count_nonzero(grid.W[:-1, :, -1], axis=(0, 2)).astype(float),
    }
    missing = (0, len(asked) - solved)
    padded = {
        name: np.pad(column, missing, constant_values=np.nan) for name, column in columns.items()
    }
    lowest = np.nan_to_num(padded["mean_test_score"], nan=-np.inf)
    rank = rankdata(-lowest, method="min").astype(np.int32)
    return {
        "param_strength": asked,
        **padded,
        "rank_test_score": rank,
        "dropped": np.arange(len(asked)) >= solved,
    }

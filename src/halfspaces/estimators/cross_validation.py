"""`LinearClassifierCV`: a linear classifier that chooses its strength λ on held-out rows."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from halfspaces.estimators.base import has_probabilities
from halfspaces.estimators.calibration import CALIBRATIONS
from halfspaces.estimators.checked_data import Data
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import make_loss, penalty_by_strength
from halfspaces.estimators.empty_columns import without_empty_columns
from halfspaces.estimators.given import examples_of
from halfspaces.estimators.held_out import HeldOut, split
from halfspaces.estimators.held_out_scores import HeldOutScores
from halfspaces.estimators.linear import LinearModel
from halfspaces.estimators.results_table import results_as_html, results_table
from halfspaces.estimators.scoring import Scorer, ScoreTable, check_probabilities, make_scorer
from halfspaces.estimators.search import KINKED_TOL, Search
from halfspaces.estimators.sklearn_callbacks import heard_by_callbacks
from halfspaces.estimators.threshold import check_rule, check_two_classes
from halfspaces.loop.result import Reason, Result
from halfspaces.loop.run import LEAST_LOSS, Callback
from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.optimizers.choose import Choice, choose_for
from halfspaces.penalties.base import Penalty
from halfspaces.proofs.minimize import minimize
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number, check_numbers
from halfspaces.system.blas import OUTSIDE, one_blas_thread
from halfspaces.system.names import check_name
from halfspaces.tuning.grid import Grid, fold_objectives
from halfspaces.tuning.growing_grid import SPAN, SPARSE_SPAN, GrowingGrid
from halfspaces.tuning.largest_strength import largest_strength
from halfspaces.tuning.selection import best_of, one_standard_error_of

RULES = ("best", "one_standard_error")
# The attributes of a search, which its classifier does not have.
SEARCH = ("strengths_", "scores_", "strength_", "best_index_", "cv_results_", "held_out_scores_")


class LinearClassifierCV(LinearModel):
    """Linear classifier that chooses its strength λ on held-out rows.

    For each λ of a grid and each fold k, W minimizes Σ w_i L_i / Σ w_i + λ R(W) over the training
    rows of the fold, whose features are standardized by these rows alone. It is scored on the rows
    that the fold leaves out, and λ is chosen by one of two rules:

        best:                λ* = argmax_λ  mean_k score_k(λ)
        one_standard_error:  the largest λ with mean_k score_k(λ) ≥ mean_k score_k(λ*) − e(λ*)

    where e is the standard error of the mean. Equal means, as accuracies of few rows often are, are
    told apart by the held-out log-loss (by the loss itself where it gives no probabilities), and
    log-losses that are 0 but for 0.001 of that at W = 0 by the larger λ. All rows are solved
    together with the folds, so the classifier of the chosen λ needs no second fit.

    Parameters
    ----------
    loss, standardize, fit_intercept, class_weight, max_passes, n_jobs, device
        As of `LinearClassifier`.
    penalty : str or Penalty, default "l2"
        "l2", "l1", "elastic_net" or any penalty with a strength; the strength of an instance is
        replaced by those of the grid.
    strengths : int ≥ 2 or sequence of floats > 0, default 20
        A number n makes a geometric grid of n strengths below λ_max. For L2, λ_max leaves W nearly
        0 and the grid ends at λ_max / 1,000,000; for L1 and elastic net it leaves W at 0 and the
        grid ends at λ_max / 1,000, as any grid of 2 strengths does. The grid grows at the end where
        the best score lies, by at most n strengths. It is left early where a decade of falling
        strengths, at least two, brings no better mean score and λ R(W) falls. A sequence is solved
        as it is given.
    cv : int ≥ 2, scikit-learn splitter or iterable of (train, test), default 5
        A number makes as many shuffled folds with the proportions of the classes; a class of fewer
        rows is held out in some of them, the only row of a class in none. With `groups` in `fit`,
        no group is in two folds.
    scoring : str or callable, default "accuracy"
        "accuracy" (of the largest score: before any calibration); "log_loss" (negative, of the
        calibrated probabilities with `calibrate`); "loss" (the negative training loss, without the
        penalty); a scorer of scikit-learn or its name; a callable (estimator, X, y), which gets the
        `LinearClassifier` fitted to the fold's training rows, the held-out rows and their labels.
        Higher is better. Sample weights count in all but callables; a scorer's own request of
        metadata routing is obeyed.
    rule : "best" or "one_standard_error", default "best"
        Which strength the scores choose; see above.
    calibrate : "temperature", "sigmoid" or None, default None
        Learn probabilities from the held-out scores at the chosen strength: every loss then has
        `predict_proba`, and `predict` returns the class of the largest probability, as
        scikit-learn's CalibratedClassifierCV does. A temperature keeps the order of the classes;
        sigmoids may change it.
    threshold : str or None, default None
        For two classes, choose where the second begins by the held-out scores at the chosen
        strength, as scikit-learn's TunedThresholdClassifierCV does: "balanced_accuracy", "f1",
        "accuracy", "precision=0.9" (the largest recall of at least this precision) or "recall=0.9".
        None predicts the class with the larger score.
    tol : float ≥ 0, default 1e-3
        As of `LinearClassifier`. While λ is chosen, a loss with kinks is solved to 0.01 at most;
        the classifier of the chosen λ then goes on to `tol`.
    random_state : int, RandomState or None
        Seed of the shuffling; None takes a fixed one.
    callbacks : sequence of callables
        As of `LinearClassifier`, at each strength. With a `Checkpoint` a search that was killed
        continues. A method `scored` of a callback is called with each strength's held-out scores.
    verbose : int, default 0
        As of `LinearClassifier`; 1 also prints a line for each strength.

    Attributes
    ----------
    coef_, intercept_, classes_, n_iter_, n_features_in_, feature_names_in_, optimizer_, \
    optimizer_choice_
        As of `LinearClassifier`, fitted to all rows at the chosen strength.
    result_ : Result
        As of `LinearClassifier`; passes are those at the chosen strength, seconds those of the
        whole search.
    strengths_ : array, shape (S,)
        The grid, falling.
    scores_ : array, shape (S, F)
        Scores of the rows that each of F folds leaves out; nan for strengths that were not solved.
    strength_ : float
        The chosen strength, `strengths_[best_index_]`.
    best_index_ : int
        Its position.
    cv_results_ : dict of arrays, shape (S,)
        param_strength; split0_test_score, ..., mean_test_score, std_test_score, rank_test_score;
        standard_error of the mean (from the spread of the folds; with one validation set, from
        that of its examples); interval_low and interval_high, a 95 % interval (Wilson's for
        accuracies); tie_breaker (the negative log-loss or loss); mean_train_loss; gap and
        nonzeros of the fit to all rows; passes of all fits together; dropped (strengths that were
        not solved).
    calibration_ : Calibration or None
        The probabilities that were learned.
    threshold_ : Threshold or None
        The threshold that was chosen.
    held_out_decision_function_ : array, shape (N, C), or (N,) for two classes
        Scores of each row of X at the chosen strength by classifiers that were not fitted on it:
        the mean over the folds that hold it out, nan where none does. With validation rows of
        their own, the scores of these. The folds are solved anyway: no fit is added.
    held_out_scores_ : HeldOutScores
        The same for the n rows held out alone: n·C numbers are stored, and the N·C of
        `held_out_decision_function_` are made at each access. A pickle has them, a saved model not.
    held_out_probabilities_ : array, shape (N, C)
        Their probabilities, calibrated with `calibrate`; where `predict_proba` is.
    reliability_ : Reliability
        What they say of new rows, for `predict_set` and `accepts`; models are saved with it.
    classifier_ : LinearClassifier
        The fitted classifier without the search.

    Raises
    ------
    ValueError, TypeError
        As of `LinearClassifier`; also for strengths that are not above 0, penalties without a
        strength, folds that miss a class, and scores that need probabilities where there are none.

    Warns
    -----
    ConvergenceWarning
        If the fit to all rows at the chosen strength ended before its tolerance, or any fit of the
        search at the limit on passes.

    References
    ----------
    Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2009, 7.10
    (cross-validation and the rule of one standard error),
    https://doi.org/10.1007/978-0-387-84858-7

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = LinearClassifierCV(strengths=[1.0, 0.1, 0.01], cv=3).fit(X, y)
    >>> classifier.strength_, classifier.scores_.shape
    (0.01, (3, 3))
    """

    strengths_: Array
    scores_: Array
    strength_: float
    best_index_: int
    cv_results_: Mapping[str, Array]
    held_out_scores_: HeldOutScores

    def __init__(
        self,
        loss: str | Loss = "softmax",
        penalty: str | Penalty = "l2",
        strengths: int | Sequence[float] | Array = 20,
        cv: Any = 5,
        scoring: Any = "accuracy",
        rule: str = "best",
        calibrate: str | None = None,
        threshold: str | None = None,
        standardize: bool = True,
        fit_intercept: bool = True,
        class_weight: Any = None,
        tol: float = 1e-3,
        max_passes: float = 3000,
        n_jobs: int | None = None,
        random_state: Any = None,
        callbacks: Sequence[Callback] = (),
        verbose: int = 0,
        device: str = "auto",
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.strengths = strengths
        self.cv = cv
        self.scoring = scoring
        self.rule = rule
        self.calibrate = calibrate
        self.threshold = threshold
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_passes = max_passes
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.callbacks = callbacks
        self.verbose = verbose
        self.device = device

    @one_blas_thread()
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
        validation: Any = None,
    ) -> Self:
        """Choose the strength and fit all rows with it.

        Parameters
        ----------
        X, y, sample_weight
            As of `LinearClassifier.fit`, batches included; X is not copied.
        groups : array, shape (N,), or None
            For `cv`: rows of one group stay together.
        validation : (X, y), (X, y, sample_weight), a number between 0 and 1, or None
            Rows to score instead of folds, or the part of the rows to hold out as one fold. With a
            part, the final classifier is fitted to all rows, those held out included.

        Returns
        -------
        self
        """
        if groups is not None and validation is not None:
            raise ValueError(
                "groups is for the folds of cv, which validation replaces; give one of them."
            )
        X, y = examples_of(X, y)
        data = self._checked(X, y, sample_weight)
        data = replace(data, blocks=without_empty_columns(data.blocks))
        if self.threshold is not None:
            check_two_classes(self.threshold, len(data.classes))
        scorer = make_scorer(self.scoring)
        if scorer == "log_loss":
            check_probabilities(make_loss(self.loss), self.calibrate, "scoring='log_loss'")
        trains, held_out = split(self, data, X, groups, validation, seed=self._seed() or 0)
        with heard_by_callbacks(self, X, y) as heard:
            grid = self._choose(data, trains, held_out, scorer, [*self.callbacks, *heard])
        self._end(data, data.blocks)
        stopped = grid.stopped_at_limit
        if stopped and self.result_.converged:
            warnings.warn(
                f"At {len(stopped)} of {len(grid.strengths)} strengths, from {min(stopped):.3g} to "
                f"{max(stopped):.3g}, a fit reached the limit of {self.max_passes} passes before "
                "its tolerance, and was scored as it was; raise max_passes or tol.",
                ConvergenceWarning,
                stacklevel=OUTSIDE,
            )
        return self

    def _check_options(self) -> None:
        super()._check_options()
        check_name("rule", self.rule, RULES)
        if self.calibrate is not None:
            check_name("calibrate", self.calibrate, CALIBRATIONS)
        if self.threshold is not None:
            check_rule(self.threshold)
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

    def _choose(
        self,
        data: Data,
        trains: list[Array],
        held_out: list[HeldOut],
        scorer: Scorer,
        callbacks: Sequence[Callback],
    ) -> Grid:
        """Solve the grid, choose a strength, fit and calibrate the classifier."""
        penalty = penalty_by_strength(self.penalty)
        given, objective = self._first_strengths(data, penalty)
        search = Search(
            objectives=fold_objectives(objective, trains),
            held_out=held_out,
            classes=data.classes,
            penalty=penalty,
            unfitted=self._classifier_of,
            scorer=scorer,
            calibrate=self.calibrate,
            tol=self.tol,
            max_passes=self.max_passes,
            callbacks=callbacks,
            verbose=self.verbose,
        )
        if isinstance(given, GrowingGrid):
            grid = search.solve_growing(given)
            strengths = np.array(given.strengths)
        else:
            grid = search.solve(given)
            strengths = given
        if grid.interrupted:
            strengths = grid.strengths
        best = self._adopt_scores(strengths, grid, search.table(grid.strengths))
        objective = replace(grid.objectives[-1], penalty=penalty(self.strength_))
        choice = choose_for(objective, path=True)
        result = self._refined(grid, best, objective, choice)
        self._adopt(objective, data.classes, choice, result)
        scores = search.scores_of(grid.W[:, best])
        self.calibration_ = search.calibration_of(scores)
        if self.threshold is not None:
            self.threshold_ = search.threshold_of(scores, self.threshold)
        self.held_out_scores_ = HeldOutScores.of(search.held_out, scores)
        self.reliability_ = self.held_out_scores_.reliability(
            objective.loss, self.calibration_, self.threshold_
        )
        return grid

    def _first_strengths(
        self, data: Data, penalty: Callable[[float], Penalty]
    ) -> tuple[GrowingGrid | Array, Objective]:
        """The grid, and the objective of all rows at its largest strength."""
        moments = self._moments_of(data.blocks)
        if not isinstance(self.strengths, Integral):
            strengths = np.unique(np.asarray(self.strengths, dtype=np.float64))[::-1]
            first = penalty(float(strengths[0]))
            return strengths, self._objective(data.blocks, len(data.classes), first, moments)
        # λ_max comes from the gradient of the loss alone: λ = 0.
        objective = self._objective(data.blocks, len(data.classes), penalty(0.0), moments)
        span = SPAN if objective.penalty.smooth else SPARSE_SPAN
        largest = largest_strength(objective)
        grid = GrowingGrid.geometric(largest, int(self.strengths), span=span)
        return grid, replace(objective, penalty=penalty(largest))

    def _adopt_scores(self, strengths: Array, grid: Grid, table: ScoreTable) -> int:
        """Set the attributes of the search; the index of the strength that the rule chooses."""
        mean = table.mean
        if not np.isfinite(mean).any():
            raise ValueError(
                f"scoring={self.scoring!r} gives no finite number at any strength; choose another."
            )
        best = best_of(mean, table.tie_breaker)
        if self.rule == "one_standard_error":
            if not np.isfinite(table.error[best]):
                raise ValueError(
                    "rule='one_standard_error' has no standard error: one set of held-out rows has "
                    "one for scoring='accuracy', 'log_loss' or 'loss' alone; "
                    "use these, or folds."
                )
            best = one_standard_error_of(mean, table.error, table.tie_breaker)
        missing = len(strengths) - len(mean)
        self.strengths_ = strengths
        self.best_index_ = best
        self.strength_ = float(grid.strengths[best])
        self.scores_ = np.pad(table.scores, ((0, missing), (0, 0)), constant_values=np.nan)
        self.cv_results_ = results_table(strengths, grid, table)
        return best

    def _refined(self, grid: Grid, best: int, objective: Objective, choice: Choice) -> Result:
        """The result of the fit to all rows at the chosen strength, solved to the tolerance."""
        result = replace(grid.result_of_all_rows(best), seconds=grid.seconds)
        if grid.interrupted:
            return replace(result, reason=Reason.INTERRUPTED)
        at_zero = objective.chance_value
        scale = max(float(result.loss[0]), LEAST_LOSS * at_zero)
        gap = float(result.gap[0])
        if gap <= self.tol * scale:  # whatever ended the folds
            return replace(result, reason=Reason.CERTIFIED)
        if objective.loss.smooth or gap > KINKED_TOL * scale:
            return result
        refined = minimize(
            objective,
            choice.optimizer,
            result.W,
            tol=self.tol,
            max_passes=self.max_passes,
            callbacks=self.callbacks,
            progress=self.verbose >= 0,
        )
        return replace(refined, seconds=grid.seconds + refined.seconds)

    @property
    def held_out_decision_function_(self) -> Array:
        """Scores of each row by classifiers that were not fitted on it; nan where there are none.

        >>> from sklearn.datasets import load_iris
        >>> search = LinearClassifierCV(strengths=[0.1, 0.01]).fit(*load_iris(return_X_y=True))
        >>> search.held_out_decision_function_.shape, search.held_out_probabilities_.shape
        ((150, 3), (150, 3))
        """
        check_is_fitted(self)
        return self.held_out_scores_.decision_function

    @property
    def held_out_probabilities_(self) -> Array:
        """Probabilities of the same rows (N, C); AttributeError where the loss gives none."""
        check_is_fitted(self)
        has_probabilities(self)
        return self.held_out_scores_.probabilities(make_loss(self.loss), self.calibration_)

    @property
    def classifier_(self) -> LinearClassifier:
        """The fitted classifier without the search: a `LinearClassifier` of the chosen strength."""
        check_is_fitted(self)
        classifier = self._classifier_of(self.strength_)
        for name in vars(self).keys() - self.get_params(deep=False).keys() - set(SEARCH):
            setattr(classifier, name, getattr(self, name))
        return classifier

    def _classifier_of(self, strength: float) -> LinearClassifier:
        """The classifier of a strength, not fitted, with the features of the search."""
        classifier = LinearClassifier()
        own = self.get_params(deep=False)
        names = classifier.get_params(deep=False)
        options = {name: value for name, value in own.items() if name in names}
        if isinstance(self.penalty, str):
            options["strength"] = strength
        else:
            options["penalty"] = penalty_by_strength(self.penalty)(strength)
        classifier.set_params(**options)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(classifier, name, getattr(self, name))
        return classifier

    def plot_validation(self, ax: Any = None) -> Any:
        """Draw a `halfspaces.plots.ValidationCurveDisplay` of this search; returns its Axes."""
        import halfspaces  # pictures stand above classifiers: this is one of the package's users

        check_is_fitted(self)
        return halfspaces.plots.ValidationCurveDisplay.from_estimator(self).plot(ax).ax_

    def _html_repr(self) -> str:
        """scikit-learn's diagram and, after `fit`, the table of the search below it."""
        diagram = super()._html_repr()
        if not hasattr(self, "cv_results_"):
            return diagram
        return diagram + results_as_html(self.cv_results_, self.best_index_)

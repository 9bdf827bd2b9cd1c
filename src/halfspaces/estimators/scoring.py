"""Scoring held-out rows: accuracy, log-loss, the training loss, any scorer of scikit-learn."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names

from halfspaces.estimators.base import labels_of, probabilities
from halfspaces.estimators.calibration import Calibration
from halfspaces.losses.base import Loss
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.support.validation import nearest

OWN_SCORERS = ("accuracy", "log_loss", "loss")

Scorer = str | Callable[..., Any]


class Score(NamedTuple):
    """A score, higher is better, and its standard error among the examples, nan if unknown."""

    score: float
    error: float


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows that a fold leaves out, and the weights that the caller gave them, (n,) or None."""

    blocks: Blocks
    weight: Array | None

    @property
    def y(self) -> Array:
        """Classes, 0 to C−1, (n,)."""
        return self.blocks.labels()

    @property
    def X(self) -> Any:
        """A copy of the rows."""
        X: Any = self.blocks.X
        return X if self.blocks.index is None else X[self.blocks.index]


class FittedView(ClassifierMixin, BaseEstimator):
    """A fitted classifier as a scorer sees it, with the scores of the held-out rows at hand.

    Its methods ignore the rows that they are given: they answer for the held-out rows.
    """

    def __init__(
        self, scores: Array, classes: Array, loss: Loss, calibration: Calibration | None = None
    ) -> None:
        self.scores = scores
        self.classes = classes
        self.loss = loss
        self.calibration = calibration

    @property
    def classes_(self) -> Array:
        """Labels (C,)."""
        return self.classes

    def decision_function(self, X: Any) -> Array:
        """Scores (n, C), or for two classes their difference (n,)."""
        return self.scores[:, 1] - self.scores[:, 0] if len(self.classes) == 2 else self.scores

    def predict(self, X: Any) -> Array:
        """Classes of the largest scores."""
        return labels_of(self.decision_function(X), self.classes_)

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (n, C)."""
        check_probabilities(self.loss, self.calibration, "scoring")
        return probabilities(self.decision_function(X), self.loss, self.calibration)


def check_probabilities(loss: Loss, calibration: Any, what: str) -> None:
    """Raise if neither the loss nor a calibration gives probabilities."""
    if calibration is None and loss.probability is None:
        raise ValueError(
            f"{what} needs probabilities, which {loss!r} does not give; "
            "set calibrate='temperature' or 'sigmoid', or use loss='softmax'."
        )


def make_scorer(scoring: Any) -> Scorer:
    """The name of one of `OWN_SCORERS`, or a callable (estimator, X, y)."""
    if isinstance(scoring, str) and scoring in OWN_SCORERS:
        return scoring
    if isinstance(scoring, str):
        if scoring not in get_scorer_names():
            known = {*OWN_SCORERS, *get_scorer_names()}
            raise ValueError(f"scoring={scoring!r} is not known: {nearest(scoring, known)}")
        return get_scorer(scoring)
    if not callable(scoring):
        raise TypeError(f"scoring must be a name or a callable (estimator, X, y), got {scoring!r}.")
    return scoring


def score(scorer: Scorer, view: FittedView, held_out: HeldOut) -> Score:
    """The score of the held-out rows."""
    if scorer == "accuracy":
        right = (view.predict(None) == view.classes_[held_out.y]) * 1.0
        return _mean(right, held_out.weight)
    if scorer == "loss":
        losses = view.loss.value_and_grad(view.scores.astype(np.float64), held_out.y)[0]
        return _mean(-losses, held_out.blocks.weights())
    if scorer == "log_loss":
        rows = np.arange(len(held_out.y))
        p = view.predict_proba(None)[rows, held_out.y].astype(np.float64)
        return _mean(np.log(np.maximum(p, np.finfo(view.scores.dtype).tiny)), held_out.weight)
    assert callable(scorer)
    return Score(_called(scorer, view, held_out), np.nan)


def _called(scorer: Callable[..., Any], view: FittedView, held_out: HeldOut) -> float:
    """The number that a callable gives; nan, which is no score, where it is not finite."""
    y = view.classes_[held_out.y]
    metric = getattr(scorer, "_score_func", None)  # of a scorer of scikit-learn
    if metric is None:  # the caller's own, which may look at the rows
        given = scorer(view, held_out.X, y)
    else:
        weighted = "sample_weight" in inspect.signature(metric).parameters
        use = weighted and held_out.weight is not None
        options = {"sample_weight": held_out.weight} if use else {}
        given = scorer(view, np.arange(len(y))[:, None], y, **options)
    if np.ndim(given) > 0 or np.asarray(given).dtype.kind not in "biuf":
        raise TypeError(f"scoring={scorer!r} must give a number, got {given!r}.")
    return float(given) if np.isfinite(given) else np.nan


def _mean(values: Array, weight: Array | None) -> Score:
    given = np.ones(len(values)) if weight is None else weight
    share = given / given.max()  # sums and squares of 1e300 would overflow
    total = share.sum()
    mean = float(share @ values / total)
    error = float(np.sqrt(np.sum((share * (values - mean)) ** 2)) / total)
    return Score(mean, error)


def standard_error(scores: Array, errors: Array) -> Array:
    """Standard error (S,) of the mean over folds of the scores (S, F).

    From the spread of the folds; for one fold, its error among the examples, `errors` (S, 1).
    """
    folds = scores.shape[1]
    return np.std(scores, axis=1, ddof=1) / np.sqrt(folds) if folds > 1 else errors[:, 0]

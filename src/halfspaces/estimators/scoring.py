"""What held-out scores are worth: accuracy, log-loss, the loss itself, any scorer of scikit-learn."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names

from halfspaces.estimators.base import labels_of, probabilities
from halfspaces.estimators.calibration import Calibration
from halfspaces.losses.base import Loss
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.support.validation import nearest

OWN = ("accuracy", "log_loss", "loss")


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows that a fold left out, and the weights that the caller gave them, (n,) or None."""

    blocks: Blocks
    weight: Array | None

    @property
    def y(self) -> Array:
        """Classes, 0 to C−1, (n,)."""
        return self.blocks.labels()

    @property
    def X(self) -> Any:
        """The rows themselves, copied."""
        X: Any = self.blocks.X
        return X if self.blocks.index is None else X[self.blocks.index]


class FittedView(ClassifierMixin, BaseEstimator):
    """A fitted classifier as a scorer sees it, whose scores of the held-out rows are known already.

    Whatever rows its methods are given, they answer for the held-out ones.
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
    """Raise if there are none."""
    if calibration is None and loss.probability is None:
        raise ValueError(
            f"{what} needs probabilities, which {loss!r} does not give; set calibrate='temperature' or 'sigmoid', or "
            "use loss='softmax'."
        )


def make_scorer(scoring: Any) -> str | Callable[..., Any]:
    """One of our own by its name, or a scorer of scikit-learn."""
    if isinstance(scoring, str) and scoring in OWN:
        return scoring
    if isinstance(scoring, str):
        if scoring not in get_scorer_names():
            raise ValueError(
                f"scoring={scoring!r} is not known: {nearest(scoring, {*OWN, *get_scorer_names()})}"
            )
        return get_scorer(scoring)
    if not callable(scoring):
        raise TypeError(f"scoring must be a name or a callable (estimator, X, y), got {scoring!r}.")
    return scoring


def score(scorer: Any, view: FittedView, held: HeldOut) -> tuple[float, float]:
    """The score, higher is better, and its standard error from the spread among examples, nan where that is unknown."""
    if scorer == "accuracy":
        return _mean((view.predict(None) == view.classes_[held.y]) * 1.0, held.weight)
    if scorer == "loss":
        losses = view.loss.value_and_grad(view.scores.astype(np.float64), held.y)[0]
        return _mean(-losses, held.blocks.weights())
    if scorer == "log_loss":
        p = view.predict_proba(None)[np.arange(len(held.y)), held.y].astype(np.float64)
        return _mean(np.log(np.maximum(p, np.finfo(view.scores.dtype).tiny)), held.weight)
    y, options = view.classes_[held.y], {}
    own_function = getattr(scorer, "_score_func", None)
    if own_function is None:  # a callable of the caller's, which may look at the rows
        return _number(scorer, scorer(view, held.X, y)), np.nan
    if held.weight is not None and "sample_weight" in inspect.signature(own_function).parameters:
        options["sample_weight"] = held.weight
    return _number(scorer, scorer(view, np.arange(len(y))[:, None], y, **options)), np.nan


def _number(scorer: Any, told: Any) -> float:
    """What a scorer told; nan, which is no score, where it is not finite."""
    if np.ndim(told) > 0 or np.asarray(told).dtype.kind not in "biuf":
        raise TypeError(f"scoring={scorer!r} must give a number, got {told!r}.")
    return float(told) if np.isfinite(told) else np.nan


def _mean(values: Array, weight: Array | None) -> tuple[float, float]:
    weight = np.ones(len(values)) if weight is None else weight
    total = weight.sum()
    mean = float(weight @ values / total)
    return mean, float(np.sqrt(np.sum((weight * (values - mean)) ** 2)) / total)


def standard_error(scores: Array, among_examples: Array) -> Array:
    """Of the mean over folds (S, F): from their spread; for one fold, from the spread among its examples."""
    folds = scores.shape[1]
    return np.std(scores, axis=1, ddof=1) / np.sqrt(folds) if folds > 1 else among_examples[:, 0]

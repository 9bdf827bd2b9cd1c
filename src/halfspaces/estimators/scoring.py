"""Scoring held-out rows: accuracy, log-loss, the training loss, any scorer of scikit-learn."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.metaestimators import available_if

from halfspaces.estimators.base import probabilities, winners
from halfspaces.estimators.calibration import Calibration
from halfspaces.estimators.held_out import HeldOut
from halfspaces.estimators.metrics.intervals import Z, wilson
from halfspaces.loop.run import LEAST_LOSS
from halfspaces.losses.base import Loss
from halfspaces.support.types import Array
from halfspaces.system.names import nearest

OWN_SCORERS = ("accuracy", "log_loss", "loss")
ROWS = object()  # stands for the held-out rows where nobody looks at them

Scorer = str | Callable[..., Any]


class Score(NamedTuple):
    """A score, higher is better, and its standard error among the examples, nan if unknown."""

    score: float
    error: float


def _has_probabilities(view: "HeldOutAnswers") -> bool:
    return view.calibration is not None or view.loss.probability is not None


class HeldOutAnswers(ClassifierMixin, BaseEstimator):
    """A fitted classifier's answers for held-out rows, for the metrics of scikit-learn's scorers.

    Such a scorer passes on the rows that it is given and looks at the answers alone, so the rows
    need no copy: the one thing it may ask about is `ROWS`.
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
        assert X is ROWS
        return self.scores[:, 1] - self.scores[:, 0] if len(self.classes) == 2 else self.scores

    def predict(self, X: Any) -> Array:
        """Classes of the largest scores, or calibrated probabilities."""
        return self.classes_[winners(self.decision_function(X), self.loss, self.calibration)]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Probabilities (n, C)."""
        return probabilities(self.decision_function(X), self.loss, self.calibration)


def check_probabilities(loss: Loss, calibration: Any, what: str) -> None:
    """Raise if neither the loss nor a calibration gives probabilities."""
    if calibration is None and loss.probability is None:
        raise ValueError(
            f"{what} needs probabilities, which {loss!r} does not give; "
            "set calibrate='temperature' or 'sigmoid', or use loss='softmax'."
        )


def make_scorer(scoring: Any, called: str = "scoring=") -> Scorer:
    """The name of one of `OWN_SCORERS`, or a callable (estimator, X, y).

    `called` is the parameter's name in messages.
    """
    if isinstance(scoring, str) and scoring in OWN_SCORERS:
        return scoring
    if isinstance(scoring, str):
        if scoring not in get_scorer_names():
            known = {*OWN_SCORERS, *get_scorer_names()}
            raise ValueError(f"{called}{scoring!r} is not known: {nearest(scoring, known)}")
        return get_scorer(scoring)
    if not callable(scoring):
        raise TypeError(f"scoring must be a name or a callable (estimator, X, y), got {scoring!r}.")
    return scoring


def score_name(scoring: Any) -> str:
    """What a score is called in pictures and tables.

    >>> score_name("log_loss"), score_name("balanced_accuracy")
    ('log-loss, negative', 'balanced accuracy')
    """
    if scoring in ("log_loss", "loss"):
        return f"{scoring.replace('_', '-')}, negative"
    return scoring.replace("_", " ") if isinstance(scoring, str) else "score"


def of_answers(scorer: Scorer) -> bool:
    """Whether a scorer needs the classifier's answers for the held-out rows alone.

    Our own and scikit-learn's do; any other callable may look at the rows and the classifier.
    """
    return isinstance(scorer, str) or type(scorer) is type(get_scorer("accuracy"))


def score_answers(scorer: Scorer, answers: HeldOutAnswers, held_out: HeldOut) -> Score:
    """The score of the answers for the held-out rows."""
    if scorer == "accuracy":
        right = (answers.predict(ROWS) == answers.classes_[held_out.y]) * 1.0
        return _mean(right, held_out.weight)
    if scorer == "loss":
        losses = answers.loss.value_and_grad(answers.scores.astype(np.float64), held_out.y)[0]
        return _mean(-losses, held_out.blocks.weights())
    if scorer == "log_loss":
        rows = np.arange(len(held_out.y))
        p = answers.predict_proba(ROWS)[rows, held_out.y].astype(np.float64)
        return _mean(np.log(np.maximum(p, np.finfo(answers.scores.dtype).tiny)), held_out.weight)
    assert callable(scorer)
    try:
        return _called(scorer, answers, ROWS, held_out)
    except AttributeError:  # scikit-learn's, of a classifier without predict_proba
        check_probabilities(answers.loss, answers.calibration, "scoring")
        raise


def tie_breaker(answers: HeldOutAnswers, held_out: HeldOut) -> float:
    """What decides between equal scores: the negative log-loss, without a calibration.

    It is the loss itself where there are no probabilities. Values within 0.001 of that at W = 0 are
    equal: solutions are no more exact.
    """
    plain = HeldOutAnswers(answers.scores, answers.classes, answers.loss)
    n_classes = len(answers.classes)
    if answers.loss.probability is None:
        value = score_answers("loss", plain, held_out).score
        return min(value, -LEAST_LOSS * answers.loss.chance_value(n_classes))
    value = score_answers("log_loss", plain, held_out).score
    return min(value, -LEAST_LOSS * float(np.log(n_classes)))


def score_classifier(scorer: Callable[..., Any], classifier: Any, held_out: HeldOut) -> Score:
    """What a callable (estimator, X, y) gives for a fitted classifier and the held-out rows."""
    return _called(scorer, classifier, held_out.X, held_out)


def _called(scorer: Callable[..., Any], classifier: Any, X: Any, held_out: HeldOut) -> Score:
    """The number that a callable gives; nan, which is no score, where it is not finite."""
    weighted = held_out.weight is not None and _takes_weights(scorer)
    options = {"sample_weight": held_out.weight} if weighted else {}
    given = scorer(classifier, X, classifier.classes_[held_out.y], **options)
    if np.ndim(given) > 0 or np.asarray(given).dtype.kind not in "biuf":
        raise TypeError(f"scoring={scorer!r} must give a number, got {given!r}.")
    return Score(float(given) if np.isfinite(given) else np.nan, np.nan)


def _takes_weights(scorer: Callable[..., Any]) -> bool:
    """What the scorer requested of metadata routing; else whether the metric has such a parameter.

    Without a request a callable of the caller's own takes none.
    """
    request = get_routing_for_object(scorer).score.requests.get("sample_weight")
    if request is not None:
        return request is True or request == "sample_weight"
    metric = getattr(scorer, "_score_func", None)  # of a scorer of scikit-learn
    return metric is not None and "sample_weight" in inspect.signature(metric).parameters


def _mean(values: Array, weight: Array | None) -> Score:
    given = np.ones(len(values)) if weight is None else weight
    share = given / given.max()  # sums and squares of 1e300 would overflow
    total = share.sum()
    mean = float(share @ values / total)
    error = float(np.sqrt(np.sum((share * (values - mean)) ** 2)) / total)
    return Score(mean, error)


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """The scores of S strengths in F folds, and what they say of the mean.

    Parameters
    ----------
    scores : array, shape (S, F)
    error : array, shape (S,)
        The standard error of the mean.
    tie_breaker : array, shape (S,)
        Decides between equal means; higher is better.
    low, high : array, shape (S,)
        A 95 % interval of the mean; nan if nothing is known of it.
    """

    scores: Array
    error: Array
    tie_breaker: Array
    low: Array
    high: Array

    @property
    def mean(self) -> Array:
        """The mean over the folds (S,)."""
        return self.scores.mean(axis=1)

    @classmethod
    def of(
        cls, scorer: Scorer, scores: Array, errors: Array, tie_breakers: Array, n_rows: float
    ) -> Self:
        """The table of scores, their errors among examples and their tie-breakers, each (S, F).

        `n_rows` is the number of rows that the folds hold out, each counted once.
        """
        error = standard_error(scores, errors)
        mean = scores.mean(axis=1)
        low, high = interval(scorer, mean, error, n_rows)
        return cls(scores, error, tie_breakers.mean(axis=1), low, high)


def interval(scorer: Scorer, mean: Array, error: Array, n_rows: float) -> tuple[Array, Array]:
    """A 95 % interval of mean scores: Wilson's for accuracies, else mean ± 1.96 standard errors.

    >>> low, high = interval("accuracy", np.array([1.0]), np.array([0.0]), 20)
    >>> f"{low[0]:.3f} {high[0]:.3f}"
    '0.839 1.000'
    """
    if scorer == "accuracy":
        return wilson(mean, n_rows)
    half = np.where(error > 0, Z * error, np.nan)  # scores without any spread tell of no error
    return mean - half, mean + half


def distinct_rows(held_out: Sequence[HeldOut]) -> float:
    """The number of rows that are held out, each counted once: (Σ w)²/Σ w² if they have weights."""
    weights: dict[int, float] = {}
    for part in held_out:
        index = np.arange(len(part.y)) if part.blocks.index is None else part.blocks.index
        weight = np.ones(len(part.y)) if part.weight is None else part.weight
        weights |= dict(zip(index.tolist(), weight.tolist(), strict=True))
    share = np.array(list(weights.values()))
    share /= share.max()
    return float(share.sum() ** 2 / (share @ share))


def standard_error(scores: Array, errors: Array) -> Array:
    """Standard error (S,) of the mean over folds of the scores (S, F).

    From the spread of the folds; for one fold, its error among the examples, `errors` (S, 1).
    """
    folds = scores.shape[1]
    return np.std(scores, axis=1, ddof=1) / np.sqrt(folds) if folds > 1 else errors[:, 0]

"""The figures of a classifier on rows with labels."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from halfspaces.estimators.base import ScoreModel
from halfspaces.estimators.metrics.answers import TOP, Answers, answers_of, subset
from halfspaces.estimators.metrics.calibration_error import calibration_error
from halfspaces.estimators.metrics.confusion import Confused, Confusion
from halfspaces.estimators.metrics.intervals import (
    Figure,
    Shares,
    of_mean,
    of_share,
)
from halfspaces.estimators.metrics.ranking import average_precision, roc_auc

NO_PROBABILITIES = "the loss gives no probabilities"
ONE_KIND = "rows of both classes are needed"


@dataclass(frozen=True)
class OfClass:
    """How well one class is found.

    Parameters
    ----------
    label : object
    rows : float
        Rows of the class, or the sum of their weights.
    recall : Figure or None
        The part of its rows that is found; None where there is none.
    precision : Figure or None
        The part of the rows predicted to be of it that are; None where there is none.
    f1 : Figure or None
        Their harmonic mean; None where neither is known.
    """

    label: Any
    rows: float
    recall: Figure | None
    precision: Figure | None
    f1: Figure | None


@dataclass(frozen=True, eq=False)
class Figures:
    """The figures of a classifier, each with a 95 % interval.

    Parameters
    ----------
    rows : int
    rows_unknown : int
        Rows whose label the classifier does not know: they count as wrong, and the figures of
        probabilities and rankings are of the other rows.
    figures : mapping
        By name: accuracy, balanced_accuracy, macro_f1; top_5_accuracy of more than five classes;
        log_loss and calibration_error of losses with probabilities; roc_auc and average_precision
        of two classes, where the second is the positive one.
    left_out : mapping
        Why a figure is missing, by name.
    classes : tuple of OfClass
        Those that are present or predicted.
    confusion : Confusion
        Of all rows: `confusion.matrix` is the table, `labels` has its classes.
    labels : array, shape (K,)
    """

    rows: int
    rows_unknown: int
    figures: Mapping[str, Figure]
    left_out: Mapping[str, str]
    classes: tuple[OfClass, ...]
    confusion: Confusion
    labels: Any

    def __getitem__(self, name: str) -> Figure:
        return self.figures[name]

    def __str__(self) -> str:
        return "\n".join(f"{name:<17} {figure}" for name, figure in self.figures.items())

    def most_confused(self, most: int = 10) -> list[Confused]:
        """The pairs of classes, as positions in `labels`, that are most often confused."""
        return self.confusion.most_frequent(most)

    def to_dict(self, name: Callable[[Any], object] = lambda label: label) -> dict[str, Any]:
        """The figures in types of JSON; `name` gives what a label is called."""
        labels = [name(label) for label in self.labels.tolist()]
        return {
            "rows": self.rows,
            "rows_unknown": self.rows_unknown,
            "figures": {name: asdict(figure) for name, figure in self.figures.items()},
            "left_out": dict(self.left_out),
            "classes": [{**asdict(each), "label": name(each.label)} for each in self.classes],
            "confused": [
                {**pair._asdict(), "true": labels[pair.true], "predicted": labels[pair.predicted]}
                for pair in self.most_confused()
            ],
        }


def evaluate(classifier: Any, X: Any, y: Any, sample_weight: Any = None) -> Figures:
    """The figures of a fitted classifier on rows with labels, each with a 95 % interval.

    Values are those of scikit-learn's metrics. Intervals are Wilson's for shares of rows (accuracy,
    top 5, recall, precision, F1 of a class), and come from the variance of the infinitesimal
    jackknife for the others, see `halfspaces.estimators.metrics`. Scores are computed once, block
    by block.

    Parameters
    ----------
    classifier : LinearClassifier, LinearClassifierCV or NetworkClassifier
        Fitted.
    X, y : array
        Rows that it was not fitted on, and their labels.
    sample_weight : array, shape (N,), or None
        Intervals are those of (Σ w)²/Σ w² rows.

    Returns
    -------
    Figures

    Raises
    ------
    TypeError
        For another classifier.
    ValueError
        As `predict`; for labels or weights that are not one a row.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.01).fit(X[:1000], y[:1000])
    >>> figures = evaluate(classifier, X[1000:], y[1000:])
    >>> print(figures["accuracy"])
    0.9... (0.9... to 0.9...)
    >>> sorted(figures.figures)
    ['accuracy', 'balanced_accuracy', 'calibration_error', 'log_loss', 'macro_f1', 'top_5_accuracy']
    """
    if not isinstance(classifier, ScoreModel):
        name = type(classifier).__name__
        raise TypeError(
            f"evaluate takes a classifier of halfspaces, got {name}; of a pipeline give its last "
            "step and its rows."
        )
    return figures_of(answers_of(classifier, X, y, sample_weight))


def figures_of(answers: Answers) -> Figures:
    """The figures of answers."""
    confusion = Confusion(answers.y, answers.predicted, answers.weight, len(answers.classes))
    figures = {
        "accuracy": of_share(answers.right, answers.weight),
        "balanced_accuracy": confusion.balanced_accuracy,
        "macro_f1": confusion.macro_f1,
    }
    if answers.in_top is not None:
        figures[f"top_{TOP}_accuracy"] = of_share(answers.in_top, answers.weight)
    left_out: dict[str, str] = {}
    known = answers if answers.known.all() else subset(answers, answers.known)
    _add_probabilities(known, figures, left_out)
    _add_rankings(known, figures, left_out)
    return Figures(
        rows=len(answers.y),
        rows_unknown=int(np.count_nonzero(~answers.known)),
        figures=figures,
        left_out=left_out,
        classes=_classes(answers, confusion),
        confusion=confusion,
        labels=answers.classes,
    )


def _add_probabilities(
    answers: Answers, figures: dict[str, Figure], left_out: dict[str, str]
) -> None:
    if answers.log_loss is None or answers.confidence is None:
        left_out |= dict.fromkeys(("log_loss", "calibration_error"), NO_PROBABILITIES)
        return
    figures["log_loss"] = of_mean(answers.log_loss, answers.weight)
    figures["calibration_error"] = calibration_error(
        answers.confidence, answers.right, answers.weight
    )


def _add_rankings(answers: Answers, figures: dict[str, Figure], left_out: dict[str, str]) -> None:
    if answers.score is None:
        return
    positive = answers.y == 1
    names = {"roc_auc": roc_auc, "average_precision": average_precision}
    if positive.all() or not positive.any():
        left_out |= dict.fromkeys(names, ONE_KIND)
        return
    for name, area in names.items():
        figures[name] = area(answers.score, positive, answers.weight)


def _classes(answers: Answers, confusion: Confusion) -> tuple[OfClass, ...]:
    seen = np.flatnonzero(confusion.support + confusion.taken)
    labels = answers.classes.tolist()
    return tuple(
        OfClass(
            labels[each],
            float(confusion.support[each]),
            _figure(confusion.recall, each),
            _figure(confusion.precision, each),
            _figure(confusion.f1, each),
        )
        for each in seen.tolist()
    )


def _figure(shares: Shares, place: int) -> Figure | None:
    ends = [float(each[place]) for each in shares]
    return Figure(*ends) if np.isfinite(ends[0]) else None

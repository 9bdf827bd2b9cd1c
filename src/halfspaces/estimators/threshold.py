"""The threshold between two classes, chosen on held-out scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.names import check_name


class _Counts(NamedTuple):
    """Σ w of rows predicted to be of the second class that are, and are not, at each threshold.

    `positive` and `negative` are those of all rows.
    """

    true: Array
    false: Array
    positive: float
    negative: float

    @property
    def recall(self) -> Array:
        """The part of the positive rows that is found."""
        return self.true / self.positive

    @property
    def precision(self) -> Array:
        """The part of the predicted rows that is positive; 0 where none is predicted."""
        predicted = self.true + self.false
        return self.true / np.where(predicted > 0, predicted, 1.0)


def _accuracy(counts: _Counts) -> Array:
    right = counts.true + counts.negative - counts.false
    return right / (counts.positive + counts.negative)


def _balanced_accuracy(counts: _Counts) -> Array:
    return (counts.recall + 1 - counts.false / counts.negative) / 2


def _f1(counts: _Counts) -> Array:
    return 2 * counts.true / (counts.true + counts.false + counts.positive)


METRICS: dict[str, Callable[[_Counts], Array]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
}
BOUNDS = ("precision", "recall")
RULES = (*METRICS, *BOUNDS)


def check_rule(rule: str, called: str = "threshold") -> None:
    """Raise ValueError unless a rule is a metric, or a bound such as "recall=0.9".

    >>> check_rule("recall=0.9")
    >>> check_rule("recall")
    Traceback (most recent call last):
    ValueError: threshold='recall' needs the least value: recall=0.9, for example.
    """
    name, _, text = rule.partition("=")
    check_name(called, name, RULES)
    if name in METRICS and text:
        raise ValueError(
            f"{called}={rule!r} has a value, which {name} does not take; leave it out."
        )
    if name in BOUNDS and not text:
        raise ValueError(f"{called}={rule!r} needs the least value: {name}=0.9, for example.")
    if name in BOUNDS:
        try:
            bound = float(text)
        except ValueError:
            raise ValueError(
                f"{called}={rule!r} needs a number: {name}=0.9, for example."
            ) from None
        check_number(f"The value in {called}={rule!r}", bound, above=0)
        check_number(f"The value in {called}={rule!r}", bound, below=1.0 + 1e-12)


def check_two_classes(rule: str, n_classes: int, called: str = "threshold") -> None:
    """Raise ValueError unless there are two classes."""
    if n_classes != 2:
        raise ValueError(
            f"{called}={rule!r} is for two classes, got {n_classes}; leave it out, or give all "
            "classes the same weight."
        )


@dataclass(frozen=True)
class Threshold:
    """The score above which the second of two classes is predicted.

    `fit` tries every threshold between two held-out scores s. A metric is maximized (accuracy,
    balanced_accuracy, which is where the ROC curve is farthest above the diagonal, or f1 of the
    second class). "precision=P" takes the largest recall whose precision is at least P, "recall=R"
    the largest precision whose recall is at least R. Of equal ones the threshold nearest to 0 is
    taken, where the larger score decides.

    Parameters
    ----------
    score : float
        Compared with the score of the second class minus that of the first.
    rule : str
    value : float
        What it reached on the held-out rows: the metric, or the other one of precision and recall.

    Examples
    --------
    >>> scores = np.array([-2.0, -1.0, -0.5, 0.5])
    >>> Threshold.fit(scores, np.array([0, 0, 1, 1]), None, "f1")
    Threshold(score=-0.75, rule='f1', value=1.0)
    """

    score: float
    rule: str
    value: float

    def __post_init__(self) -> None:
        check_number("Threshold(score=...)", self.score)
        check_number("Threshold(value=...)", self.value)
        check_rule(self.rule, "Threshold(rule)")

    def __str__(self) -> str:
        if self.rule in METRICS:
            return f"the largest {self.rule.replace('_', ' ')}, {self.value:.4g},"
        name = self.rule.partition("=")[0]
        other = "recall" if name == "precision" else "precision"
        return f"{self.rule.replace('=', ' of at least ')} with {other} {self.value:.4g}"

    @classmethod
    def fit(cls, scores: Array, y: Array, weight: Array | None, rule: str) -> Self:
        """The threshold of held-out scores.

        Parameters
        ----------
        scores : array, shape (N,)
            Of examples that the classifier was not fitted on: the second class minus the first.
        y : array of 0 and 1, shape (N,)
        weight : array, shape (N,), or None
        rule : str

        Raises
        ------
        ValueError
            For an unknown rule, rows of one class, and a precision that no threshold reaches.
        """
        check_rule(rule)
        weight = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
        values, index = np.unique(np.asarray(scores, np.float64), return_inverse=True)
        true = np.bincount(index, weight * (y == 1), minlength=len(values))
        false = np.bincount(index, weight * (y == 0), minlength=len(values))
        if not (true.any() and false.any()):
            raise ValueError(
                f"threshold={rule!r} needs held-out rows of both classes; hold out more."
            )
        # Below all, between each two, at the largest.
        between = (values[:-1] + values[1:]) / 2
        thresholds = np.concatenate([[np.nextafter(values[0], -np.inf)], between, values[-1:]])
        counts = _Counts(_above(true), _above(false), float(true.sum()), float(false.sum()))
        value = _value(counts, rule)
        best = np.flatnonzero(value >= value.max() - 1e-12)
        chosen = best[np.argmin(np.abs(thresholds[best]))]
        return cls(float(thresholds[chosen]), rule, float(value[chosen]))


def _above(sums: Array) -> Array:
    """The sums of the values above each threshold, (V + 1,)."""
    total = np.cumsum(sums[::-1])[::-1]
    return np.append(total, 0.0)


def _value(counts: _Counts, rule: str) -> Array:
    """What is maximized, −∞ where the bound is not kept."""
    name, _, text = rule.partition("=")
    if name in METRICS:
        return METRICS[name](counts)
    bounded, other = counts.precision, counts.recall
    if name == "recall":
        bounded, other = counts.recall, counts.precision
    kept = bounded >= float(text) - 1e-12
    if not kept.any():
        raise ValueError(
            f"threshold={rule!r} is not reached on the held-out rows, where the highest {name} is "
            f"{bounded.max():.3g}; ask for less."
        )
    return np.where(kept, other, -np.inf)

"""The scores of a probe, from labels and classifier scores; intervals of single runs, and of many.

Each score is a function of y, which holds positions of classes (n,), or 0 and 1 (n, L) where a row
may have several labels, and of the classifier's scores, (n, C) or (n, L).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from halfspaces.estimators.scoring import Z, wilson
from halfspaces.support.types import Array


class Value(NamedTuple):
    """A score and its 95 % interval, nan where none is known."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class ProbeScore:
    """A score of held-out rows.

    Parameters
    ----------
    words : str
        What it is called in tables.
    of : callable (y, scores) -> Value
    needs : callable (C) -> bool
        Whether it is one for this number of classes.
    """

    words: str
    of: Callable[[Array, Array], Value]
    needs: Callable[[int], bool] = lambda n_classes: True


def _alone(value: float) -> Value:
    return Value(float(value), np.nan, np.nan)


def _accuracy(y: Array, scores: Array) -> Value:
    right = float(np.mean(scores.argmax(axis=1) == y))
    return Value(right, *map(float, wilson(right, len(y))))


def _top_5(y: Array, scores: Array) -> Value:
    own = scores[np.arange(len(y)), y]
    right = float(np.mean((scores > own[:, None]).sum(axis=1) < 5))
    return Value(right, *map(float, wilson(right, len(y))))


def _mean_per_class(y: Array, scores: Array) -> Value:
    """The mean of the recalls, whose errors are those of independent proportions."""
    right = scores.argmax(axis=1) == y
    count = np.bincount(y, minlength=scores.shape[1])
    present = count > 0
    recall = np.bincount(y, right, minlength=scores.shape[1])[present] / count[present]
    variance = recall * (1 - recall) / count[present]
    mean = float(recall.mean())
    half = Z * float(np.sqrt(variance.sum())) / len(recall)
    return Value(mean, max(mean - half, 0.0), min(mean + half, 1.0))


def _f1(average: str) -> Callable[[Array, Array], Value]:
    def score(y: Array, scores: Array) -> Value:
        from sklearn.metrics import f1_score

        predicted = scores.argmax(axis=1) if y.ndim == 1 else (scores > 0).astype(int)
        options: dict[str, Any] = {"average": average, "zero_division": 0.0}
        return _alone(f1_score(y, predicted, **options))

    return score


def _average_precision(y: Array, scores: Array) -> Value:
    """That of the predicted labels, not of the scores: as MTEB has it."""
    from sklearn.metrics import average_precision_score

    return _alone(average_precision_score(y, scores.argmax(axis=1)))


def _mean_average_precision(y: Array, scores: Array) -> Value:
    from sklearn.metrics import average_precision_score

    occurs = y.any(axis=0)
    if not occurs.any():
        return _alone(np.nan)
    return _alone(average_precision_score(y[:, occurs], scores[:, occurs], average="macro"))


SCORES: Mapping[str, ProbeScore] = MappingProxyType(
    {
        "accuracy": ProbeScore("accuracy", _accuracy),
        "top_5": ProbeScore("among the best 5", _top_5, lambda n_classes: n_classes > 5),
        "mean_per_class": ProbeScore("accuracy, mean of classes", _mean_per_class),
        "macro_f1": ProbeScore("F1, mean of classes", _f1("macro")),
        "average_precision": ProbeScore(
            "average precision", _average_precision, lambda n_classes: n_classes == 2
        ),
        "map": ProbeScore("average precision, mean of labels", _mean_average_precision),
        "label_f1": ProbeScore("F1 of all labels", _f1("micro")),
        "label_macro_f1": ProbeScore("F1, mean of labels", _f1("macro")),
    }
)
SEVERAL_LABELS = ("map", "label_f1", "label_macro_f1")  # where a row may have several labels


def of_runs(values: list[Value]) -> Value:
    """The mean of several runs, with Student's 95 % interval from their spread; of one, its own.

    m ± t₀.₉₇₅(n − 1) s/√n, within 0 and 1. Student, The probable error of a mean, 1908,
    https://doi.org/10.1093/biomet/6.1.1

    >>> runs = [Value(each, float("nan"), float("nan")) for each in (0.7, 0.8, 0.9)]
    >>> [round(end, 3) for end in of_runs(runs)]
    [0.8, 0.552, 1.0]
    """
    if len(values) == 1:
        return values[0]
    from scipy.stats import t

    means = np.array([value.mean for value in values])
    mean = float(means.mean())
    half = float(t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means)))
    return Value(mean, max(mean - half, 0.0), min(mean + half, 1.0))

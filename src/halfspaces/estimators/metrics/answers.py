"""A classifier's answers for rows with labels: a few numbers for each row, from one visit."""

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from halfspaces.engines import PartitionedRows
from halfspaces.engines.base import How, Pass
from halfspaces.estimators.base import ScoreModel, probabilities, winners
from halfspaces.estimators.checked_data import in_units
from halfspaces.estimators.components import make_loss
from halfspaces.estimators.given import examples_of, labels_of
from halfspaces.support.types import Array, Rows
from halfspaces.system.distinct import encoded
from halfspaces.system.progress import tracked

SCORES = 1 << 22  # scores of a block of rows
TOP = 5  # the classes with the largest scores, where there are more


class Labels(NamedTuple):
    """Labels as numbers: `y` (N,) into `classes`, of which the first are the classifier's."""

    y: Array
    classes: Array


@dataclass(frozen=True, eq=False)
class Answers:
    """What a classifier says of each row, and what is right; never N x C numbers.

    Parameters
    ----------
    classes : array, shape (K,)
        The classes of the classifier, then labels that it does not know.
    n_known : int
        The number of the classifier's classes.
    y, predicted : array, shape (N,)
        Positions in `classes`.
    weight : array, shape (N,)
    in_top : array of bool, shape (N,), or None
        Whether the right class is among the 5 of the largest scores; None without a sixth class.
    log_loss : array, shape (N,), or None
        −log p of the right class, infinite for unknown labels; None without probabilities.
    confidence : array, shape (N,), or None
        The probability of the predicted class.
    score : array, shape (N,), or None
        Of two classes: the score of the second minus that of the first.
    """

    classes: Array
    n_known: int
    y: Array
    predicted: Array
    weight: Array
    in_top: Array | None
    log_loss: Array | None
    confidence: Array | None
    score: Array | None

    @property
    def right(self) -> Array:
        """Whether each row is right (N,)."""
        return self.y == self.predicted

    @property
    def known(self) -> Array:
        """Whether the classifier knows the label of each row (N,)."""
        return self.y < self.n_known


def labels_for(classes: Array, y: Array) -> Labels:
    """The labels of rows as numbers.

    >>> labels_for(np.array(["cat", "dog"]), np.array(["dog", "eel", "cat"])).y.tolist()
    [1, 2, 0]
    """
    present, index = encoded(y)
    known = {label: number for number, label in enumerate(classes.tolist())}
    new = [label for label in present.tolist() if label not in known]
    known |= {label: len(classes) + number for number, label in enumerate(new)}
    numbers = np.array([known[label] for label in present.tolist()], dtype=np.intp)
    names = np.array([*classes.tolist(), *new], dtype=classes.dtype if not new else object)
    return Labels(numbers[index], names)


def answers_of(
    classifier: ScoreModel,
    X: Any,
    y: object,
    sample_weight: object = None,
    *,
    blocks: Iterable[range] | None = None,
) -> Answers:
    """The answers of a fitted classifier; its scores are computed once, block by block.

    Parameters
    ----------
    classifier : LinearClassifier, LinearClassifierCV or NetworkClassifier
    X : rows
        As of `predict`, or rows that are computed when slices of them are read.
    y : array, shape (N,)
        Labels; those that the classifier does not know count as wrong.
    sample_weight : array, shape (N,), or None
        Rows of weight 0 are left out.
    blocks : iterable of ranges, optional
        Rows that are scored together, in order; None chooses them. Rows on an engine are scored by
        its workers, a partition at a time.

    Raises
    ------
    ValueError, TypeError
        As `predict`; for labels or weights that are not one a row, and for no rows.
    """
    X, y = examples_of(X, y)
    given = labels_of("y", y)
    X = X if hasattr(X, "shape") else np.asarray(X)
    if len(given) != X.shape[0] or len(given) == 0:
        raise ValueError(
            f"y must have one label for each of {X.shape[0]} rows, at least one, got {len(given)}."
        )
    weight = _weights(sample_weight, len(given))
    labels = labels_for(classifier.classes_, given)
    if blocks is None:
        blocks = _blocks(classifier, len(given))
    if isinstance(X, PartitionedRows):
        parts = list(_parts_there(classifier, X, labels.y))
    else:
        parts = list(_parts(classifier, X, labels.y, blocks))
    answers = Answers(
        classes=labels.classes,
        n_known=len(classifier.classes_),
        y=labels.y,
        predicted=np.concatenate([part.predicted for part in parts]),
        weight=weight,
        in_top=_joined([part.in_top for part in parts]),
        log_loss=_joined([part.log_loss for part in parts]),
        confidence=_joined([part.confidence for part in parts]),
        score=_joined([part.score for part in parts]),
    )
    return answers if weight.all() else subset(answers, weight > 0)


def subset(answers: Answers, rows: Array) -> Answers:
    """The answers for some of the rows."""
    values = {each.name: getattr(answers, each.name) for each in fields(answers)}
    per_row = {name: value[rows] for name, value in values.items() if _is_per_row(name, value)}
    return Answers(**(values | per_row))


def _is_per_row(name: str, value: object) -> bool:
    return name not in ("classes", "n_known") and value is not None


class _Part(NamedTuple):
    """The answers for a block of rows."""

    predicted: Array
    in_top: Array | None
    log_loss: Array | None
    confidence: Array | None
    score: Array | None


def _parts(classifier: ScoreModel, X: Any, y: Array, blocks: Iterable[range]) -> Iterator[_Part]:
    has_probabilities = hasattr(classifier, "predict_proba")
    for rows in blocks:
        scores = classifier.decision_function(X[rows.start : rows.stop])
        yield _part(classifier, scores, y[rows.start : rows.stop], has_probabilities)


@dataclass(frozen=True, eq=False)
class _Answering(How):
    """What a worker does with a partition: the classifier answers."""

    classifier: ScoreModel

    def of(self, X: Any, y: Array, weight: Array | None, rows: Rows, first: int) -> list[_Part]:
        """The answers for each block of the partition."""
        return list(_parts(self.classifier, X, y, _blocks(self.classifier, len(y))))


def _parts_there(classifier: ScoreModel, X: PartitionedRows, y: Array) -> Iterator[_Part]:
    one_thread = copy(classifier).set_params(n_jobs=1)
    visits = Pass(X, y, None, X.parts(None), _Answering(one_thread))
    for parts in tracked(X.engine.results(visits), "", len(visits.parts), "partitions"):
        yield from parts


def _blocks(classifier: ScoreModel, n_rows: int) -> Iterator[range]:
    size = max(1, SCORES // len(classifier.classes_))
    return (range(at, min(at + size, n_rows)) for at in range(0, n_rows, size))


def _part(classifier: ScoreModel, scores: Array, y: Array, has_probabilities: bool) -> _Part:
    loss = make_loss(classifier.loss)
    scores = scores.astype(np.float64)
    two = scores.ndim == 1
    predicted = winners(scores, loss, classifier.calibration_, classifier.threshold_)
    in_top = None
    log_loss = None
    confidence = None
    if not two and scores.shape[1] > TOP:
        in_top = _among_the_largest(scores, y, TOP)
    if has_probabilities:
        p = probabilities(scores, loss, classifier.calibration_)
        rows = np.arange(len(y))
        known = y < p.shape[1]
        right = np.maximum(p[rows, np.where(known, y, 0)], np.finfo(np.float64).tiny)
        log_loss = np.where(known, -np.log(right), np.inf)
        confidence = p[rows, predicted]
    return _Part(predicted, in_top, log_loss, confidence, scores if two else None)


def _among_the_largest(scores: Array, y: Array, count: int) -> Array:
    """Whether the right class has one of the largest scores; of equal ones the last, as sklearn."""
    n_classes = scores.shape[1]
    known = y < n_classes
    own = np.take_along_axis(scores, np.where(known, y, 0)[:, None], axis=1)
    later = np.arange(n_classes) > y[:, None]
    ahead = np.count_nonzero((scores > own) | ((scores == own) & later), axis=1)
    return known & (ahead < count)


def _joined(parts: list[Array | None]) -> Array | None:
    held = [part for part in parts if part is not None]
    return np.concatenate(held) if held else None


def _weights(given: object, n_rows: int) -> Array:
    if given is None:
        return np.ones(n_rows)
    weight = np.asarray(given, dtype=np.float64)
    if weight.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must have one number for each of {n_rows} rows, got {weight.shape}."
        )
    return in_units(weight)[0]

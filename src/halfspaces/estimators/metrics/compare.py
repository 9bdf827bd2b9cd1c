"""Is the second of two classifiers better? Figures, and a sentence."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from halfspaces.estimators.metrics.answers import Answers
from halfspaces.estimators.metrics.intervals import Figure
from halfspaces.estimators.metrics.paired import LEVEL, Paired, holm, paired_accuracy, paired_mean


@dataclass(frozen=True)
class Comparison:
    """Two classifiers on the same rows.

    Parameters
    ----------
    first, second : str
        What they are called.
    accuracy : Paired
        Of the second minus the first.
    log_loss : Figure or None
        Of the second minus the first: below 0 the second is better. None where one of them gives no
        probabilities.
    p_value : float
        That of the accuracies, adjusted where more than two are compared.
    """

    first: str
    second: str
    accuracy: Paired
    log_loss: Figure | None
    p_value: float

    @property
    def verdict(self) -> str:
        """What the rows say, in a sentence.

        It follows McNemar's exact test at 5 %, which tells equal classifiers apart in at most 5 of
        100 sets of rows.
        """
        difference = self.accuracy.difference
        points = f"{100 * abs(difference.value):.2f} points"
        ends = f"{100 * difference.low:+.2f} to {100 * difference.high:+.2f}"
        better = self.second if difference.value > 0 else self.first
        worse = self.first if difference.value > 0 else self.second
        about = f"{self.second} − {self.first}: {ends} points, p = {self.p_value:.2g}"
        if self.p_value < LEVEL:
            return f"{better} is better than {worse} by {points} of accuracy ({about})."
        if difference.value == 0:
            return f"{self.first} and {self.second} get the same number of rows right ({about})."
        return f"{better} is ahead of {worse} by {points}, which may be chance ({about})."

    def to_dict(self) -> dict[str, Any]:
        """The comparison in types of JSON."""
        return {**asdict(self), "verdict": self.verdict}


def compare(first: Answers, second: Answers, names: tuple[str, str]) -> Comparison:
    """Two classifiers' answers for the same rows, in the same order.

    Log-losses are of the rows whose labels both know.

    Raises
    ------
    ValueError
        If the rows are not equally many.
    """
    if len(first.y) != len(second.y):
        raise ValueError(
            f"{names[0]} answers {len(first.y):,} rows and {names[1]} {len(second.y):,}; both must "
            "answer the same rows."
        )
    accuracy = paired_accuracy(first.right, second.right)
    log_loss = None
    known = first.known & second.known
    if first.log_loss is not None and second.log_loss is not None and known.any():
        log_loss = paired_mean(first.log_loss[known], second.log_loss[known])
    return Comparison(*names, accuracy, log_loss, accuracy.p_value)


def compare_all(answers: Sequence[Answers], names: Sequence[str]) -> list[Comparison]:
    """All pairs, with p-values adjusted (Holm) so that all verdicts together keep the level.

    >>> compare_all([], [])
    []
    """
    pairs = combinations(range(len(answers)), 2)
    found = [compare(answers[i], answers[j], (names[i], names[j])) for i, j in pairs]
    adjusted = holm([each.p_value for each in found])
    return [replace(each, p_value=p) for each, p in zip(found, adjusted, strict=True)]

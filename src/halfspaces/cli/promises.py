"""What `halfspaces predict` promises beside a label: sets of labels, and labels to accept."""

from dataclasses import dataclass

import numpy as np

from halfspaces.cli import report, screen
from halfspaces.estimators.base import ScoreModel, reliability_of
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class Promises:
    """The options --coverage, --by-class and --max-error.

    Parameters
    ----------
    coverage : float or None
        How often the set of a row holds the right label; None for no sets.
    by_class : bool
        Whether for the rows of each class.
    max_error : float or None
        The part of accepted labels that may be wrong; None if nothing is accepted or not.
    """

    coverage: float | None = None
    by_class: bool = False
    max_error: float | None = None

    def __bool__(self) -> bool:
        """Whether anything is promised."""
        return self.coverage is not None or self.max_error is not None

    def check(self, classifier: ScoreModel) -> None:
        """Raise ValueError for options out of range, and what held-out rows do not say."""
        if self.by_class and self.coverage is None:
            raise ValueError("--by-class belongs to --coverage; give --coverage 0.95, too.")
        for flag, value in (("--coverage", self.coverage), ("--max-error", self.max_error)):
            if value is not None:
                check_number(flag, value, above=0, below=1)
        if self.max_error is not None:
            found = reliability_of(classifier).acceptance.below(self.max_error)
            screen.note(
                f"accepted: labels with a probability of at least {found.threshold:.3g}, "
                f"{report.percent(found.share)} of the held-out rows, of which "
                f"{report.percent(found.error)} are wrong"
            )

    def columns(
        self, classifier: ScoreModel, probabilities: Array, names: list[str], predicted: Array
    ) -> dict[str, Array]:
        """The columns `set`, the likeliest label first, and `accepted`.

        `predicted` (N,) are the positions of the predicted labels.
        """
        reliability = reliability_of(classifier)
        columns: dict[str, Array] = {}
        if self.coverage is not None:
            sets = reliability.sets.of(probabilities, self.coverage, by_class=self.by_class)
            columns["set"] = _joined(sets, probabilities, names)
        if self.max_error is not None:
            threshold = reliability.acceptance.below(self.max_error).threshold
            of_predicted = probabilities[np.arange(len(predicted)), predicted]
            columns["accepted"] = of_predicted >= threshold
        return columns


NONE = Promises()


def _joined(sets: Array, probabilities: Array, names: list[str]) -> Array:
    """The names in each set (N,), as one text.

    >>> _joined(np.array([[True, False, True]]), np.array([[0.2, 0.1, 0.7]]), ["a", "b", "c"])
    array(['c | a'], dtype=object)
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    texts = [
        " | ".join(names[c] for c in row if held[c])
        for row, held in zip(order.tolist(), sets.tolist(), strict=True)
    ]
    return np.array(texts, dtype=object)

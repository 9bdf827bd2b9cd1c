"""The histogram of margins: how far the score of the true class is above the best other."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.plots.display import BLUE, RED, legend, number
from halfspaces.plots.sources import OfRows
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

BINS = 60
OUTER = 0.5  # percent of the margins that the ends of the axis leave out, each


def scores_of(estimator: "LinearModel", X: Array) -> Array:
    """Scores (N, C), also of two classes: minus and plus half the difference."""
    scores = np.asarray(estimator.decision_function(X), dtype=float)
    return scores if scores.ndim == 2 else np.stack([-scores / 2, scores / 2], axis=1)


def positions_of(estimator: "LinearModel", y: Array) -> Array:
    """The number of each label's class (N,); -1 for classes that the model does not know."""
    numbers = {label: position for position, label in enumerate(estimator.classes_.tolist())}
    return np.array([numbers.get(label, -1) for label in np.asarray(y).tolist()], dtype=np.intp)


def margins_of(scores: Array, labels: Array) -> Array:
    """s_y − max_{j≠y} s_j (N,), for scores (N, C) and class numbers (N,)."""
    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, labels] = -np.inf
    return scores[rows, labels] - others.max(axis=1)


@dataclass(eq=False)
class MarginsDisplay(OfRows):
    """How many rows have each margin s_y − max_{j≠y} s_j; below 0 the prediction is wrong.

    Parameters
    ----------
    margins : array, shape (N,)
    needed : float or None
        The margin above which a hinge loss is 0; it is marked.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> MarginsDisplay.from_estimator(classifier, X, y).margins.shape
    (150,)
    """

    kind: ClassVar[str] = "margins"
    margins: Array = field(repr=False)
    needed: float | None = None

    @classmethod
    def from_estimator(cls, estimator: "LinearModel", X: Array, y: Array) -> Self:
        """Of an estimator's scores of rows with labels; rows of unknown classes are left out."""
        from halfspaces.estimators.components import make_loss

        labels = positions_of(estimator, y)
        known = labels >= 0
        loss = make_loss(estimator.loss)
        needed = vars(loss).get("margin")
        return cls(margins_of(scores_of(estimator, X)[known], labels[known]), needed)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        wrong = int(np.sum(self.margins <= 0))
        median = number(float(np.median(self.margins)))
        return (
            f"Histogram of the margins of {len(self.margins):,} rows: {wrong:,} are not above 0, "
            f"which is wrong; the median is {median}."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        from matplotlib.ticker import MaxNLocator

        low, high = np.percentile(self.margins, [OUTER, 100 - OUTER])
        low, high = min(float(low), -1e-9), max(float(high), 1e-9)
        width = (high - low) / BINS
        edges = width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)  # 0 is an edge
        shown = np.clip(self.margins, edges[0], edges[-1])
        wrong = shown[self.margins <= 0]
        right = shown[self.margins > 0]
        ax.hist(right, edges, color=BLUE, label=f"right ({len(right):,})")
        ax.hist(
            wrong,
            edges,
            color="white",
            edgecolor=RED,
            hatch="////",
            label=f"wrong ({len(wrong):,})",
        )
        ax.axvline(0, color="black", lw=1)
        if self.needed is not None and self.needed < edges[-1]:
            ax.axvline(
                self.needed, color="black", lw=1, ls="--", label=f"Δ = {number(self.needed)}"
            )
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(xlabel="margin: score of the true class − best other score", ylabel="rows")
        legend(ax)

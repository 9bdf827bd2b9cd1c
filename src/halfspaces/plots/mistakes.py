"""The most confident mistakes: rows whose wrong class scores furthest above the true one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.plots.display import BLUE, RED, shortened
from halfspaces.plots.margins import margins_of, positions_of, scores_of
from halfspaces.plots.sources import OfRows
from halfspaces.plots.templates import draw_pictures
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

SHOWN = 20
ACROSS = 5
LONGEST = 14  # characters of a class


@dataclass(eq=False)
class MistakesDisplay(OfRows):
    """The mistakes with the smallest margins, the worst first: as images, or as bars for rows.

    The margin of a row is s_y − max_{j≠y} s_j: a mistake is a margin that is not above 0.

    Parameters
    ----------
    rows : array, shape (n,)
        Row numbers.
    margins : array, shape (n,)
    true, predicted : list of str
        Names of classes.
    images : array, shape (n, h, w) or (n, h, w, c), or None
    n_mistakes, n_rows : int
        Of all rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> display = MistakesDisplay.from_estimator(classifier, X, y, most=3)
    >>> len(display.rows), bool(display.margins[0] <= display.margins[1] <= 0)
    (3, True)
    """

    kind: ClassVar[str] = "mistakes"
    rows: Array
    margins: Array = field(repr=False)
    true: list[str]
    predicted: list[str]
    images: Array | None = field(repr=False)
    n_mistakes: int
    n_rows: int

    @classmethod
    def from_estimator(
        cls,
        estimator: "LinearModel",
        X: Array,
        y: Array,
        *,
        images: Array | None = None,
        class_names: Sequence[object] | None = None,
        most: int = SHOWN,
    ) -> Self:
        """Of an estimator's predictions; `images` are those of all rows, to be shown."""
        labels = positions_of(estimator, y)
        known = np.flatnonzero(labels >= 0)
        scores = scores_of(estimator, X)[known]
        margins = margins_of(scores, labels[known])
        wrong = np.flatnonzero(margins <= 0)
        worst = wrong[np.argsort(margins[wrong], kind="stable")[:most]]
        names = [str(name) for name in (class_names or estimator.classes_)]
        others = scores.copy()
        others[np.arange(len(others)), labels[known]] = -np.inf
        rows = known[worst]
        return cls(
            rows,
            margins[worst],
            [names[position] for position in labels[rows]],
            [names[position] for position in others[worst].argmax(axis=1)],
            None if images is None else np.asarray(images[rows]),
            len(wrong),
            len(known),
        )

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        head = f"{len(self.rows)} most confident of {self.n_mistakes:,} mistakes"
        if not len(self.rows):
            return f"No mistakes on {self.n_rows:,} rows."
        first = f"row {self.rows[0]} is {self.true[0]} and was taken for {self.predicted[0]}"
        return f"The {head} on {self.n_rows:,} rows; the worst: {first}."

    @property
    def shape(self) -> tuple[float, float]:
        """Larger for more mistakes."""
        if self.images is None:
            return 7, 1.2 + 0.28 * max(len(self.rows), 3)
        return 1.7 * ACROSS, 2.25 * max(1, -(-len(self.rows) // ACROSS)) + 0.4

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        ax.set_title(f"{len(self.rows)} of {self.n_mistakes:,} mistakes on {self.n_rows:,} rows")
        if not len(self.rows):
            ax.text(0.5, 0.5, "no mistakes", ha="center", va="center", transform=ax.transAxes)
            ax.axis("off")
            return
        true = [shortened(name, LONGEST) for name in self.true]
        predicted = [shortened(name, LONGEST) for name in self.predicted]
        pairs = list(zip(true, predicted, strict=True))
        if self.images is not None:
            captions = [f"{one}\ntaken for {other}" for one, other in pairs]
            draw_pictures(ax, list(self.images), captions, ACROSS, font=8)
            return
        places = np.arange(len(self.rows))
        ax.barh(places, self.margins, color="white", edgecolor=RED, hatch="///")
        labels = [
            f"row {row}: {one}, taken for {other}"
            for row, (one, other) in zip(self.rows, pairs, strict=True)
        ]
        ax.set_yticks(places, labels)
        ax.invert_yaxis()
        ax.axvline(0, color=BLUE)
        ax.set(xlabel="margin")

"""The table of scores: a few images, the score of each class, and the loss of each image."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.losses import LOSSES
from halfspaces.losses.base import Loss
from halfspaces.plots.display import number, shortened
from halfspaces.plots.margins import positions_of, scores_of
from halfspaces.plots.sources import OfRows
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

LONGEST = 16  # characters of a class
MOST_CLASSES = 12  # columns; of more, the true classes and the largest scores


@dataclass(eq=False)
class ScoresDisplay(OfRows):
    """Scores f(x; W) of a few rows, one column each, with their losses below.

    The true class's score is in a frame, the largest score is bold.

    Parameters
    ----------
    scores : array, shape (n, C)
    labels : array, shape (n,)
        Numbers of the true classes.
    losses : array, shape (n,)
    names : list of str
        Of the classes.
    images : array, shape (n, h, w) or (n, h, w, c), or None
    rows : array, shape (n,)
        Row numbers.
    loss : str

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> display = ScoresDisplay.from_estimator(classifier, X, y, rows=[0, 75])
    >>> display.scores.shape, display.losses.shape
    ((2, 3), (2,))
    """

    kind: ClassVar[str] = "scores"
    scores: Array = field(repr=False)
    labels: Array
    losses: Array
    names: list[str]
    images: Array | None = field(repr=False)
    rows: Array
    loss: str

    @classmethod
    def from_estimator(
        cls,
        estimator: "LinearModel",
        X: Array,
        y: Array,
        *,
        rows: Sequence[int] = (0, 1, 2, 3, 4),
        images: Array | None = None,
        class_names: Sequence[object] | None = None,
    ) -> Self:
        """Of some rows of data."""
        from halfspaces.estimators.components import make_loss

        chosen = np.array([row for row in rows if row < len(y)], dtype=np.intp)
        labels = positions_of(estimator, np.asarray(y)[chosen])
        chosen = chosen[labels >= 0]
        labels = labels[labels >= 0]
        scores = scores_of(estimator, X[chosen])
        loss = make_loss(estimator.loss)
        losses = loss.value_and_grad(scores.copy()[:, None], labels)[0][:, 0]
        names = [str(name) for name in (class_names or estimator.classes_)]
        shown = None if images is None else np.asarray(images[chosen])
        return cls(scores, labels, losses, names, shown, chosen, _name(loss))

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        parts = [
            f"row {row}, {self.names[label]}, has the loss {number(value)}"
            for row, label, value in zip(self.rows, self.labels, self.losses, strict=True)
        ]
        mean = number(float(np.mean(self.losses)))
        return f"Scores of {len(self.rows)} rows: {'; '.join(parts)}; the mean is {mean}."

    @property
    def shape(self) -> tuple[float, float]:
        """Wider for more rows, higher for more classes."""
        pictures = 0 if self.images is None else 1.2
        return 2.2 + 1.3 * len(self.rows), 1.5 + pictures + 0.3 * len(self._shown)

    @property
    def _shown(self) -> Array:
        """Numbers of the classes that have a line."""
        if len(self.names) <= MOST_CLASSES:
            return np.arange(len(self.names))
        best = np.argsort(-self.scores.max(axis=0))[:MOST_CLASSES]
        return np.unique(np.concatenate([best, self.labels]))

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        shown = self._shown
        down = len(shown)
        across = len(self.rows)
        picture = 0.0 if self.images is None else 3.3  # lines
        for line, label in enumerate(shown):
            ax.text(-0.6, line, shortened(self.names[label], LONGEST), ha="right", va="center")
        for column in range(across):
            for line, label in enumerate(shown):
                self._draw_score(ax, column, line, int(label))
            loss = self.losses[column]
            loss = f"{loss:.2f}" if loss >= 0.01 or loss == 0 else number(loss)
            ax.text(column, down + 0.4, loss, ha="center", va="center", weight="bold")
            if self.images is None:
                ax.text(column, -1, f"row {self.rows[column]}", ha="center", va="center")
            else:
                self._draw_image(ax, column, picture)
        ax.text(-0.6, down + 0.4, f"{self.loss} loss", ha="right", va="center", weight="bold")
        ax.axhline(down - 0.4, color="black", lw=1)
        mean = f"mean loss {number(float(np.mean(self.losses)))}; framed: the true class"
        ax.set(xlim=(-1.6, across - 0.4), ylim=(down + 1, -1.2 - picture), title=mean)
        ax.axis("off")

    def _draw_score(self, ax: "Axes", column: int, line: int, label: int) -> None:
        value = self.scores[column, label]
        is_true = label == self.labels[column]
        is_largest = label == self.scores[column].argmax()
        frame = {"boxstyle": "round,pad=0.25", "fc": "white", "ec": "black"} if is_true else None
        weight = "bold" if is_largest else "normal"
        ax.text(column, line, _signed(value), ha="center", va="center", weight=weight, bbox=frame)

    def _draw_image(self, ax: "Axes", column: int, lines: float) -> None:
        assert self.images is not None
        image = self.images[column]
        flat = image.ndim == 2 or image.shape[2] == 1
        pixels = image.reshape(image.shape[:2]) if flat else image
        across = 0.42 * min(1.0, pixels.shape[1] / pixels.shape[0])
        high = lines * min(1.0, pixels.shape[0] / pixels.shape[1])
        extent = (column - across, column + across, -0.8, -0.8 - high)
        colors = "gray" if flat else None
        ax.imshow(pixels, extent=extent, cmap=colors, interpolation="nearest", aspect="auto")


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _name(loss: Loss) -> str:
    known = [name for name, other in LOSSES.items() if type(other) is type(loss)]
    return known[0].replace("_", " ") if known else type(loss).__name__

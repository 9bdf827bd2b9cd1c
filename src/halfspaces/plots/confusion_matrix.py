"""The confusion matrix: how often each class is taken for each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.plots.sources import OfRows
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

MOST_NUMBERED = 20  # classes: of more, cells are too small for numbers
DARK = 0.5  # of a cell, above which its number is white


@dataclass(eq=False)
class ConfusionMatrixDisplay(OfRows):
    """Counts of rows by true class (down) and predicted class (across).

    Shades are parts of the true class; numbers are counts.

    Parameters
    ----------
    counts : array, shape (C, C)
    names : list of str
        Of the classes; classes that the model does not know follow its own.

    Examples
    --------
    >>> display = ConfusionMatrixDisplay.from_predictions([0, 0, 1], [0, 1, 1])
    >>> display.counts.tolist()
    [[1, 1], [0, 1]]
    """

    kind: ClassVar[str] = "confusion-matrix"
    counts: Array = field(repr=False)
    names: list[str]

    @classmethod
    def from_estimator(
        cls,
        estimator: "LinearModel",
        X: Array,
        y: Array,
        *,
        class_names: Sequence[object] | None = None,
    ) -> Self:
        """Of an estimator's predictions on rows with labels."""
        names = estimator.classes_.tolist() if class_names is None else class_names
        predicted = estimator.predict(X)
        return cls.from_predictions(y, predicted, classes=estimator.classes_, class_names=names)

    @classmethod
    def from_predictions(
        cls,
        y: Array | Sequence[object],
        predicted: Array | Sequence[object],
        *,
        classes: Array | None = None,
        class_names: Sequence[object] | None = None,
    ) -> Self:
        """Of labels and predictions; None takes the classes that occur, under their own names."""
        given, seen = np.asarray(y), np.asarray(predicted)
        if given.shape != seen.shape:
            raise ValueError(
                f"y has shape {given.shape} and the predictions {seen.shape}; give one of each a "
                "row."
            )
        held = np.unique(np.concatenate([given, seen]))
        if classes is not None:
            held = np.concatenate([classes, np.setdiff1d(held, classes)])
        numbers = {label: position for position, label in enumerate(held.tolist())}
        rows = [numbers[label] for label in given.tolist()]
        columns = [numbers[label] for label in seen.tolist()]
        counts = np.zeros((len(held), len(held)), np.int64)
        np.add.at(counts, (rows, columns), 1)
        names = list(held if class_names is None else class_names)
        names += held[len(names) :].tolist()
        return cls(counts, list(map(str, names)))

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        total = int(self.counts.sum())
        right = int(np.trace(self.counts))
        wrong = self.counts - np.diag(np.diag(self.counts))
        sentence = f"Confusion matrix of {len(self.names)} classes: {right:,} of {total:,} right"
        if not wrong.any():
            return f"{sentence}."
        true, taken = np.unravel_index(int(wrong.argmax()), wrong.shape)
        worst = (
            f"{self.names[int(true)]} is taken for {self.names[int(taken)]} {wrong.max():,} times"
        )
        return f"{sentence}; most often {worst}."

    @property
    def shape(self) -> tuple[float, float]:
        """Larger for more classes."""
        longest = max(map(len, self.names))
        side = 3 + 0.4 * min(len(self.names), MOST_NUMBERED) + 0.05 * min(longest, 40)
        return side + 1.2, side

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        count = len(self.names)
        parts = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        image = ax.imshow(parts, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        ax.figure.colorbar(image, ax=ax, shrink=0.8, label="part of the true class")
        ax.set(xlabel="predicted class", ylabel="true class")
        ax.spines[:].set_visible(False)
        if count > MOST_NUMBERED:
            return
        ax.set_xticks(np.arange(count), self.names, rotation=90 if _are_long(self.names) else 0)
        ax.set_yticks(np.arange(count), self.names)
        for (row, column), cell in np.ndenumerate(self.counts):
            if cell:
                color = "white" if parts[row, column] > DARK else "black"
                size = 9 if count <= 10 else 7
                ax.text(
                    column, row, f"{cell}", ha="center", va="center", color=color, fontsize=size
                )


def _are_long(names: list[str]) -> bool:
    return max(map(len, names)) * len(names) > 50

"""The learning curve: accuracy against the number of training rows."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.plots.display import BLACK, BLUE, Display, logarithmic
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.classifier import LinearClassifier

SIZES = 6
REPEATS = 3
HELD_OUT = 0.25
WORTHWHILE = 0.005  # gained by the last doubling: more rows would help


@dataclass(eq=False)
class LearningCurveDisplay(Display):
    """Accuracy on held-out rows and on the training rows, against the number of the latter.

    Points are means over random parts of the rows, bars reach from the least to the largest. More
    rows would help where the last doubling of their number raised the held-out accuracy by more
    than half a point in each of them.

    Parameters
    ----------
    rows : array, shape (S,)
    held_out, training : array, shape (S, repeats)
        Accuracies.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> display = LearningCurveDisplay.from_estimator(classifier, X, y, sizes=3, repeats=1)
    >>> display.rows.tolist()
    [28, 56, 112]
    """

    kind: ClassVar[str] = "learning-curve"
    rows: Array
    held_out: Array = field(repr=False)
    training: Array = field(repr=False)

    @classmethod
    def from_estimator(
        cls,
        estimator: "LinearClassifier",
        X: Array,
        y: Array,
        *,
        sizes: int = SIZES,
        repeats: int = REPEATS,
        random_state: int = 0,
    ) -> Self:
        """Fit copies of a classifier to parts of the rows; the same quarter is held out.

        Parameters
        ----------
        estimator : LinearClassifier or LinearClassifierCV
        X : array, shape (N, D)
        y : array, shape (N,)
        sizes : int
            Number of points of the curve.
        repeats : int
            Number of draws of the held-out rows.
        random_state : int

        Raises
        ------
        ValueError
            If a class has one row alone: it cannot be on both sides.
        """
        import warnings

        from sklearn.base import clone
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.model_selection import train_test_split

        y = np.asarray(y)
        numbers = np.arange(len(y))
        n_classes = len(np.unique(y))
        held, trained = [], []
        counts = np.zeros(0, int)
        for repeat in range(repeats):
            parts: Any = train_test_split(
                numbers, test_size=HELD_OUT, random_state=random_state + repeat, stratify=y
            )
            train, test = parts
            counts = _sizes(len(train), n_classes, sizes)
            row = []
            for count in counts:
                part = np.sort(_first(train, y, count))
                copy: Any = clone(estimator)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    copy.fit(X[part], y[part])
                row.append((copy.score(X[test], y[test]), copy.score(X[part], y[part])))
            scores = np.array(row)
            held.append(scores[:, 0])
            trained.append(scores[:, 1])
        return cls(counts, np.stack(held, axis=1), np.stack(trained, axis=1))

    @classmethod
    def from_result(cls, *_: Any) -> Self:
        """ValueError: the picture needs fits to parts of the rows, which a result is not."""
        raise ValueError(
            "A result is of one fit, and a learning curve needs fits to parts of the rows; "
            "use LearningCurveDisplay.from_estimator(classifier, X, y)."
        )

    @property
    def verdict(self) -> str:
        """Whether more rows would help, in a sentence: as far as all draws of the rows agree."""
        if len(self.rows) == 1:
            return "One number of rows does not tell whether more would help."
        doublings = np.log2(self.rows[-1] / self.rows[-2])
        gains = (self.held_out[-1] - self.held_out[-2]) / doublings
        least, most = f"{100 * gains.min():.1f}", f"{100 * gains.max():.1f}"
        points = least if least == most else f"{least} to {most}"
        if np.all(gains > WORTHWHILE):
            word = "More rows would help"
        elif np.all(gains <= WORTHWHILE):
            word = "More rows would help little"
        else:
            word = "Perhaps more rows would help"
        return f"{word}: twice as many gave {points} points."

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        first, last = self.held_out.mean(axis=1)[[0, -1]]
        return (
            f"Held-out accuracy rises from {first:.1%} with {self.rows[0]:,} rows to {last:.1%} "
            f"with {self.rows[-1]:,}. {self.verdict}"
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        curves = (
            ("training rows", self.training, BLACK, "--", "s"),
            ("held-out rows", self.held_out, BLUE, "-", "o"),
        )
        for name, scores, color, style, marker in curves:
            mean = scores.mean(axis=1)
            spread = np.abs(np.stack([scores.min(axis=1), scores.max(axis=1)]) - mean)
            ax.errorbar(
                self.rows, mean, spread, label=name, color=color, ls=style, marker=marker, capsize=3
            )
        ax.set(xlabel="training rows", ylabel="accuracy", title=self.verdict)
        logarithmic(ax, "x", self.rows)
        ax.legend()


def _sizes(most: int, n_classes: int, count: int) -> Array:
    least = min(most, max(2 * n_classes, most // 2 ** (count - 1), 10))
    return np.unique(np.geomspace(least, most, count).round().astype(int))


def _first(train: Array, y: Array, count: int) -> Array:
    """The first `count` rows, and one of each class that they miss."""
    _, firsts = np.unique(y[train], return_index=True)
    order = np.concatenate([np.sort(firsts), np.setdiff1d(np.arange(len(train)), firsts)])
    return train[order[:count]]

"""The reliability curve: how often predictions of each confidence are right."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.estimators.metrics.intervals import wilson
from halfspaces.plots.display import BLACK, BLUE, GREY, legend, number
from halfspaces.plots.sources import OfRows
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

BINS = 10


@dataclass(eq=False)
class ReliabilityDisplay(OfRows):
    """Accuracy against confidence, the probability of the predicted class, in bins of confidence.

    Bars are 95 % intervals (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953). Below
    the diagonal the model is too sure of itself.

    Parameters
    ----------
    confidence, accuracy, low, high : array, shape (bins,)
        Means, and the ends of the interval of the accuracy, of bins that hold any rows.
    counts : array, shape (bins,)
    error : float
        The expected calibration error: the mean distance of accuracy from confidence (Guo et al.,
        On Calibration of Modern Neural Networks, 2017, https://doi.org/10.48550/arXiv.1706.04599).

    Examples
    --------
    >>> display = ReliabilityDisplay.from_predictions(
    ...     np.array([0.61, 0.62, 0.95]), np.array([True, False, True])
    ... )
    >>> display.counts.tolist(), round(display.error, 3)
    ([2, 1], 0.093)
    """

    kind: ClassVar[str] = "calibration"
    confidence: Array = field(repr=False)
    accuracy: Array = field(repr=False)
    low: Array = field(repr=False)
    high: Array = field(repr=False)
    counts: Array = field(repr=False)
    error: float

    @classmethod
    def from_estimator(cls, estimator: "LinearModel", X: Array, y: Array) -> Self:
        """Of an estimator with probabilities.

        Raises
        ------
        ValueError
            For a loss without probabilities.
        """
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"loss={estimator.loss!r} gives no probabilities, and without them there is no "
                "calibration; use loss='softmax', or LinearClassifierCV(calibrate='temperature')."
            )
        probabilities = np.asarray(estimator.predict_proba(X), dtype=float)
        predicted = estimator.classes_[probabilities.argmax(axis=1)]
        return cls.from_predictions(probabilities.max(axis=1), predicted == np.asarray(y))

    @classmethod
    def from_predictions(cls, confidence: Array, right: Array) -> Self:
        """Of each row's confidence (N,), and whether its prediction is right (N,)."""
        bins = np.minimum((np.asarray(confidence) * BINS).astype(int), BINS - 1)
        counts = np.bincount(bins, minlength=BINS)
        held = counts > 0
        n = counts[held]
        mean = np.bincount(bins, confidence, BINS)[held] / n
        accuracy = np.bincount(bins, right, BINS)[held] / n
        low, high = wilson(accuracy, n)
        error = float(np.sum(n * np.abs(accuracy - mean)) / n.sum())
        return cls(mean, accuracy, low, high, n, error)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        side = "below" if np.sum(self.counts * (self.accuracy - self.confidence)) < 0 else "above"
        return (
            f"Accuracy against confidence of {int(self.counts.sum()):,} predictions: on average "
            f"{number(100 * self.error)} points away from the diagonal, mostly {side} it."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        ax.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--", label="perfectly calibrated")
        bars = np.abs(np.stack([self.low, self.high]) - self.accuracy)
        label = f"this model, off by {100 * self.error:.1f} points on average"
        style = {"marker": "o", "capsize": 3, "color": BLUE}
        ax.errorbar(self.confidence, self.accuracy, yerr=bars, label=label, **style)
        heights = 0.25 * self.counts / self.counts.max()
        ax.bar(
            self.confidence, heights, width=0.03, color=BLACK, alpha=0.25, label="rows in each bin"
        )
        ax.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
        legend(ax)

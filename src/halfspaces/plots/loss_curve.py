"""The loss curve: data loss, penalty, their sum and validation loss against passes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.loop.result import Result
from halfspaces.plots.display import (
    BLUE,
    GREEN,
    GREY,
    LINES,
    RED,
    Display,
    legend,
    logarithmic,
    number,
)
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

WIDE_RANGE = 20.0  # the largest loss over the least, above which the axis is logarithmic


@dataclass(frozen=True, eq=False)
class LossCurve:
    """The curves of one member of a run.

    Parameters
    ----------
    name : str
    passes : array, shape (n,)
    data, penalty, loss : array, shape (n,)
        Of the rows that a step has visited: all, or a minibatch.
    validation_passes, validation : array, shape (k,)
    steps_per_pass : int
        Above 1 for minibatches: the length of the running mean.
    """

    name: str
    passes: Array = field(repr=False)
    data: Array = field(repr=False)
    penalty: Array = field(repr=False)
    loss: Array = field(repr=False)
    validation_passes: Array = field(repr=False)
    validation: Array = field(repr=False)
    steps_per_pass: int = 1

    @classmethod
    def all_of(cls, history: Mapping[str, Array], name: str = "") -> "list[LossCurve]":
        """The curve of each member."""
        losses = np.asarray(history["loss"])
        members = losses.shape[1] if losses.ndim == 2 else 1
        names = [name or "run"] if members == 1 else _numbered(name, members)
        return [cls._of(history, member, names[member]) for member in range(members)]

    @classmethod
    def _of(cls, history: Mapping[str, Array], member: int, name: str) -> "LossCurve":
        def column(key: str) -> Array:
            values = np.asarray(history[key], dtype=float)
            return values if values.ndim == 1 else values[:, member]

        passes = column("passes")
        validated = np.zeros(len(passes), bool)
        validation = np.zeros(len(passes))
        if "validation_loss" in history:
            validation = column("validation_loss")
            validated = np.isfinite(validation)
        visits = np.diff(passes)
        typical = float(np.median(visits)) if len(visits) else 1.0
        return cls(
            name,
            passes,
            column("data_loss"),
            column("penalty"),
            column("loss"),
            passes[validated],
            validation[validated],
            steps_per_pass=max(1, round(1 / typical)) if typical > 0 else 1,
        )

    @property
    def smoothed(self) -> Array:
        """The running mean of the loss over a pass; the loss itself where steps see all rows."""
        return running_mean(self.loss, self.steps_per_pass)


def running_mean(values: Array, length: int) -> Array:
    """The mean of the last `length` values at each position; of fewer at the beginning."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(stop - length, 0)
    return (sums[stop] - sums[start]) / (stop - start)


def _numbered(name: str, members: int) -> list[str]:
    prefix = f"{name}, " if name else ""
    return [f"{prefix}member {member}" for member in range(members)]


@dataclass(eq=False)
class LossCurveDisplay(Display):
    """The loss against passes over the data: of one run with its terms, or of several runs.

    Of one run: the loss, the data loss, the penalty and the validation loss. With minibatches: the
    loss of each, in grey, and its running mean over a pass. Of several: the loss of each, its
    running mean for minibatches.

    Parameters
    ----------
    curves : list of LossCurve

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier().fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(classifier)
    >>> len(display.curves), display.alt[:33]
    (1, 'The loss against passes over the ')
    """

    kind: ClassVar[str] = "loss-curve"
    curves: list[LossCurve]

    @classmethod
    def from_estimator(cls, estimator: "LinearModel") -> Self:
        """Of the fit that an estimator comes from."""
        result = getattr(estimator, "result_", None)
        if result is None:
            raise ValueError(
                "This model has no history of its training; give a classifier after fit, or the "
                "history that training has written beside the model."
            )
        return cls.from_result(result)

    @classmethod
    def from_result(cls, *results: Result, names: list[str] | None = None) -> Self:
        """Of one result, or of several with a name for each."""
        labels = names or [f"run {position}" for position in range(1, len(results) + 1)]
        labels = [""] if names is None and len(results) == 1 else labels
        curves = []
        for result, name in zip(results, labels, strict=True):
            curves += LossCurve.all_of(result.history, name)
        return cls(curves)

    @classmethod
    def from_history(cls, history: Mapping[str, Array]) -> Self:
        """Of the columns of a history: passes, data_loss, penalty, loss, validation_loss."""
        return cls(LossCurve.all_of(history))

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        ends = [
            f"{curve.name} from {number(curve.smoothed[0])} to {number(curve.smoothed[-1])} in "
            f"{number(curve.passes[-1])} passes"
            for curve in self.curves
        ]
        return f"The loss against passes over the data: {'; '.join(ends)}."

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        if len(self.curves) == 1:
            self._draw_terms(ax, self.curves[0])
        else:
            self._draw_losses(ax)
        ax.set(xlabel="passes over the data", ylabel="loss")
        positive = np.concatenate([curve.smoothed for curve in self.curves])
        positive = positive[np.isfinite(positive) & (positive > 0)]
        if len(positive) and positive.max() > WIDE_RANGE * positive.min():
            logarithmic(ax, "y", positive)
        legend(ax)

    @staticmethod
    def _draw_terms(ax: "Axes", curve: LossCurve) -> None:
        is_minibatch = curve.steps_per_pass > 1
        if is_minibatch:
            ax.plot(curve.passes, curve.loss, color=GREY, lw=0.7, label="each minibatch")
        label = "data loss + penalty" + (", mean over a pass" if is_minibatch else "")
        ax.plot(curve.passes, curve.smoothed, color=LINES[0].color, lw=2, label=label)
        data = running_mean(curve.data, curve.steps_per_pass)
        ax.plot(curve.passes, data, color=BLUE, linestyle="--", label="data loss")
        if curve.penalty.any():
            ax.plot(curve.passes, curve.penalty, color=RED, linestyle=":", label="penalty")
        if len(curve.validation):
            style = {"color": GREEN, "linestyle": "-.", "marker": "o", "markersize": 4}
            x, y = curve.validation_passes, curve.validation
            ax.plot(x, y, label="validation data loss", **style)

    def _draw_losses(self, ax: "Axes") -> None:
        for position, curve in enumerate(self.curves):
            line = LINES[position % len(LINES)]
            every = max(1, len(curve.passes) // 8)
            style = {"marker": line.marker, "markevery": every, "markersize": 4}
            ax.plot(
                curve.passes,
                curve.smoothed,
                color=line.color,
                linestyle=line.linestyle,
                label=curve.name,
                **style,
            )

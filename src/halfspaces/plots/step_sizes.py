"""Step sizes compared: too low, good, high and diverging."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.objective.objective import Objective
from halfspaces.optimizers import SGD
from halfspaces.plots.display import LINES, number
from halfspaces.plots.loss_curve import LossCurve
from halfspaces.plots.sources import OfObjective, check_alone
from halfspaces.proofs.minimize import minimize
from halfspaces.support.types import Array
from halfspaces.tuning.step_size import find_step_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FACTORS = (0.1, 10.0, 100.0, 1000.0)  # of the step size that the range test suggests
GOOD = 0.99  # of the progress that the best step size makes
HEADROOM = 1.6  # of the loss at W = 0: the top of the picture


@dataclass(eq=False)
class StepSizesDisplay(OfObjective):
    """The loss against passes for step sizes from far too low to diverging.

    W ← W − step · ∇L over minibatches: a step too low crawls, one too high plateaus or diverges.
    The loss is its running mean over a pass.

    Parameters
    ----------
    steps : array, shape (S,)
    curves : list of LossCurve
    at_zero : float
        The loss of W = 0.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> steps = {"steps": (1e-4, 0.1, 1e3), "epochs": 3}
    >>> StepSizesDisplay.from_estimator(classifier, X, y, **steps).verdicts
    ['too low', 'good', 'diverging']
    """

    kind: ClassVar[str] = "step-sizes"
    size: ClassVar[tuple[float, float]] = (7.5, 4.0)
    steps: Array
    curves: list[LossCurve]
    at_zero: float

    @classmethod
    def from_objective(
        cls,
        objective: Objective,
        optimizer: SGD | None = None,
        *,
        steps: tuple[float, ...] | None = None,
        epochs: int = 10,
    ) -> Self:
        """Runs of an optimizer with each step size.

        Parameters
        ----------
        objective : Objective
            Of one member.
        optimizer : SGD or None
            Whose step size is replaced.
        steps : tuple of float, optional
            None takes four around the one that `find_step_size` suggests.
        epochs : int

        Raises
        ------
        ValueError
            For an objective of several members.
        """
        check_alone(objective)
        optimizer = optimizer or SGD()
        if steps is None:
            suggestion = find_step_size(objective, optimizer).suggestion
            steps = tuple(factor * suggestion for factor in FACTORS)
        curves = []
        for step in steps:
            run = replace(optimizer, step_size=step, epochs=epochs)
            result = minimize(objective, run, progress=False)
            curves += LossCurve.all_of(result.history, number(step))
        at_zero = float(objective.loss.chance_value(objective.n_classes))
        return cls(np.array(steps), curves, at_zero)

    @property
    def verdicts(self) -> list[str]:
        """What each step size is, judged by where its curve ends.

        A good one makes at least 99 % of the progress of the best.
        """
        ends = np.array([curve.smoothed[-1] for curve in self.curves])
        ends = np.where(np.isfinite(ends), ends, np.inf)
        best = int(ends.argmin())
        good_enough = ends[best] + (1 - GOOD) * (self.at_zero - ends[best])
        words = []
        for position, end in enumerate(ends):
            if end > self.at_zero:
                words.append("diverging")
            elif end <= good_enough:
                words.append("good")
            else:
                words.append("too low" if self.steps[position] < self.steps[best] else "high")
        return words

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        ends = [
            f"step size {number(step)} is {word}: it ends at {number(curve.smoothed[-1])}"
            for step, word, curve in zip(self.steps, self.verdicts, self.curves, strict=True)
        ]
        return f"The loss against passes; {'; '.join(ends)}. At W = 0 it is {number(self.at_zero)}."

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        top = HEADROOM * self.at_zero
        for position, (curve, word) in enumerate(zip(self.curves, self.verdicts, strict=True)):
            line = LINES[position % len(LINES)]
            shown = np.where(curve.smoothed <= 20 * top, curve.smoothed, np.nan)
            ax.plot(
                curve.passes,
                shown,
                color=line.color,
                linestyle=line.linestyle,
                marker=line.marker,
                markevery=max(1, len(curve.passes) // 8),
                markersize=4,
                label=f"{number(self.steps[position])}: {word}",
            )
        lowest = min(float(np.nanmin(curve.smoothed)) for curve in self.curves)
        ax.axhline(self.at_zero, color="black", lw=0.8, ls=(0, (1, 3)), label="W = 0")
        ax.set(xlabel="passes over the data", ylabel="loss", ylim=(min(0.9 * lowest, lowest), top))
        ax.legend(title="step size", loc="upper left", bbox_to_anchor=(1, 1))

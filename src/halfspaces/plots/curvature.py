"""The curvature that the penalty adds: the spectrum of the data loss's Hessian with and without."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.objective.objective import Objective
from halfspaces.plots.display import BLUE, RED, legend, logarithmic, number
from halfspaces.plots.sources import OfObjective, check_alone
from halfspaces.preconditioners.curvature import chance_curvature
from halfspaces.preconditioners.gram_matrix import centred_gram, sample_rows
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 5000
MOST_FEATURES = 8192  # whose Gram matrix is formed
LEAST = 1e-9  # of the largest curvature: what counts as none


@dataclass(eq=False)
class CurvatureDisplay(OfObjective):
    """Curvatures of the data loss along its principal directions, and with the penalty's added.

    They are the eigenvalues of the Hessian of the data loss at W = 0 along one class, κ XᵀX/N of
    the standardized rows, where κ is the second derivative of the loss in a score. λ Σ W² adds 2λ
    to each: the condition number, which slows first-order methods (Nocedal & Wright, Numerical
    Optimization, 2006, section 3.3, https://doi.org/10.1007/978-0-387-40065-5), falls.

    Parameters
    ----------
    data : array, shape (D,)
        From the largest: the eigenvalues of κ Gram, the Hessian at W = 0 along one class.
    penalty : float
        2λ for λ Σ W²: the curvature that it adds in all directions.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> alone, both = CurvatureDisplay.from_estimator(classifier, X, y).conditions
    >>> bool(both < 5 < 100 < alone)
    True
    """

    kind: ClassVar[str] = "curvature"
    data: Array = field(repr=False)
    penalty: float

    @classmethod
    def from_objective(cls, objective: Objective) -> Self:
        """Of an objective; the Gram matrix is of at most 5,000 rows.

        Raises
        ------
        ValueError
            For an objective of several members, and for more than 8,192 features.
        """
        check_alone(objective)
        if objective.n_features > MOST_FEATURES:
            raise ValueError(
                f"The data have {objective.n_features:,} features, and the curvatures of at most "
                f"{MOST_FEATURES:,} are computed; choose some of the columns."
            )
        rows = sample_rows(objective, min(objective.n_examples, ROWS))
        gram, _ = centred_gram(objective, rows)
        values = np.linalg.eigvalsh(gram.astype(np.float64))[::-1]
        curvature = chance_curvature(objective) * np.maximum(values, 0)
        return cls(curvature, float(np.ravel(objective.penalty.curvature(1))[0]))

    @property
    def conditions(self) -> tuple[float, float]:
        """The largest curvature over the least, without the penalty and with it.

        Infinite where a direction has no curvature.
        """
        least = np.where(self.data[-1] > LEAST * self.data[0], self.data[-1], 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            alone = float(self.data[0] / least)
            both = float((self.data[0] + self.penalty) / (least + self.penalty))
        return alone, both

    @property
    def _flat(self) -> int:
        """Number of directions without curvature of the data loss."""
        return int(np.sum(self.data <= LEAST * self.data[0]))

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        alone, both = self.conditions
        head = f"Curvatures of the data loss along {len(self.data):,} directions: "
        ratio = f"the largest is {number(alone)} times the least"
        if self._flat:
            ratio = f"{self._flat:,} have none"
        if self.penalty == 0:
            return f"{head}{ratio}; the penalty adds none."
        added = f"with the penalty's {number(self.penalty)} added, the largest is {number(both)}"
        return f"{head}{ratio}; {added} times the least."

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        places = np.arange(1, len(self.data) + 1)
        floor = LEAST * float(self.data[0])
        if self.penalty > 0:
            floor = max(floor, 0.03 * self.penalty)
        curved = np.where(self.data > floor, self.data, np.nan)
        condition = f"condition {number(self.conditions[0])}"
        if self._flat:
            condition = f"{self._flat:,} directions have none"
        ax.plot(places, curved, color=BLUE, ls="--", lw=2, label=f"data loss ({condition})")
        if self.penalty > 0:
            label = f"with the penalty (condition {number(self.conditions[1])})"
            ax.plot(places, self.data + self.penalty, color="black", label=label)
            name = f"curvature of the penalty, {number(self.penalty)}"
            ax.axhline(self.penalty, color=RED, ls=":", label=name)
        ax.set(xlabel="direction, from the steepest", ylabel="curvature")
        logarithmic(ax, "x", places)
        shown = curved[np.isfinite(curved)]
        logarithmic(ax, "y", np.append(shown, self.penalty) if self.penalty > 0 else shown)
        legend(ax)

"""The curvature that the penalty adds: the spectrum of the data loss's Hessian with and without."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.objective import Objective
from halfspaces.plots.display import BLUE, RED, Display, legend, logarithmic, number
from halfspaces.preconditioners.curvature import chance_curvature
from halfspaces.preconditioners.gram_matrix import centred_gram, sample_rows
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 5000


@dataclass(eq=False)
class CurvatureDisplay(Display):
    """Curvatures of the data loss along its principal directions, and with the penalty's added.

    Parameters
    ----------
    data : array, shape (D,)
        From the largest: the eigenvalues of κ Gram, the Hessian at W = 0 along one class.
    penalty : float
        2λ for λ Σ W²: the curvature that it adds in all directions.
    """

    kind: ClassVar[str] = "curvature"
    data: Array = field(repr=False)
    penalty: float

    @classmethod
    def from_objective(cls, objective: Objective) -> Self:
        """Of an objective; the Gram matrix is of at most 5,000 rows."""
        rows = sample_rows(objective, min(objective.n_examples, ROWS))
        gram, _ = centred_gram(objective, rows)
        values = np.linalg.eigvalsh(gram.astype(np.float64))[::-1]
        curvature = chance_curvature(objective) * np.maximum(values, 0)
        return cls(curvature, float(np.ravel(objective.penalty.curvature(1))[0]))

    @property
    def conditions(self) -> tuple[float, float]:
        """The largest curvature over the least, without the penalty and with it."""
        with np.errstate(divide="ignore"):
            alone = float(self.data[0] / self.data[-1])
            both = float((self.data[0] + self.penalty) / (self.data[-1] + self.penalty))
        return alone, both

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        alone, both = self.conditions
        return (
            f"Curvatures along {len(self.data)} directions: the largest is {number(alone)} times "
            f"the least, and {number(both)} times with the penalty's {number(self.penalty)} added."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        places = np.arange(1, len(self.data) + 1)
        floor = 1e-9 * float(self.data[0])
        label = f"data loss (condition {number(self.conditions[0])})"
        ax.plot(places, np.maximum(self.data, floor), color=BLUE, ls="--", label=label)
        if self.penalty > 0:
            label = f"with the penalty (condition {number(self.conditions[1])})"
            ax.plot(places, self.data + self.penalty, color="black", lw=2, label=label)
            name = f"curvature of the penalty, {number(self.penalty)}"
            ax.axhline(self.penalty, color=RED, ls=":", label=name)
        ax.set(xlabel="direction, from the steepest", ylabel="curvature")
        logarithmic(ax, "x", places)
        logarithmic(ax, "y", np.maximum(self.data, floor))
        legend(ax, columns=1)

"""The sparsity path: how many weights are not 0, and how large they are, against λ of L1."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.objective import Objective
from halfspaces.plots.display import BLACK, BLUE, GREY, Display, legend, logarithmic, number
from halfspaces.support.types import Array
from halfspaces.tuning.path import Path, solve_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRENGTHS = 30
SPAN = 1e-3
TOL = 1e-2  # more than an eye sees
MOST_LINES = 40


@dataclass(eq=False)
class SparsityDisplay(Display):
    """Norms of the features' weights against λ, and the number of features in use.

    A feature is in use where the weight of any class is not 0.

    Parameters
    ----------
    strengths : array, shape (S,)
    norms : array, shape (S, D)
        √(Σ_c W_dc²) of each feature.
    nonzeros : array, shape (S,)
        Of all weights.
    """

    kind: ClassVar[str] = "sparsity"
    strengths: Array = field(repr=False)
    norms: Array = field(repr=False)
    nonzeros: Array = field(repr=False)

    @classmethod
    def from_path(cls, path: Path) -> Self:
        """Of a solved path."""
        return cls(path.strengths, np.linalg.norm(path.W[:-1], axis=2).T, path.nonzeros)

    @classmethod
    def from_objective(cls, objective: Objective, *, strengths: int = STRENGTHS) -> Self:
        """Solve a path from the λ at which all weights are 0 down to a thousandth of it."""
        from halfspaces.tuning.largest_strength import largest_strength

        largest = largest_strength(objective)
        return cls.from_path(
            solve_path(objective, largest * np.geomspace(1, SPAN, strengths), tol=TOL)
        )

    @property
    def in_use(self) -> Array:
        """Number of features with any weight, (S,)."""
        return np.count_nonzero(self.norms, axis=1)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        last = int(self.strengths.argmin())
        return (
            f"Weights against λ: none at λ = {number(self.strengths.max())}, "
            f"{self.in_use[last]:,} of {self.norms.shape[1]:,} features are in use at "
            f"λ = {number(self.strengths[last])}."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        largest = np.argsort(-self.norms.max(axis=0))[:MOST_LINES]
        ax.plot(self.strengths, self.norms[:, largest], color=GREY, lw=0.8)
        ax.plot([], [], color=GREY, lw=0.8, label="weights of one feature (left axis)")
        logarithmic(ax, "x", self.strengths)
        ax.set(xlabel="λ", ylabel="length of a feature's weights")
        ax.invert_xaxis()
        right = ax.twinx()
        right.plot(self.strengths, self.in_use, color=BLUE, lw=2, marker="o", markersize=4)
        ax.plot([], [], color=BLUE, lw=2, marker="o", markersize=4, label="features in use (right)")
        right.set_ylabel("features in use", color=BLUE)
        right.spines["right"].set_visible(True)
        legend(ax)
        ax.axhline(0, color=BLACK, lw=0.5)

"""The sparsity path: how many weights are not 0, and how large they are, against λ of L1."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.loop.result import Result
from halfspaces.objective.objective import Objective
from halfspaces.penalties.l1 import L1
from halfspaces.plots.display import BLACK, BLUE, GREY, legend, logarithmic, number
from halfspaces.plots.sources import OfObjective, check_alone, check_member, objective_of, of_member
from halfspaces.support.types import Array
from halfspaces.tuning.path import Path, solve_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

STRENGTHS = 30
SPAN = 1e-3
TOL = 1e-2  # more than an eye sees
MOST_LINES = 40


@dataclass(eq=False)
class SparsityDisplay(OfObjective):
    """Norms of the features' weights against λ, and the number of features in use.

    A feature is in use where the weight of any class is not 0 (Tibshirani, Regression Shrinkage and
    Selection via the Lasso, 1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x).

    Parameters
    ----------
    strengths : array, shape (S,)
    norms : array, shape (S, D)
        √(Σ_c W_dc²) of each feature.
    nonzeros : array, shape (S,)
        Of all weights.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> display = SparsityDisplay.from_estimator(classifier, X, y, strengths=4)
    >>> display.in_use.tolist()[0], display.in_use.tolist()[-1]
    (0, 4)
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
        """Solve a path from the λ at which all weights are 0 down to a thousandth of it.

        Raises
        ------
        ValueError
            For a penalty that makes no weights 0.
        """
        from halfspaces.tuning.largest_strength import largest_strength

        if not _makes_zeros(objective):
            raise ValueError(
                f"{objective.penalty!r} makes no weights 0; give an objective with L1 or "
                "elastic net."
            )
        check_alone(objective)
        largest = largest_strength(objective)
        return cls.from_path(
            solve_path(objective, largest * np.geomspace(1, SPAN, strengths), tol=TOL)
        )

    @classmethod
    def from_estimator(cls, estimator: "LinearModel", X: Any, y: Array, **options: Any) -> Self:
        """Of a classifier's loss on these rows, with its penalty if that makes weights 0, else L1.

        Options are those of `from_objective`.
        """
        return cls.from_objective(_sparse(objective_of(estimator, X, y)), **options)

    @classmethod
    def from_result(
        cls, result: Result, objective: Objective, *, member: int = 0, **options: Any
    ) -> Self:
        """Of the objective of a result, with its penalty if that makes weights 0, else L1."""
        check_member(result, member)
        return cls.from_objective(_sparse(of_member(objective, member)), **options)

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


def _makes_zeros(objective: Objective) -> bool:
    return bool(np.any(np.array(objective.penalty.thresholds(1) or 0.0) > 0))


def _sparse(objective: Objective) -> Objective:
    """The objective with a penalty that makes weights 0."""
    return objective if _makes_zeros(objective) else objective.with_penalty(L1(1.0))

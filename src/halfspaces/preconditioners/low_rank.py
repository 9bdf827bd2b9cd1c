"""A preconditioner from fewer rows than features: a Gram matrix of low rank plus a diagonal.

References
----------
Frangella, Tropp & Udell, Randomized Nyström preconditioning, SIMAX 2023,
https://arxiv.org/abs/2110.02820
"""

from dataclasses import dataclass

import numpy as np

from halfspaces.objective.objective import Objective
from halfspaces.preconditioners.base import Preconditioner
from halfspaces.preconditioners.curvature import ScalarCurvature
from halfspaces.preconditioners.gram import GramInverse
from halfspaces.preconditioners.gram_matrix import sample_rows
from halfspaces.preconditioners.row_gram import CentredRows, RowGram
from halfspaces.support.validation import check_number

LEAST_RANK = 512
MOST_RANK = 2048


@dataclass(frozen=True)
class LowRank(Preconditioner):
    """(a · Gram + (2λ + a τ) I)⁻¹ for every class, the Gram matrix of n rows, fewer than D.

    The diagonal a τ stands for the directions that these rows do not show. τ is where the effective
    dimension Σ κ/(κ + τ) of their Gram matrix is n/4: in the directions that stand out from τ, n
    rows measure the curvature to a constant factor. Where all rows are drawn, τ is 0. Costs n² D
    operations, holds n rows.

    Parameters
    ----------
    rank : int or None
        n, the number of rows drawn. None takes as many as cost three passes, 512 at least and 2,048
        at most.
    curvature : float or None
        a, the typical second derivative of the loss in one score; None takes the loss's own, as
        `Gram` does.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    rank: int | None = None
    curvature: float | None = None

    def __post_init__(self) -> None:
        if self.rank is not None:
            check_number("LowRank(rank=...)", self.rank, at_least=1, integer=True)
        if self.curvature is not None:
            check_number("LowRank(curvature=...)", self.curvature, above=0)

    def build(self, objective: Objective, n_members: int) -> GramInverse:
        """Draw the rows and decompose their Gram matrix."""
        rows = sample_rows(objective, self.rank or affordable_rank(objective, n_members))
        centred = CentredRows.of(objective, rows)
        gram = RowGram.of(centred)
        n_all = len(sample_rows(objective, objective.n_examples))
        tau = gram.damping(len(rows) / 4) if len(rows) < n_all else 0.0
        scale = ScalarCurvature.of(objective, n_members, self.curvature, 1.0, tau)
        inverse = gram.inverse(scale.ridges)
        return GramInverse(inverse, centred.mean, scale, objective.fit_intercept)


def affordable_rank(objective: Objective, n_members: int) -> int:
    """n rows for three passes: n² D operations against 12 N D M C."""
    columns = n_members * objective.n_classes
    return int(np.clip(np.sqrt(12 * objective.n_examples * columns), LEAST_RANK, MOST_RANK))

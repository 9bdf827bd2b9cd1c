"""Dual points that an L1 penalty allows: a proof that does not wait for the gradient.

Under L1 a dual point must have no entry of G = Σ w_i x_i a_iᵀ/Σ w_i above λ. The dual point of an
iterate, a_i = ∇L_i(s_i), is shortened until none is, and so proves little while a single one of
the D × C entries is too large. Here it is moved instead of shortened, to

    a'_i = a_i + A x_i V,    whose G' = G + A ⊗ Gram V exactly,

for the Gram matrix of all rows. V comes from a quadratic model of the objective with this
curvature, whose minimum has a G' that the penalty allows (`halfspaces.optimizers.splitting`).
Where a'_i has left the domain of L*_i, the nearest point of it is taken. That changes G' a little;
what is too large then is taken away by the next V.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from halfspaces.objective.certificate import Shortened
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation
from halfspaces.proofs.domains import nearest_dual
from halfspaces.proofs.part import Part
from halfspaces.support.types import Array

MOST_MOVES = 8


class Model(Protocol):
    """A quadratic model of the data loss under the penalty, of curvature A ⊗ Gram."""

    def step(self, W: Array, gradient: Array) -> Array:
        """V (D+1, M, C) whose gradient, `gradient` + A ⊗ Gram V, is one that the penalty allows."""
        ...

    def along_classes(self, scores: Array) -> Array:
        """Scores (B, M, C) times A."""
        ...


def feasible_bounds(
    objective: Objective, evaluation: Evaluation, model: Model
) -> Iterator[tuple[Array, float]]:
    """Proven bounds on min L from below (M,), each with the passes that it cost.

    Parameters
    ----------
    objective : Objective
        Of a loss that `nearest_dual` knows.
    evaluation : Evaluation
        On all rows, with a gradient.
    model : Model
    """
    W, G = evaluation.request.W, evaluation.data_gradient
    assert G is not None
    part = Part.of(objective, evaluation, np.arange(objective.n_examples))
    dual, conjugate = part.slopes(part.scores(None)[0]), evaluation.conjugate
    visits = 1.5  # the first needs the scores at W, too
    for _ in range(MOST_MOVES):
        scores = objective.scores(model.step(W, G), part.rows).reshape(dual.shape)
        moved = nearest_dual(objective.loss, dual + model.along_classes(scores), part.labels)
        G = G + part.gradient_of(np.subtract(moved, dual, dtype=np.float64))
        conjugate = conjugate + part.conjugate_change(dual, moved)
        dual = moved
        bound = objective.dual_bound(G, np.sum(part.share * np.vecdot(dual, dual), axis=0))
        scale = bound.point[1]
        change = part.conjugate_change(dual, scale[:, None] * dual)
        yield bound.proved(conjugate, Shortened(scale, conjugate + change)), visits
        visits = 1.0

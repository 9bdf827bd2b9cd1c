"""Linear scores with the adaptive L2 term of noise, which is added to the loss of each example."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.noise.adaptive_terms import term_of
from halfspaces.noise.base import Noise
from halfspaces.noise.inputs import Inputs, parts_of
from halfspaces.scores.base import At, Forward, Score
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Block


@dataclass(frozen=True, eq=False)
class AdaptiveScore(Score):
    """f(x; W) = x W[:-1] + W[-1], and ½ tr(H(s) Var(s̃)) added to the loss; see `AdaptiveL2`.

    Parameters
    ----------
    linear_scores : Linear
    noise : Noise
    loss : Loss
        That of the objective; its Hessian H must not depend on the label.

    Raises
    ------
    ValueError
        If it does.

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.noise.dropout import Dropout
    >>> from halfspaces.rows.standardization import Standardization
    >>> linear = Linear(Standardization.identity(2), np.zeros(2))
    >>> block = Block(np.ones((1, 2)), np.zeros(1, int), None, np.arange(1))
    >>> W = np.array([[[1.0, -1.0]], [[-1.0, 1.0]], [[0.0, 0.0]]])
    >>> score = AdaptiveScore(linear, Dropout(0.5), Softmax())
    >>> score.at(W, W.dtype).forward(block).added[0].tolist()
    [[1.0]]
    """

    linear_scores: Linear = field(repr=False)
    noise: Noise
    loss: Loss
    linear: ClassVar[bool] = True

    def __post_init__(self) -> None:
        term_of(self.loss)

    @cached_property
    def inputs(self) -> Inputs:
        """The inputs on which the noise would act."""
        return Inputs(self.linear_scores)

    def initial(self, n_members: int, n_classes: int) -> Array:
        """W = 0."""
        return self.linear_scores.initial(n_members, n_classes)

    def at(self, W: Array, dtype: np.dtype, draw: int | None = None, gradient: bool = True) -> At:
        """The scores at W, with the term; there is no noise to draw."""
        scores_of = self.linear_scores.at(W, dtype, gradient=gradient).forward
        weights = [np.ascontiguousarray(W[:-1, m], dtype) for m in range(W.shape[1])]

        def forward(block: Block) -> Forward:
            scores, pull, _ = scores_of(block)
            stack = scores.reshape(len(scores), *W.shape[1:])
            values, dscores, dV = self._terms(block, stack, weights, gradient)

            def pull_both(slopes: Array) -> tuple[Array, Array]:
                of_scores, dc = pull(slopes)
                return of_scores + dV, dc

            return Forward(scores, pull_both, (values, dscores))

        return At(forward)

    def _terms(
        self, block: Block, scores: Array, weights: list[Array], gradient: bool
    ) -> tuple[Array, Array, Array]:
        """The terms (B, M), their gradient in the scores (B, M, C), and that in V of their sum."""
        term = term_of(self.loss)
        values = np.empty(scores.shape[:2], scores.dtype)
        dscores = np.empty_like(scores)
        dweights = [np.zeros(own.shape) for own in weights]
        example_weights = _by_member(block, len(weights))
        for part in parts_of(block.X):
            X = block.X[part] if isinstance(block.X, np.ndarray) else block.X
            variance = self.noise.variances(self.inputs.of(X))
            for m, own in enumerate(weights):
                found = term(scores[part, m], own, variance)
                values[part, m], dscores[part, m] = found.values, found.dscores
                if gradient:
                    dweights[m] += found.dweights(example_weights[part, [m]].astype(scores.dtype))
        return values, dscores, self.inputs.in_units_of_rows(np.concatenate(dweights, axis=1))

    def pullback(self, sums: tuple[Any, ...], factor: Any, shape: tuple[int, ...]) -> Array:
        """The gradient in W."""
        return self.linear_scores.pullback(sums, factor, shape)


def _by_member(block: Block, n_members: int) -> Array:
    """The weights (B, M) of the examples."""
    weight = np.ones(len(block.y)) if block.weight is None else block.weight
    return np.broadcast_to(weight.reshape(len(weight), -1), (len(weight), n_members))

"""Linear scores with the adaptive L2 term of noise, which is added to the loss of each example."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.noise.adaptive_terms import TermOfRows, term_of
from halfspaces.noise.base import Noise
from halfspaces.noise.inputs import Inputs
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
        term = term_of(self.loss)
        weights = [np.ascontiguousarray(W[:-1, m], dtype) for m in range(W.shape[1])]

        def forward(block: Block) -> Forward:
            scores, pull, _ = scores_of(block)
            variance = self.noise.variances(self.inputs.of(block.X))
            stack = scores.reshape(len(scores), *W.shape[1:])
            terms = [term(stack[:, m], own, variance) for m, own in enumerate(weights)]
            values = np.stack([member.values for member in terms], axis=1)
            dscores = np.stack([member.dscores for member in terms], axis=1)
            of_weights = _sums(terms, block, dtype)

            def pull_both(slopes: Array) -> tuple[Array, Array]:
                dV, dc = pull(slopes)
                return dV + self.inputs.in_units_of_rows(of_weights()), dc

            return Forward(scores, pull_both, (values, dscores))

        return At(forward)

    def pullback(self, sums: tuple[Any, ...], factor: Any, shape: tuple[int, ...]) -> Array:
        """The gradient in W."""
        return self.linear_scores.pullback(sums, factor, shape)


def _sums(terms: list[TermOfRows], block: Block, dtype: np.dtype) -> Callable[[], Array]:
    """A function that returns the terms' gradient in the weights (D, M·C), summed over the rows."""
    weight = np.ones(len(block.y)) if block.weight is None else block.weight
    weight = np.broadcast_to(weight.reshape(len(weight), -1), (len(weight), len(terms)))
    columns = weight.astype(dtype)

    def gradient() -> Array:
        parts = [member.dweights(columns[:, [m]]) for m, member in enumerate(terms)]
        return np.concatenate(parts, axis=1)

    return gradient

"""Linear scores of noisy inputs."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from halfspaces.noise.base import Noise
from halfspaces.noise.inputs import Inputs, parts_of
from halfspaces.scores.base import At, Forward, Score
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Block, Features


@dataclass(frozen=True, eq=False)
class Noisy(Score):
    """f(z̃; W) = z̃ W[:-1] + W[-1], with noisy inputs z̃ in training and z̃ = z otherwise.

    The noise of a row is a function of the seed, the number of the pass and the row's number in the
    whole X.

    Parameters
    ----------
    linear_scores : Linear
        The scores without noise.
    noise : Noise
    seed : int ≥ 0

    Examples
    --------
    >>> from halfspaces.noise.dropout import Dropout
    >>> from halfspaces.rows.standardization import Standardization
    >>> noisy = Noisy(Linear(Standardization.identity(2), np.zeros(2)), Dropout(0.5))
    >>> block = Block(np.ones((1, 2)), np.zeros(1, int), None, np.arange(1))
    >>> W = np.ones((3, 1, 1))
    >>> [noisy.at(W, W.dtype, draw).forward(block).scores.item() for draw in (None, 0, 1)]
    [3.0, 1.0, 3.0]
    """

    linear_scores: Linear = field(repr=False)
    noise: Noise
    seed: int = 0
    linear: ClassVar[bool] = True
    draws: bool = field(default=True, init=False, repr=False)

    @cached_property
    def inputs(self) -> Inputs:
        """The inputs on which the noise acts."""
        return Inputs(self.linear_scores)

    def initial(self, n_members: int, n_classes: int) -> Array:
        """W = 0."""
        return self.linear_scores.initial(n_members, n_classes)

    def at(self, W: Array, dtype: np.dtype, draw: int | None = None, gradient: bool = True) -> At:
        """The scores at W, with the noise of a draw if there is one."""
        if draw is None:
            return self.linear_scores.at(W, dtype, gradient=gradient)
        weights = self.inputs.weights(W, dtype)
        biases = {sparse: self.inputs.bias(W, dtype, sparse=sparse) for sparse in (False, True)}

        def forward(block: Block) -> Forward:
            X = block.X
            Z = self._drawn(X, block.rows, draw)
            scores = Z @ weights + biases[not isinstance(X, np.ndarray)]

            def pull(slopes: Array) -> tuple[Array, Array]:
                return self.inputs.pull(X, Z, slopes)

            return Forward(scores, pull)

        return At(forward)

    def _drawn(self, X: Features, rows: Array, draw: int) -> Features:
        """The noisy inputs of rows X."""
        if not isinstance(X, np.ndarray):
            return self.noise.drawn(self.inputs.of(X), rows, self.seed, draw)
        noisy = np.empty_like(X)
        for part in parts_of(X):
            Z = self.inputs.of(X[part])
            noisy[part] = self.noise.drawn(Z, rows[part], self.seed, draw)
        return noisy

    def pullback(self, sums: tuple[Any, ...], factor: Any, shape: tuple[int, ...]) -> Array:
        """The gradient in W."""
        return self.linear_scores.pullback(sums, factor, shape)

"""The inputs on which noise acts: rows as standardized features, and the scores of these."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from halfspaces.noise.base import with_stored
from halfspaces.scores import Linear
from halfspaces.support.types import Array, Features


class Weights(NamedTuple):
    """The parameters by which inputs are multiplied: the scores are Z weights + bias."""

    weights: Array  # (D, M·C)
    bias: Array  # (M·C,)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs Z = (X − origin)/scale of the rows X of blocks.

    Dense rows have their mean as origin. Sparse rows have the origin 0, so that they stay sparse.

    Parameters
    ----------
    linear : Linear
        Its standardization gives origin and scale.

    Raises
    ------
    ValueError
        If each member of a stack has a standardization of its own, as with folds.
    """

    linear: Linear

    def __post_init__(self) -> None:
        if self.linear.standardization.mean.ndim > 1:
            raise ValueError(
                "Noise needs one standardization for all members; train the folds one by one."
            )

    def _origin(self, X: Features) -> Array:
        dense = isinstance(X, np.ndarray)
        return self.linear.residual_mean if dense else np.zeros(X.shape[1])

    def of(self, X: Features) -> Features:
        """The inputs (B, D) of rows X, in new memory."""
        scale = self.linear.standardization.scale.astype(X.dtype)
        if not isinstance(X, np.ndarray):
            return with_stored(X, X.data / scale[X.indices])
        Z = X - self._origin(X).astype(X.dtype)
        Z /= scale
        return Z

    def weights(self, W: Array) -> Array:
        """The weights (D, M·C) of the inputs."""
        return W[:-1].reshape(len(W) - 1, -1)

    def fold(self, W: Array, X: Features) -> Weights:
        """Weights and bias for the inputs of rows like X, in the type of X."""
        V, c = self.linear.fold(W, np.dtype(np.float64))
        bias = c + self._origin(X) @ V
        return Weights(self.weights(W).astype(X.dtype), bias.astype(X.dtype))

    def pull(self, dweights: Array, dbias: Array, X: Features) -> Array:
        """The gradient in V (D, M·C), where scores are X V + c, from those in weights and bias.

        That in c is `dbias`.
        """
        scaled = self.linear.standardization.scale[:, None] * dweights
        return scaled + np.outer(self._origin(X), dbias)

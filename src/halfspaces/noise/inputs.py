"""The inputs on which noise acts: rows as standardized features, and linear scores of these."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from halfspaces.noise.base import with_stored
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Features

CACHED_VALUES = 1 << 17  # of the rows that are worked on at a time


def parts_of(X: Features) -> Iterator[slice]:
    """Slices of rows whose values stay in a core's cache; sparse rows are one slice."""
    if not isinstance(X, np.ndarray):
        yield slice(None)
        return
    size = max(CACHED_VALUES // X.shape[1], 1)
    for start in range(0, len(X), size):
        yield slice(start, start + size)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs Z = (X − origin)/scale of rows X; linear scores are Z weights + bias.

    Dense rows have their mean as origin. Sparse rows have the origin 0, so that they stay sparse.

    Parameters
    ----------
    linear : Linear
        Its standardization gives mean and scale.

    Raises
    ------
    ValueError
        If each member of a stack has a standardization of its own, as with folds.
    """

    linear: Linear

    def __post_init__(self) -> None:
        if self.linear.standardization.mean.ndim > 1:
            raise ValueError(
                "Noise needs one standardization for all members of a stack; "
                "fit the folds one by one."
            )

    def of(self, X: Features) -> Features:
        """The inputs (B, D) of rows X, in new memory."""
        mean, factor = self._mean_and_factor(X.dtype)
        if not isinstance(X, np.ndarray):
            return with_stored(X, X.data * factor[X.indices])
        centered = X - mean
        centered *= factor
        return centered

    def _mean_and_factor(self, dtype: np.dtype) -> tuple[Array, Array]:
        """The mean of each feature and 1/scale, in a type; converted once."""
        if dtype not in self._converted:
            factor = 1 / self.linear.standardization.scale
            self._converted[dtype] = self.linear.residual_mean.astype(dtype), factor.astype(dtype)
        return self._converted[dtype]

    @cached_property
    def _converted(self) -> dict[np.dtype, tuple[Array, Array]]:
        return {}

    def weights(self, W: Array, dtype: np.dtype) -> Array:
        """The weights (D, M·C) of W (D+1, M, C)."""
        return W[:-1].reshape(len(W) - 1, -1).astype(dtype)

    def bias(self, W: Array, dtype: np.dtype, *, sparse: bool) -> Array:
        """The bias (M·C,): the score of an input of 0."""
        V, c = self.linear.fold(W, np.dtype(np.float64))
        at_origin = c if sparse else c + self.linear.residual_mean @ V
        return at_origin.astype(dtype)

    def pull(self, X: Features, Z: Features, slopes: Array) -> tuple[Array, Array]:
        """The sums of `Linear.at(...).pull` for rows X with the inputs Z, from slopes (B, M·C)."""
        dbias = slopes.sum(axis=0, dtype=np.float64)
        dV = self.in_units_of_rows(Z.T @ slopes.astype(Z.dtype, copy=False))
        if isinstance(X, np.ndarray):
            dV += np.outer(self.linear.residual_mean, dbias)
        return dV, dbias

    def in_units_of_rows(self, dweights: Array) -> Array:
        """The gradient in V (D, M·C), of scores X V + c, from that in the weights."""
        return self.linear.standardization.scale[:, None] * dweights

"""The score function f(x; W) = x W[:-1] + W[-1], with the standardization folded into W.

Scores of standardized features, ((x − mean)/scale) W[:-1] + W[-1], equal x V + c with
V = W[:-1]/scale and c = W[-1] − mean·V. So X is never changed, and sparse rows stay sparse.

Products with raw rows lose digits if |mean|/scale is large. Blocks then subtract a `center` during
their conversion, and only the rest of the mean, mean − center, is folded into c.
"""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, replace

import numpy as np

from halfspaces.rows.standardization import Standardization
from halfspaces.support.types import Array, Features


@dataclass(frozen=True, eq=False)
class Linear:
    """s = ((x − mean)/scale) W[:-1] + W[-1] for parameters W (D+1, M, C).

    Parameters
    ----------
    standardization : Standardization
    center : array, shape (D,)
        Subtracted from each row by the blocks.
    fit_intercept : bool
        If False, the bias row is ignored and its gradient is 0.
    """

    standardization: Standardization
    center: Array
    fit_intercept: bool = True

    def fold(self, W: Array, dtype: np.dtype) -> tuple[Array, Array]:
        """V (D, M·C) and c (M·C,), for which the scores of raw rows are X V + c."""
        stack = W if W.ndim == 3 else W[:, None]
        weights = stack[:-1] / _by_feature(self.standardization.scale)
        residual = self.residual_mean
        if residual.ndim == 1:
            offset = -residual @ weights.reshape(len(residual), -1)
        else:
            offset = -np.einsum("dm,dmc->mc", residual, weights).ravel()
        if self.fit_intercept:
            offset = offset + W[-1].ravel()
        return weights.reshape(len(weights), -1).astype(dtype), offset.astype(dtype)

    def columns(self, W: Array) -> int | None:
        """The number of columns of V."""
        return W[0].size

    def scores(self, folded: tuple[Array, Array], X: Features) -> Array:
        """X V + c, shape (B, M·C), of raw rows."""
        V, c = folded
        return X @ V + c

    def pull(self, X: Features, dscores: Array) -> Array:
        """A block's term of the gradient in V, from dscores (B, M·C); that in c is their sum."""
        return X.T @ dscores

    def pullback(self, dV: Array, dc: Array, shape: tuple[int, ...]) -> Array:
        """The transpose of `fold`: the gradient in W (D+1, M, C) from the gradients in V and c."""
        gradient = np.empty(shape)
        members = shape[1:] if len(shape) == 3 else (1, shape[1])
        raw = dV.reshape(len(dV), *members) - _by_feature(self.residual_mean) * dc.reshape(members)
        gradient[:-1] = (raw / _by_feature(self.standardization.scale)).reshape(gradient[:-1].shape)
        gradient[-1] = dc.reshape(shape[1:]) if self.fit_intercept else 0
        return gradient

    @property
    def residual_mean(self) -> Array:
        """mean − center."""
        mean = self.standardization.mean
        return mean - (self.center if mean.ndim == 1 else self.center[:, None])

    @property
    def shared(self) -> "Linear":
        """The score function with one standardization for all members."""
        return replace(self, standardization=self.standardization.shared)


def _by_feature(values: Array) -> Array:
    """Numbers (D,) or (D, M), shaped to multiply parameters (D, M, C)."""
    return values.reshape(len(values), -1, 1)


@dataclass(frozen=True)
class Shift:
    """Given scores X (N, M·C) plus a bias W (1, M, C): s = x + W[0]."""

    def fold(self, W: Array, dtype: np.dtype) -> tuple[Array, Array]:
        """An empty V, and c (M·C,)."""
        return np.empty(0), W.ravel().astype(dtype)

    def columns(self, W: Array) -> int | None:
        """None: X is not multiplied by parameters."""
        return None

    def scores(self, folded: tuple[Array, Array], X: Array) -> Array:
        """X + c."""
        return X + folded[1]

    def pull(self, X: Array, dscores: Array) -> Array:
        """An empty gradient in V."""
        return np.zeros((0, dscores.shape[1]))

    def pullback(self, dV: Array, dc: Array, shape: tuple[int, ...]) -> Array:
        """The gradient in W."""
        return dc.reshape(shape)

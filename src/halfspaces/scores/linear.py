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
from typing import Any, ClassVar

import numpy as np

from halfspaces.rows.standardization import Standardization
from halfspaces.scores.base import At, Forward, Score
from halfspaces.support.types import Array, Block, Features


@dataclass(frozen=True, eq=False)
class Linear(Score):
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
    linear: ClassVar[bool] = True
    certified: ClassVar[bool] = True

    def initial(self, n_members: int, n_classes: int) -> Array:
        """W = 0 (D+1, M, C), float64."""
        return np.zeros((len(self.center) + 1, n_members, n_classes))

    def at(self, W: Array, dtype: np.dtype, draw: int | None = None, gradient: bool = True) -> At:
        """X V + c; there is no noise to draw."""
        folded = self.fold(W, dtype)

        def forward(block: Block) -> Forward:
            scores = self.scores(folded, block.X)
            products = scores.dtype

            def pull(slopes: Array) -> tuple[Array, Array]:
                dV = self.pull(block.X, slopes.astype(products, copy=False))
                return dV, slopes.sum(axis=0, dtype=np.float64)

            return Forward(scores, pull)

        return At(forward, self.columns(W))

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

    def pullback(self, sums: tuple[Any, ...], factor: Any, shape: tuple[int, ...]) -> Array:
        """The transpose of `fold`: the gradient in W from those in V and c, times a factor."""
        dV, dc = (part * factor for part in sums)
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

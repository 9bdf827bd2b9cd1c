"""A few columns of the standardized X, and a loss and its curvature as functions of the scores."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_array

from halfspaces.kernels.sparse_rows import stacked
from halfspaces.losses.base import Loss
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.rows.blocks import Blocks
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array

LEAST_BEND = 1e-4  # times the bound of the loss's curvature: rows far from any margin bend nothing


class Columns(NamedTuple):
    """Some columns of the standardized X, and ones for the bias if there is one.

    Sparse columns are not centred: `shift` is what the bias of the columns as they are has less
    than that of centred ones, for weights of 1.
    """

    ends: Array  # (K+1,)
    rows: Array  # the row of each stored value
    values: Array
    shift: Array  # (K,), without that of the bias
    bias: bool

    @classmethod
    def of(cls, blocks: Blocks, linear: Linear, features: Array, member: int) -> "Columns":
        """By one visit to the rows that copies these columns alone: 8 bytes a stored value, or 12.

        `member` selects the standardization.
        """
        scale: Array = linear.standardization.scale[features]
        mean = linear.residual_mean[features]
        if scale.ndim > 1:
            scale = scale[:, member]
        if mean.ndim > 1:
            mean = mean[:, member]
        parts: list[Any] = list(blocks.map(lambda block: block.X[:, features]))
        stored: Any = stacked(parts)
        if isinstance(stored, np.ndarray):
            stored, mean = stored - mean.astype(stored.dtype), np.zeros_like(mean)
        columns = csc_array(stored)
        ends = columns.indptr.astype(np.int64)
        rows = columns.indices.astype(np.int32)
        values = columns.data / np.repeat(scale, np.diff(ends)).astype(columns.dtype)
        if linear.fit_intercept:
            n = blocks.n_examples
            ends = np.append(ends, ends[-1] + n)
            rows = np.concatenate([rows, np.arange(n, dtype=np.int32)])
            values = np.concatenate([values, np.ones(n, values.dtype)])
        return cls(ends, rows, values, mean / scale, linear.fit_intercept)


class RowLoss:
    """The mean loss of some classes as a function of their scores (G, N).

    Parameters
    ----------
    loss : Loss
    classes : sequence of integers
        One class of a one-vs-all loss, or all classes in order.
    y : integer array, shape (N,)
    share : array, shape (N,)
        The weight of each row over the weight of all.
    """

    def __init__(self, loss: Loss, classes: list[int], y: Array, share: Array) -> None:
        self.loss = loss
        self.classes = classes
        self.y = y
        self.share = share
        self.sign = np.where(y == classes[0], -1.0, 1.0)  # of a violation in a class's score

    def value_and_slopes(self, scores: Array) -> tuple[float, Array]:
        """The mean loss and its gradient in the scores (G, N)."""
        if isinstance(self.loss, OneVsAll):
            violation = self.sign * scores + self.loss.margin
            values, slopes = self.loss.surrogate.value_and_slope(violation)
            return float(values[0] @ self.share), self.sign * self.share * slopes
        values, slopes = self.loss.formula(np.array(scores.T, order="C"), self.y)
        return float(values @ self.share), np.array((slopes * self.share[:, None]).T, order="C")

    def curvature(self, scores: Array) -> tuple[Array, Array]:
        """h and p (G, N) of the Hessian diag(h) − p pᵀ of each row; p (G, 0) where it is 0.

        An upper bound for losses whose Hessian has another form.
        """
        bound = self.loss.curvature(len(self.classes))
        untied = np.zeros((len(scores), 0))
        if isinstance(self.loss, OneVsAll):
            bend = self.loss.surrogate.second_derivative(self.sign * scores + self.loss.margin)
            return self.share * np.maximum(bend, LEAST_BEND * bound), untied
        if isinstance(self.loss, Softmax):
            p = np.exp(scores - scores.max(axis=0))
            p /= p.sum(axis=0)
            return self.share * (p + LEAST_BEND * bound), np.sqrt(self.share) * p
        return np.tile(bound * self.share, (len(scores), 1)), untied

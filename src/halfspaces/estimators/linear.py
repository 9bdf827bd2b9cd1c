"""The base of the linear classifiers: options, coefficients in the units of X, predictions."""

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from halfspaces.engines import is_sparse
from halfspaces.engines.devices.device_blocks import DeviceBlocks
from halfspaces.engines.devices.device_objective import DeviceObjective
from halfspaces.engines.devices.in_blocks import in_blocks
from halfspaces.engines.devices.stored_rows import name_of
from halfspaces.estimators.base import ScoreModel, Scorer
from halfspaces.estimators.checked_data import Data
from halfspaces.estimators.coefficients import coefficient_table, feature_names
from halfspaces.estimators.components import make_loss
from halfspaces.estimators.empty_columns import restored, restored_moments
from halfspaces.estimators.finite import too_small
from halfspaces.kernels import fused_rows
from halfspaces.loop.result import Result
from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers.choose import Choice
from halfspaces.penalties.base import Penalty
from halfspaces.rows.blocks import Blocks, compute_dtype
from halfspaces.rows.moments import Moments
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Block, Features
from halfspaces.system.blas import OUTSIDE
from halfspaces.system.libraries import as_numpy


def weighted(moments: Moments, factor: float) -> Moments:
    """The moments with all weights times a factor, which is held between 2^±300."""
    factor = min(max(factor, 2.0**-300), 2.0**300)
    return Moments(moments.count * factor, moments.mean, moments.squares * factor)


def of_one_column(objective: Objective, result: Result) -> Result:
    """The result for the W whose columns are −v/2 and v/2, as `coef_` holds v alone.

    A loss that does not change with a constant added to both scores is the same, others are
    evaluated anew. By symmetry none is larger, and no penalty.
    """
    mean = result.W.mean(axis=2, keepdims=True)
    if not mean.any():
        return result
    W = result.W - mean
    data = result.data_loss
    if not objective.loss.shift_invariant:
        data = objective.evaluate(Request(W, gradient=False)).exact_data
    penalty = objective.penalty.value(W[:-1])
    loss = data + penalty
    gap = np.maximum(result.gap - (result.loss - loss), 0.0)
    return replace(result, W=W, loss=loss, data_loss=data, penalty=penalty, gap=gap)


def unfolded(linear: Linear, V: Array, c: Array) -> Array:
    """The inverse of `Linear.fold`: W (D+1, M·C) whose scores of raw rows are X V + c."""
    W = np.empty((len(V) + 1, V.shape[1]))
    W[:-1] = V * linear.standardization.scale[:, None]
    W[-1] = c + linear.residual_mean @ V if linear.fit_intercept else 0
    return W


def linear_objective(
    loss: Loss,
    penalty: Penalty,
    blocks: Blocks,
    n_classes: int,
    moments: Moments | None,
    *,
    fit_intercept: bool,
) -> Objective:
    """The objective on these rows, standardized by the moments.

    Without, large offsets alone are subtracted: the bias makes up for them.
    """
    standardization = None
    if moments is not None:
        standardization = moments.standardization(blocks.dtype.name, with_mean=fit_intercept)
    elif fit_intercept and not is_sparse(blocks.X) and blocks.X.dtype != np.uint8:
        offsets = Moments.of(blocks).standardization(blocks.dtype.name)
        if offsets.has_large_offsets:
            standardization = replace(offsets, scale=np.ones_like(offsets.scale))
    if standardization is not None:
        blocks = standardization.without_offsets(blocks)
    if blocks.are_fused():
        fused_rows.prefetch(blocks.X.dtype)
    kind = DeviceObjective if isinstance(blocks, DeviceBlocks) else Objective
    return kind(loss, penalty, blocks, n_classes, standardization, fit_intercept)


def adopt(
    model: "LinearModel", objective: Objective, classes: Array, choice: Choice, result: Result
) -> None:
    """Set the fitted attributes of a classifier from a fit of its objective elsewhere."""
    model._adopt(objective, classes, choice, result)


def folded(model: "LinearModel", X: Features) -> tuple[Array, Array, Array | None]:
    """V (D, C), c (C,) and a center (D,) or None: scores of rows such as X are (x − center) V + c.

    Of two classes V has one column, for the difference of their scores.
    """
    return model._folded(X)


class LinearModel(ScoreModel):
    """A classifier of the scores x coef_ᵀ + intercept_: whatever is written there is what predicts.

    `_adopt` takes both from the result of a fit.
    """

    standardize: bool
    fit_intercept: bool

    coef_: Array
    intercept_: Array

    # Where the fitted rows lie, if far from 0 (D,): scores are computed from differences to it.
    _center: Array | None = None
    _moments: Moments | None = None  # what partial_fit goes on from

    # --- fitting ---------------------------------------------------------------------------------

    def _moments_of(self, blocks: Blocks) -> Moments | None:
        """The moments that standardize the features; computed once for the same blocks."""
        return Moments.of(blocks) if self.standardize else None

    def _end(self, data: Data, blocks: Blocks) -> None:
        """Store what `partial_fit` goes on from, and warn the caller of `fit`."""
        moments = self._moments_of(blocks)
        if moments is not None:
            moments = restored_moments(weighted(moments, data.unit), blocks, self.n_features_in_)
        self._moments = moments
        if not self.result_.converged:
            warnings.warn(str(self.result_), ConvergenceWarning, stacklevel=OUTSIDE + 1)
        problem = too_small(blocks) if self.standardize else None
        if problem is not None:
            warnings.warn(problem, stacklevel=OUTSIDE + 1)

    def _objective(
        self, blocks: Blocks, n_classes: int, penalty: Penalty, moments: Moments | None
    ) -> Objective:
        """The objective on these rows, standardized by the moments."""
        return linear_objective(
            make_loss(self.loss),
            penalty,
            blocks,
            n_classes,
            moments,
            fit_intercept=bool(self.fit_intercept),
        )

    def _adopt(self, objective: Objective, classes: Array, choice: Choice, result: Result) -> None:
        """Set the fitted attributes, in the units of X."""
        if len(classes) == 2:
            result = of_one_column(objective, result)
        V, c = objective.linear.fold(result.W, np.dtype(np.float64))
        if len(classes) == 2:
            V = V[:, 1:] - V[:, :1]
            c = c[1:] - c[:1]
        dtype = compute_dtype(objective.blocks.X.dtype)
        self.classes_ = classes
        blocks = objective.blocks
        V = V.astype(dtype)
        coef = np.ascontiguousarray(restored(V, blocks, self.n_features_in_).T)
        self._center = objective.blocks.center
        # That of the rounded weights. Where rows lie far from 0 only float64 has its digits.
        intercept = c - objective.linear.center @ V.astype(np.float64)
        intercept = intercept.astype(dtype if self._center is None else np.float64)
        self.coef_, self.intercept_ = map(self._library.array, (coef, intercept))
        self.calibration_ = None
        self.threshold_ = None
        self.reliability_ = None
        self.features_dtype_ = name_of(objective.blocks.X.dtype)
        self.n_iter_ = max(1, math.ceil(result.passes))
        self.optimizer_, self.optimizer_choice_ = choice
        W = result.W
        if blocks.columns is not None:
            W = np.concatenate([restored(W[:-1], blocks, self.n_features_in_), W[-1:]])
        # Without the state of the optimizer, which is many times as large as the model.
        self.result_ = replace(result, W=W, state=None, loop=None)

    def coef_table(self) -> Any:
        """The coefficients by name: a pyarrow.Table, of which `to_pandas()` makes a DataFrame.

        The column "feature" has the names of the columns of X; then comes a column for each class,
        or for two classes that of the second one, as `coef_` has rows. The intercept is the last
        row.

        >>> from sklearn.datasets import load_iris
        >>> from halfspaces import LinearClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> LinearClassifier().fit(X, y).coef_table().column_names
        ['feature', '0', '1', '2']
        """
        check_is_fitted(self)
        classes = getattr(self, "notes_", {}).get("class_names") or self.classes_.tolist()
        names = [str(name) for name in classes]
        return coefficient_table(feature_names(self), names, *self._arrays())

    # --- predicting ------------------------------------------------------------------------------

    def _scorer(self, X: Features) -> Scorer:
        V, c, center = self._folded(X)
        dtype = np.result_type(compute_dtype(X.dtype), self._arrays()[0].dtype)
        two = len(self.classes_) == 2

        def scores_of(block: Block) -> Array:
            scores = (block.X @ V + c).astype(dtype, copy=False)
            return scores[:, 0] if two else scores

        rows: Any = X
        y = np.empty(rows.shape[0], dtype=np.int8)
        blocks = replace(in_blocks(X, y, n_jobs=self.n_jobs), center=center)
        return Scorer(scores_of, blocks, V.shape[1])

    def _arrays(self) -> tuple[Array, Array]:
        """`coef_`, and `intercept_` in float64, as they are now; ValueError for wrong shapes."""
        coef = np.asarray(as_numpy(self.coef_))
        intercept = np.asarray(as_numpy(self.intercept_), dtype=np.float64)
        rows = 1 if len(self.classes_) == 2 else len(self.classes_)
        if coef.shape != (rows, self.n_features_in_) or intercept.shape != (rows,):
            raise ValueError(
                f"coef_ {coef.shape} and intercept_ {intercept.shape} need the shapes "
                f"({rows}, {self.n_features_in_}) and ({rows},), of {len(self.classes_)} classes "
                f"and {self.n_features_in_} features; write arrays of these."
            )
        return coef, intercept

    def _linear(self) -> tuple[Array, Array, Array | None]:
        """V (D, C), c (C,) and a center (D,): scores are (x − center) V + c.

        Without a center they are x V + c.
        """
        coef, intercept = self._arrays()
        if self._center is None:
            return coef.T, intercept, None
        return coef.T, intercept + coef.astype(np.float64) @ self._center, self._center

    def _folded(self, X: Features) -> tuple[Array, Array, Array | None]:
        """`_linear` for these rows: without a center if they are sparse, since it would fill them.

        Products in float64 keep the digits instead.
        """
        V, c, center = self._linear()
        if is_sparse(X):
            coef, c = self._arrays()
            wide = coef.dtype if center is None else np.float64
            V, center = np.ascontiguousarray(coef.T, dtype=wide), None
        return V, c.astype(np.result_type(compute_dtype(X.dtype), V.dtype)), center

"""The base of the linear classifiers: options, coefficients in the units of X, predictions."""

import math
import warnings
from abc import ABC
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from halfspaces.estimators.calibration import Calibration
from halfspaces.estimators.checked_data import Data, check_data, check_rows, in_units
from halfspaces.estimators.components import make_loss
from halfspaces.estimators.empty_columns import restored, restored_moments
from halfspaces.estimators.finite import check_finite, too_small
from halfspaces.estimators.given import labels_of
from halfspaces.estimators.sklearn_callbacks import CallbackSupportMixin
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
from halfspaces.support.validation import check_number
from halfspaces.system.blas import OUTSIDE, one_blas_thread


def probabilities(scores: Array, loss: Loss, calibration: Calibration | None = None) -> Array:
    """Class probabilities (N, C).

    Scores have shape (N, C), or (N,) for two classes: the difference of their scores.
    """
    from scipy.special import expit, softmax

    if calibration is not None:
        two = scores.ndim == 1
        columns = np.stack([np.zeros_like(scores), scores], axis=1) if two else scores
        return calibration.probabilities(columns).astype(scores.dtype, copy=False)
    one_vs_all = loss.probability == "sigmoid"
    if scores.ndim == 1:
        # The two one-vs-all columns mirror each other, so the difference is twice the log-odds.
        right = expit(scores / 2 if one_vs_all else scores)
        return np.stack([1 - right, right], axis=1)
    if not one_vs_all:
        return softmax(scores, axis=1)
    p = expit(scores)
    total = p.sum(axis=1, keepdims=True)
    return np.divide(p, total, out=np.full_like(p, 1 / p.shape[1]), where=total > 0)


def winners(scores: Array, loss: Loss, calibration: Calibration | None = None) -> Array:
    """The position (N,) of each row's class: that of the largest score, or calibrated probability.

    Scores have shape (N, C), or (N,) for two classes: the difference of their scores.
    """
    if calibration is not None and not calibration.keeps_order:
        return np.argmax(probabilities(scores, loss, calibration), axis=1)
    return np.argmax(scores, axis=1) if scores.ndim == 2 else (scores > 0).astype(np.intp)


def _probability(estimator: Any) -> bool:
    calibrated = getattr(estimator, "calibrate", None) or getattr(estimator, "calibration_", None)
    if calibrated is None and make_loss(estimator.loss).probability is None:
        raise AttributeError(
            f"loss={estimator.loss!r} gives no probabilities; use loss='softmax' or "
            "'ova_logistic', or LinearClassifierCV(calibrate='temperature')."
        )
    return True


def weighted(moments: Moments, factor: float) -> Moments:
    """The moments with all weights times a factor, which is held between 2^±300."""
    factor = min(max(factor, 2.0**-300), 2.0**300)
    return Moments(moments.count * factor, moments.mean, moments.squares * factor)


def _of_one_column(objective: Objective, result: Result) -> Result:
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


class LinearModel(CallbackSupportMixin, ClassifierMixin, BaseEstimator, ABC):
    """A classifier of the scores x coef_ᵀ + intercept_: whatever is written there is what predicts.

    `_adopt` takes both from the result of a fit.
    """

    loss: str | Loss
    standardize: bool
    fit_intercept: bool
    class_weight: Any
    tol: float
    max_passes: float
    n_jobs: int | None
    random_state: Any
    verbose: int

    classes_: Array
    coef_: Array
    intercept_: Array
    n_iter_: int
    n_features_in_: int
    feature_names_in_: Array  # where X had column names
    calibration_: Calibration | None = None
    features_dtype_: str  # the type of the X that was fitted
    features_: Any  # of a loaded classifier: the fitted feature whose rows it takes, if any
    optimizer_choice_: str
    result_: Result

    # Where the fitted rows lie, if far from 0 (D,): scores are computed from differences to it.
    _center: Array | None = None
    _moments: Moments | None = None  # what partial_fit goes on from

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # --- fitting ---------------------------------------------------------------------------------

    def _check_options(self) -> None:
        """Raise for an option out of range; scikit-learn's conventions leave this to `fit`."""
        check_number("tol", self.tol, at_least=0)
        check_number("max_passes", self.max_passes, above=0)
        for name in ("standardize", "fit_intercept", "warm_start"):
            if not isinstance(getattr(self, name, False), (bool, np.bool_)):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}.")
        if not isinstance(self.verbose, (Integral, np.bool_)):
            raise TypeError(f"verbose must be an integer, got {self.verbose!r}.")
        if self.n_jobs not in (None, -1):
            check_number("n_jobs (None takes every core)", self.n_jobs, at_least=1, integer=True)
        named = self.class_weight is None or self.class_weight == "balanced"
        if not (isinstance(self.class_weight, dict) or named):
            raise ValueError(
                f"class_weight must be 'balanced', a dict or None, got {self.class_weight!r}."
            )

    def _checked(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        reset: bool = True,
        classes: Array | None = None,
    ) -> Data:
        self._check_options()
        softmax = make_loss(self.loss).probability == "softmax"
        return check_data(
            self, X, y, sample_weight, reset=reset, every_class_counts=softmax, classes=classes
        )

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
        """The objective on these rows, standardized by the moments.

        Without, large offsets alone are subtracted: the bias makes up for them.
        """
        standardization = None
        if moments is not None:
            standardization = moments.standardization(
                blocks.dtype.name, with_mean=self.fit_intercept
            )
        elif self.fit_intercept and not issparse(blocks.X) and blocks.X.dtype != np.uint8:
            offsets = Moments.of(blocks).standardization(blocks.dtype.name)
            if offsets.has_large_offsets:
                standardization = replace(offsets, scale=np.ones_like(offsets.scale))
        if standardization is not None:
            blocks = standardization.without_offsets(blocks)
        if blocks.are_fused():
            fused_rows.prefetch(blocks.X.dtype)
        return Objective(
            make_loss(self.loss),
            penalty,
            blocks,
            n_classes,
            standardization,
            bool(self.fit_intercept),
        )

    def _seed(self) -> int | None:
        if self.random_state is None:
            return None
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _adopt(self, objective: Objective, classes: Array, choice: Choice, result: Result) -> None:
        """Set the fitted attributes, in the units of X."""
        if len(classes) == 2:
            result = _of_one_column(objective, result)
        V, c = objective.linear.fold(result.W, np.dtype(np.float64))
        if len(classes) == 2:
            V = V[:, 1:] - V[:, :1]
            c = c[1:] - c[:1]
        dtype = compute_dtype(objective.blocks.X.dtype)
        self.classes_ = classes
        blocks = objective.blocks
        V = V.astype(dtype)
        self.coef_ = np.ascontiguousarray(restored(V, blocks, self.n_features_in_).T)
        self._center = objective.blocks.center
        # That of the rounded weights. Where rows lie far from 0 only float64 has its digits.
        intercept = c - objective.linear.center @ V.astype(np.float64)
        self.intercept_ = intercept.astype(dtype if self._center is None else np.float64)
        self.calibration_ = None
        self.features_dtype_ = objective.blocks.X.dtype.name
        self.n_iter_ = max(1, math.ceil(result.passes))
        self.optimizer_, self.optimizer_choice_ = choice
        W = result.W
        if blocks.columns is not None:
            W = np.concatenate([restored(W[:-1], blocks, self.n_features_in_), W[-1:]])
        # Without the state of the optimizer, which is many times as large as the model.
        self.result_ = replace(result, W=W, state=None, loop=None)

    # --- predicting ------------------------------------------------------------------------------

    @one_blas_thread()
    def decision_function(self, X: Any) -> Array:
        """Scores, shape (N, C); for two classes the difference of the two, shape (N,)."""
        return np.concatenate(list(self._by_block(X, lambda scores: scores)))

    @one_blas_thread()
    def predict(self, X: Any) -> Array:
        """The class with the largest score for each row.

        With a calibration that of the largest probability, as scikit-learn's CalibratedClassifierCV
        predicts: sigmoids may change the order of the classes.
        """
        loss = make_loss(self.loss)
        positions = list(self._by_block(X, lambda scores: winners(scores, loss, self.calibration_)))
        return self.classes_[np.concatenate(positions)]

    def score(self, X: Any, y: object, sample_weight: Any = None) -> float:
        """The accuracy: the part of the rows (weighted) whose class is predicted."""
        weight = None if sample_weight is None else in_units(np.asarray(sample_weight, float))[0]
        return super().score(X, labels_of("y", y), weight)

    def _by_block(self, X: Any, finish: Callable[[Array], Array]) -> Iterator[Array]:
        """The value of `finish` for the scores of each block of rows, in order.

        Scores have shape (B, C), or (B,) for two classes. Values that are not finite are found by
        their scores, which are not finite either: X needs no visit of its own.
        """
        check_is_fitted(self)
        X = check_rows(self, "X", X, finite=False)
        V, c, center = self._folded(X)
        dtype = np.result_type(compute_dtype(X.dtype), np.asarray(self.coef_).dtype)
        blocks = Blocks(X, np.empty(X.shape[0], dtype=np.int8), center=center, n_jobs=self.n_jobs)
        check_once = cache(lambda: check_finite("X", X))

        def visit(block: Block) -> Array:
            with np.errstate(over="ignore", invalid="ignore"):  # checked below
                scores = (block.X @ V + c).astype(dtype, copy=False)
            if not np.isfinite(scores).all():
                check_once()
            return finish(scores[:, 0] if len(self.classes_) == 2 else scores)

        yield from blocks.map(visit, columns=V.shape[1])

    def _arrays(self) -> tuple[Array, Array]:
        """`coef_`, and `intercept_` in float64, as they are now; ValueError for wrong shapes."""
        coef = np.asarray(self.coef_)
        intercept = np.asarray(self.intercept_, dtype=np.float64)
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
        if issparse(X):
            coef, c = self._arrays()
            wide = coef.dtype if center is None else np.float64
            V, center = np.ascontiguousarray(coef.T, dtype=wide), None
        return V, c.astype(np.result_type(compute_dtype(X.dtype), V.dtype)), center

    @available_if(_probability)
    def predict_proba(self, X: Any) -> Array:
        """Class probabilities, shape (N, C).

        Those of the calibration, if there is one; else the softmax of the scores, or the logistic
        of each class's score, normalized to sum 1.
        """
        return probabilities(self.decision_function(X), make_loss(self.loss), self.calibration_)

    @available_if(_probability)
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

"""The scikit-learn face: estimators with fit and predict."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from halfspaces import kernels
from halfspaces._validation import check_finite, check_number, lookup
from halfspaces.blocks import Blocks, Features, compute_dtype
from halfspaces.losses import LOSSES, Loss
from halfspaces.minimize import Callback, minimize
from halfspaces.moments import Moments
from halfspaces.objective import Objective
from halfspaces.optimizers import SGD, Constant, Optimizer
from halfspaces.optimizers.auto import OPTIMIZERS, Choice, choose_for
from halfspaces.penalties import PENALTIES, MaxNorm, NoPenalty, Penalty
from halfspaces.result import Result
from halfspaces.scores import Linear
from halfspaces.separation import warn_if_separable

Array = np.ndarray

USED_AS_THEY_ARE = [np.float64, np.float32, np.float16, np.uint8]
STORED_AS_THEY_ARE = [np.float64, np.float32, np.bool_, *map(np.dtype, np.typecodes["AllInteger"])]  # of a sparse X
DEFAULT_STRENGTH = 1e-2  # see docs/decisions.md for the measurement


def make_loss(loss: str | Loss) -> Loss:
    """A loss by name or as it is."""
    return lookup("loss", loss, LOSSES, Loss)


def make_penalty(penalty: str | Penalty, strength: float | Sequence[float] | None) -> Penalty:
    """A penalty by name with a strength, or as it is; a strength given twice or to no purpose is an error.

    >>> make_penalty("l2", 0.5)
    L2(strength=0.5)
    """
    if isinstance(penalty, Penalty):
        if strength is not None:
            raise ValueError(
                f"strength={strength!r} was given beside penalty={penalty!r}, which carries its own; give one."
            )
        return penalty
    kind = lookup("penalty", penalty, PENALTIES, Penalty)
    if kind in (MaxNorm, NoPenalty):
        if strength is not None:
            remedy = "penalty=MaxNorm(radius=...)" if kind is MaxNorm else "strength=None"
            raise ValueError(f"penalty={penalty!r} takes no strength, got strength={strength!r}; use {remedy}.")
        return kind()
    return kind(DEFAULT_STRENGTH if strength is None else strength)


def make_optimizer(optimizer: str | Optimizer, objective: Objective, seed: int | None) -> Choice:
    """An optimizer by name or as it is, or the one that fits; a seed replaces its own."""
    if isinstance(optimizer, str) and optimizer == "auto":
        return choose_for(objective)
    if isinstance(optimizer, str) and optimizer == "lbfgs" and objective.penalty.smooth:
        return Choice(choose_for(objective).optimizer, "asked for")
    kind = lookup("optimizer", optimizer, {"auto": None, **OPTIMIZERS}, Optimizer)
    made = kind if isinstance(kind, Optimizer) else kind()
    if seed is not None and hasattr(made, "seed"):
        made = replace(made, seed=seed)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return Choice(made, "asked for")


@dataclass(frozen=True, eq=False)
class _Data:
    """Checked training data: blocks to fit on, blocks to validate on, and the class labels."""

    blocks: Blocks
    validation: Blocks | None
    classes: Array


def _probability(estimator: "LinearClassifier") -> bool:
    if make_loss(estimator.loss).probability is None:
        raise AttributeError(
            f"loss={estimator.loss!r} gives no probabilities; use loss='softmax' or 'ova_logistic' for predict_proba."
        )
    return True


class LinearClassifier(ClassifierMixin, BaseEstimator):
    """Linear classifier: scores f(x; W) = x W + b, the class with the largest score wins.

    Minimizes the weighted mean of the loss over the examples plus λ R(W), b never penalized, with no hidden ½ or N:

        L(W, b) = Σ w_i L_i(x_i W + b, y_i) / Σ w_i + λ R(W)

    Parameters
    ----------
    loss : str or Loss
        "softmax", "hinge", "squared_hinge", "crammer_singer", "ova_hinge", "ova_squared_hinge", "ova_logistic".
    penalty : str or Penalty
        "l2", "l1", "elastic_net", "max_norm", "none". R acts on standardized features' weights.
    strength : float or None
        λ of a penalty given by name; None takes 0.01.
    optimizer : str or Optimizer
        "auto" (chosen to fit loss, penalty and size), "lbfgs", "gradient_descent", "sgd", "proximal",
        "proximal_newton", "random_search".
    standardize : bool
        Whether features are brought to mean 0 and variance 1; folded into W, X is not copied.
    fit_intercept : bool
    class_weight : dict, "balanced" or None
        Factors on the examples' weights.
    tol : float
        Stop when the loss is proved to be within tol · max(L, L(0)/1000) of its minimum.
    max_passes : float
        Limit on visits to all examples.
    n_jobs : int or None
        Worker threads; None for every core. The result is the same bits for any number.
    random_state : int, RandomState or None
        Seed of optimizers that draw; None takes the optimizer's own fixed seed.
    warm_start : bool
        Start from the last fit's coefficients.
    callbacks : sequence of callables
        Each is given the `Run` after every evaluation; see `halfspaces.callbacks`.
    verbose : int
        0: a progress bar after the first second, on a terminal; 1: also says which optimizer was chosen, and how the
        run ended; −1: nothing.

    Attributes
    ----------
    coef_ : array, shape (C, D), or (1, D) for two classes: the difference of the two
        In the units of X; float32 unless X is float64.
    intercept_ : array, shape (C,) or (1,)
    classes_ : array, shape (C,)
    n_iter_ : int
        Passes.
    n_features_in_ : int
    optimizer_ : Optimizer
        The one that was used, and `optimizer_choice_` the reason in words.
    result_ : Result
        Reason, loss, certified gap, passes, history.

    Raises
    ------
    ValueError, TypeError
        One sentence for unknown names, values out of range, NaN or infinity in X, one class, lengths that differ.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = LinearClassifier().fit(X[:1000], y[:1000])
    >>> print(classifier.result_.reason)
    The objective is within the tolerance of its minimum, by a proven bound.
    >>> bool(classifier.score(X[1000:], y[1000:]) > 0.9)
    True
    """

    n_features_in_: int
    notes_: dict[str, Any]  # of a loaded model: what was saved beside it
    feature_names_in_: Array  # where X had column names

    def __init__(
        self,
        loss: str | Loss = "softmax",
        penalty: str | Penalty = "l2",
        strength: float | None = None,
        optimizer: str | Optimizer = "auto",
        standardize: bool = True,
        fit_intercept: bool = True,
        class_weight: Any = None,
        tol: float = 1e-3,
        max_passes: float = 1000,
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        callbacks: Sequence[Callback] = (),
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.strength = strength
        self.optimizer = optimizer
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_passes = max_passes
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ------------------------------------------------------------------------------------------------ fitting

    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation: Any = None) -> Self:
        """Fit the classifier.

        Parameters
        ----------
        X : array or sparse matrix, shape (N, D)
            float64, float32, float16 or uint8 are used as they are, memory maps too; other types become float64.
            CSR of any real type is used as it is and never filled; other sparse formats become CSR.
        y : array, shape (N,)
            Labels: integers, strings, anything that sorts.
        sample_weight : array, shape (N,), or None
        validation : (X, y), a number between 0 and 1, or None
            Examples to assess the classifier on while it is fitted, or the part of the rows to hold out for it
            (drawn with the classes' proportions); the assessments are in `result_.history`.

        Returns
        -------
        self
        """
        data = self._check_data(X, y, sample_weight, validation, reset=True)
        objective = self._joined(data)
        start = self._start(objective, data.classes)
        choice = self._optimizer(objective)
        separation = None
        if not choice.optimizer.stochastic:  # its steps are counted: W cannot run away
            separation = warn_if_separable(objective, max_passes=min(20, self.max_passes))
        self.separation_ = separation and replace(separation, W=None)  # the witness is as large as the model
        self._minimize(objective, data, start, choice)
        if not self.result_.converged:
            warnings.warn(str(self.result_), ConvergenceWarning, stacklevel=2)
        return self

    def objective(self, X: Any, y: Any, sample_weight: Any = None) -> Objective:
        """The objective that `fit` minimizes on these data: for gradient checks, step sizes, optimizers of your own.

        >>> from sklearn.datasets import load_digits
        >>> objective = LinearClassifier().objective(*load_digits(return_X_y=True))
        >>> round(objective.loss.chance_value(objective.n_classes), 4)
        2.3026
        """
        return self._joined(self._check_data(X, y, sample_weight, None, reset=True))

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch of SGD over these examples, from where the last call ended.

        Mean and scale of the features are those of all examples seen so far. `classes` must name every class on the
        first call. The optimizer must be "auto", "sgd" or an `SGD`; its update rule, batch size and step size are
        used, the step size constant.
        """
        if self.class_weight == "balanced":
            raise ValueError("partial_fit sees a part of the examples; give class_weight as a dict, got 'balanced'.")
        first = not hasattr(self, "coef_")
        if first and classes is None:
            raise ValueError("classes must be given on the first call to partial_fit: every label that will occur.")
        known = np.unique(classes) if classes is not None else self.classes_
        if not first and not np.array_equal(known, self.classes_):
            raise ValueError(
                f"classes={classes!r} differ from those of the first call, {self.classes_!r}; leave them out."
            )
        data = self._check_data(X, y, sample_weight, None, reset=first, classes=known)
        objective = self._joined(data, None if first else self._moments)
        start = objective.zeros() if first else self._parameters(objective.linear)
        self._minimize(objective, data, start, Choice(self._epoch(), "one epoch of SGD a call of partial_fit"))
        return self

    def _epoch(self) -> SGD:
        """SGD for the next call, which visits its rows in an order of its own."""
        sgd = SGD() if self.optimizer in ("auto", "sgd") else self.optimizer
        if not isinstance(sgd, SGD):
            raise ValueError(f"partial_fit needs optimizer='auto', 'sgd' or an SGD(...), got {self.optimizer!r}.")
        self._calls = getattr(self, "_calls", -1) + 1
        seed = self._seed()
        return replace(sgd, epochs=1, schedule=Constant(), seed=(sgd.seed if seed is None else seed) + self._calls)

    def _check_options(self) -> None:
        """What sklearn's conventions leave unchecked until fit, and no component checks for itself."""
        check_number("tol", self.tol, at_least=0)
        check_number("max_passes", self.max_passes, above=0)
        for name in ("standardize", "fit_intercept", "warm_start"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}.")
        if self.strength is not None:
            check_number("strength", self.strength, at_least=0)
        if self.n_jobs not in (None, -1):
            check_number("n_jobs (None takes every core)", self.n_jobs, at_least=1, integer=True)
        if not (self.class_weight is None or isinstance(self.class_weight, dict) or self.class_weight == "balanced"):
            raise ValueError(f"class_weight must be 'balanced', a dict or None, got {self.class_weight!r}.")

    def _check_data(
        self, X: Any, y: Any, sample_weight: Any, validation: Any, *, reset: bool, classes: Array | None = None
    ) -> _Data:
        self._check_options()
        X, y = validate_data(self, X, y, reset=reset, **_as_they_are(X))
        check_finite("X", X)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        classes = np.unique(y) if classes is None else classes
        if len(classes) < 2:
            raise ValueError(f"y holds one class, {classes.tolist()[0]!r}; a classifier needs at least two classes.")
        labels = _encode(y, classes)
        weight = self._weights(labels, classes, sample_weight)
        blocks = Blocks(X, labels, weight, n_jobs=self.n_jobs)
        if validation is None:
            return _Data(blocks, None, classes)
        if isinstance(validation, Real):
            return _hold_out(blocks, classes, validation)
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise TypeError(f"validation must be (X, y), a number or None, got a {type(validation).__name__}.")
        X_val, y_val = validation
        X_val: Any = self._check_rows("The validation X", X_val)
        if X_val.shape[0] != len(y_val):
            raise ValueError(
                f"The validation X has {X_val.shape[0]} rows and its y {len(y_val)} labels; give one label a row."
            )
        held_out = Blocks(X_val, _encode(column_or_1d(y_val), classes), n_jobs=self.n_jobs)
        return _Data(blocks, held_out, classes)

    def _check_rows(self, name: str, X: Any) -> Features:
        """Rows of the features that were fitted."""
        rows: Any = validate_data(self, X, reset=False, **_as_they_are(X))
        check_finite(name, rows)
        return rows

    def _weights(self, labels: Array, classes: Array, sample_weight: Any) -> Array | None:
        if sample_weight is None and self.class_weight is None:
            return None
        weight = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if weight.ndim == 0:
            weight = np.full(len(labels), float(weight))
        if weight.shape != labels.shape:
            raise ValueError(
                f"sample_weight has shape {weight.shape}, but X has {len(labels)} rows; give one weight a row."
            )
        if self.class_weight is not None:
            weight = weight * compute_class_weight(self.class_weight, classes=classes, y=classes[labels])[labels]
        if not np.all(np.isfinite(weight)) or weight.min() < 0:
            raise ValueError("sample_weight and class_weight must be finite and at least 0 everywhere.")
        if weight.sum() <= 0:
            raise ValueError("sample_weight is zero everywhere; give some example a weight above 0.")
        empty = np.bincount(labels, weight, minlength=len(classes)) == 0
        if empty.any() and make_loss(self.loss).probability == "softmax":
            name = classes[np.argmax(empty)]
            raise ValueError(
                f"Every example of class {name} has weight zero, so softmax has no optimum; leave them out."
            )
        return weight

    def _joined(self, data: _Data, earlier: Moments | None = None) -> Objective:
        """The objective on the data, standardized by their moments and those of earlier examples."""
        blocks, standardization, self._moments = data.blocks, None, None
        if self.standardize:
            moments = Moments.of(blocks)
            self._moments = moments if earlier is None else earlier.merged(moments)
            standardization = self._moments.standardization(with_mean=self.fit_intercept)
            blocks = standardization.without_offsets(blocks)
        if kernels.serve(blocks.X):
            kernels.prefetch(blocks.X.dtype)
        penalty = make_penalty(self.penalty, self.strength)
        loss = make_loss(self.loss)
        return Objective(loss, penalty, blocks, len(data.classes), standardization, bool(self.fit_intercept))

    def _optimizer(self, objective: Objective) -> Choice:
        return make_optimizer(self.optimizer, objective, self._seed())

    def _seed(self) -> int | None:
        if self.random_state is None:
            return None
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _start(self, objective: Objective, classes: Array) -> Array:
        if not self.warm_start or not hasattr(self, "coef_"):
            return objective.zeros()
        if not np.array_equal(classes, self.classes_) or self.coef_.shape[1] != objective.n_features:
            raise ValueError(
                f"warm_start=True goes on from {len(self.classes_)} classes and {self.coef_.shape[1]} features, "
                f"but the data have {len(classes)} classes and {objective.n_features} features; set warm_start=False."
            )
        return self._parameters(objective.linear)

    def _minimize(self, objective: Objective, data: _Data, start: Array, choice: Choice) -> None:
        if self.verbose > 0:
            print(f"{type(self).__name__}: {choice.why}.")
        result = minimize(
            objective,
            choice.optimizer,
            start,
            tol=self.tol,
            max_passes=self.max_passes,
            validation=data.validation,
            callbacks=self.callbacks,
            progress=self.verbose >= 0,
        )
        if self.verbose > 0:
            print(f"{type(self).__name__}: {result}")
        self._adopt(objective, data.classes, choice, result)

    def _adopt(self, objective: Objective, classes: Array, choice: Choice, result: Result) -> None:
        """Public attributes, in the units of X."""
        V, c = objective.linear.fold(result.W, np.dtype(np.float64))
        if len(classes) == 2:
            V, c = V[:, 1:] - V[:, :1], c[1:] - c[:1]
        dtype = compute_dtype(objective.blocks.X.dtype)
        self.classes_ = classes
        self.coef_ = np.ascontiguousarray(V.T, dtype=dtype)
        self.intercept_ = (c - objective.linear.center @ V).astype(dtype)
        self._center, self._intercept_at_center = objective.blocks.center, c
        self.n_iter_ = max(1, math.ceil(result.passes))
        self.optimizer_, self.optimizer_choice_ = choice
        self.result_ = replace(result, state=None, loop=None)  # the optimizer's memory is many times the model's

    def _parameters(self, linear: Linear) -> Array:
        """The fitted coefficients as W (D+1, 1, C) in a linear map's standardized units."""
        coef, intercept = self.coef_.astype(np.float64), self.intercept_.astype(np.float64)
        if len(self.classes_) == 2:
            coef, intercept = np.concatenate([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
        return linear.unfold(coef.T, intercept + coef @ linear.center)[:, None, :]

    # --------------------------------------------------------------------------------------------- predicting

    def decision_function(self, X: Any) -> Array:
        """Scores, shape (N, C); for two classes the difference of the two, shape (N,)."""
        check_is_fitted(self)
        X = self._check_rows("X", X)
        V, c, center = self.coef_.T, self.intercept_, self._center
        dtype = np.result_type(compute_dtype(X.dtype), V.dtype)
        if center is not None and issparse(X):  # centring would fill the rows; float64 keeps the digits
            V = V.astype(np.float64)
            c, center = self._intercept_at_center - center @ V, None
        elif center is not None:
            c = self._intercept_at_center.astype(V.dtype)
        V = np.ascontiguousarray(V) if issparse(X) else V
        blocks = Blocks(X, np.empty(X.shape[0], dtype=np.int8), center=center, n_jobs=self.n_jobs)
        parts = blocks.map(lambda X, y, weight: (X @ V + c).astype(dtype, copy=False), columns=V.shape[1])
        scores = np.concatenate(list(parts))
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> Array:
        """The class with the largest score for each row."""
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else np.argmax(scores, axis=1)]

    @available_if(_probability)
    def predict_proba(self, X: Any) -> Array:
        """Class probabilities, shape (N, C): softmax of the scores, or each class's logistic, normalized to sum 1."""
        from scipy.special import expit, softmax

        scores = self.decision_function(X)
        one_vs_all = make_loss(self.loss).probability == "sigmoid"
        if scores.ndim == 1:
            # The two one-vs-all columns mirror each other, so the difference is twice the log-odds.
            right = expit(scores / 2 if one_vs_all else scores)
            return np.stack([1 - right, right], axis=1)
        if not one_vs_all:
            return softmax(scores, axis=1)
        p = expit(scores)
        total = p.sum(axis=1, keepdims=True)
        return np.divide(p, total, out=np.full_like(p, 1 / p.shape[1]), where=total > 0)

    @available_if(_probability)
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


def _as_they_are(X: Any) -> dict[str, Any]:
    """How scikit-learn is to check X without a conversion that can be spared; values are checked by `check_finite`."""
    dtype = STORED_AS_THEY_ARE if issparse(X) else USED_AS_THEY_ARE
    return {"dtype": dtype, "accept_sparse": "csr", "ensure_all_finite": False}


def _encode(y: Array, classes: Array) -> Array:
    """Labels as integers 0..C−1."""
    positions = np.clip(np.searchsorted(classes, y), 0, len(classes) - 1)
    strangers = classes[positions] != y
    if strangers.any():
        row = int(np.argmax(strangers))
        known = ", ".join(map(repr, classes[:10].tolist())) + (", ..." if len(classes) > 10 else "")
        raise ValueError(
            f"y[{row}] = {y[row : row + 1].tolist()[0]!r} is not among the classes {known}; "
            "give labels of these classes."
        )
    return positions


def _hold_out(blocks: Blocks, classes: Array, part: Any) -> _Data:
    check_number("validation", part, above=0, below=1)
    held, left = round(part * len(blocks.y)), len(blocks.y) - round(part * len(blocks.y))
    if held < 1 or left < 1:
        raise ValueError(
            f"validation={part} of {len(blocks.y)} rows leaves {left} to fit on and {held} to score; need both."
        )
    # A class of one example, or more classes than rows to hold out, cannot be split in proportion.
    rare = np.bincount(blocks.y, minlength=len(classes)).min() < 2
    few = min(part, 1 - part) * len(blocks.y) < len(classes)
    rows, strata = np.arange(len(blocks.y)), None if rare or few else blocks.y
    train, held_out = train_test_split(rows, test_size=held, random_state=0, stratify=strata)
    return _Data(blocks.subset(np.sort(train)), blocks.subset(np.sort(held_out)), classes)

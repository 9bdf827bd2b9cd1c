"""The scikit-learn face: estimators with fit and predict."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from halfspaces.estimators.base import LinearModel
from halfspaces.estimators.checked_data import check_validation, hold_out, is_part
from halfspaces.loop.callbacks import store_in
from halfspaces.loop.run import Callback
from halfspaces.losses.base import Loss
from halfspaces.objective import Objective
from halfspaces.optimizers import OPTIMIZERS, SGD, Constant, Optimizer
from halfspaces.optimizers.choose import Choice, choose_for
from halfspaces.penalties import PENALTIES
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.proofs.separation import warn_if_separable
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments
from halfspaces.scores import Linear
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number, lookup

DEFAULT_STRENGTH = 1e-2  # see docs/decisions/strengths.md


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
            raise ValueError(
                f"penalty={penalty!r} takes no strength, got strength={strength!r}; use {remedy}."
            )
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


class LinearClassifier(LinearModel):
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
        Each is given the `Run` after every evaluation; see `halfspaces.callbacks`. A `Checkpoint` keeps the run in
        files, and a fit of the same data with the same options goes on from there.
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

    notes_: dict[str, Any]  # of a loaded model: what was saved beside it

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
        data = self._checked(X, y, sample_weight)
        blocks, held_out = data.blocks, None
        if is_part(validation):
            train, held = hold_out(blocks.y, len(data.classes), validation)
            blocks, held_out = blocks.subset(train), blocks.subset(held)
        elif validation is not None:
            held_out = check_validation(self, validation, data.classes)
        objective = self._joined(blocks, data.classes)
        start = self._start(objective, data.classes)
        choice = self._optimizer(objective)
        separation = None
        if not choice.optimizer.stochastic:  # its steps are counted: W cannot run away
            separation = warn_if_separable(objective, max_passes=min(20, self.max_passes))
        self.separation_ = separation and replace(
            separation, W=None
        )  # the witness is as large as the model
        self._minimize(objective, data.classes, start, choice, held_out)
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
        data = self._checked(X, y, sample_weight)
        return self._joined(data.blocks, data.classes)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch of SGD over these examples, from where the last call ended.

        Mean and scale of the features are those of all examples seen so far. `classes` must name every class on the
        first call. The optimizer must be "auto", "sgd" or an `SGD`; its update rule, batch size and step size are
        used, the step size constant.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit sees a part of the examples; give class_weight as a dict, got 'balanced'."
            )
        first = not hasattr(self, "coef_")
        if first and classes is None:
            raise ValueError(
                "classes must be given on the first call to partial_fit: every label that will occur."
            )
        known = np.unique(classes) if classes is not None else self.classes_
        if not first and not np.array_equal(known, self.classes_):
            raise ValueError(
                f"classes={classes!r} differ from those of the first call, {self.classes_!r}; leave them out."
            )
        data = self._checked(X, y, sample_weight, reset=first, classes=known)
        objective = self._joined(data.blocks, known, None if first else self._moments)
        start = objective.zeros() if first else self._parameters(objective.linear)
        self._minimize(
            objective, known, start, Choice(self._epoch(), "one epoch of SGD a call of partial_fit")
        )
        return self

    def _epoch(self) -> SGD:
        """SGD for the next call, which visits its rows in an order of its own."""
        sgd = SGD() if self.optimizer in ("auto", "sgd") else self.optimizer
        if not isinstance(sgd, SGD):
            raise ValueError(
                f"partial_fit needs optimizer='auto', 'sgd' or an SGD(...), got {self.optimizer!r}."
            )
        self._calls = getattr(self, "_calls", -1) + 1
        seed = self._seed()
        return replace(
            sgd,
            epochs=1,
            schedule=Constant(),
            seed=(sgd.seed if seed is None else seed) + self._calls,
        )

    def _check_options(self) -> None:
        super()._check_options()
        if self.strength is not None:
            check_number("strength", self.strength, at_least=0)

    def _joined(self, blocks: Blocks, classes: Array, earlier: Moments | None = None) -> Objective:
        """The objective on the rows, standardized by their moments and those of earlier examples."""
        self._moments = Moments.of(blocks) if self.standardize else None
        if self._moments is not None and earlier is not None:
            self._moments = earlier.merged(self._moments)
        return self._objective(
            blocks, len(classes), make_penalty(self.penalty, self.strength), self._moments
        )

    def _optimizer(self, objective: Objective) -> Choice:
        return make_optimizer(self.optimizer, objective, self._seed())

    def _start(self, objective: Objective, classes: Array) -> Array:
        if not self.warm_start or not hasattr(self, "coef_"):
            return objective.zeros()
        if (
            not np.array_equal(classes, self.classes_)
            or self.coef_.shape[1] != objective.n_features
        ):
            raise ValueError(
                f"warm_start=True goes on from {len(self.classes_)} classes and {self.coef_.shape[1]} features, "
                f"but the data have {len(classes)} classes and {objective.n_features} features; set warm_start=False."
            )
        return self._parameters(objective.linear)

    def _minimize(
        self,
        objective: Objective,
        classes: Array,
        start: Array,
        choice: Choice,
        validation: Blocks | None = None,
    ) -> None:
        if self.verbose > 0:
            print(f"{type(self).__name__}: {choice.why}.")
        store = store_in(self.callbacks)
        result = minimize(
            objective,
            choice.optimizer,
            start,
            tol=self.tol,
            max_passes=self.max_passes,
            validation=validation,
            callbacks=self.callbacks,
            resume=None if store is None else store.run(objective, choice.optimizer),
            progress=self.verbose >= 0,
        )
        if self.verbose > 0:
            print(f"{type(self).__name__}: {result}")
        self._adopt(objective, classes, choice, result)

    def _parameters(self, linear: Linear) -> Array:
        """The fitted coefficients as W (D+1, 1, C) in a linear map's standardized units."""
        coef, intercept = self.coef_.astype(np.float64), self.intercept_.astype(np.float64)
        if len(self.classes_) == 2:
            coef, intercept = (
                np.concatenate([-coef, coef]) / 2,
                np.concatenate([-intercept, intercept]) / 2,
            )
        return linear.unfold(coef.T, intercept + coef @ linear.center)[:, None, :]

"""`LinearClassifier`: a linear classifier of a given strength λ, with scikit-learn's interface."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.utils.metaestimators import available_if

from halfspaces.estimators.checked_data import check_validation, hold_out, is_part
from halfspaces.estimators.components import make_optimizer, make_penalty, with_noise
from halfspaces.estimators.empty_columns import taken, with_columns_of, without_empty_columns
from halfspaces.estimators.given import examples_of, labels_of
from halfspaces.estimators.linear import LinearModel, unfolded, weighted
from halfspaces.estimators.sklearn_callbacks import heard_by_callbacks
from halfspaces.loop.run import Callback
from halfspaces.losses.base import Loss
from halfspaces.noise import AdaptiveL2, Noise
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import SGD, Constant, Optimizer
from halfspaces.optimizers.choose import Choice
from halfspaces.penalties.base import Penalty
from halfspaces.proofs.least_strength import strength_of
from halfspaces.proofs.separation import Separation, warn_if_separable
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.blas import OUTSIDE, one_blas_thread
from halfspaces.tuning.moments import merged

EPOCHS = ("auto", "sgd")  # optimizers by name whose partial_fit is an epoch of SGD


def _takes_epochs(classifier: "LinearClassifier") -> bool:
    """Whether there is a `partial_fit`; AttributeError where the optimizer has no epochs."""
    optimizer = classifier.optimizer
    if isinstance(optimizer, SGD) or (isinstance(optimizer, str) and optimizer in EPOCHS):
        return True
    raise AttributeError(
        f"partial_fit needs optimizer='auto', 'sgd' or an SGD(...), got {optimizer!r}."
    )


class LinearClassifier(LinearModel):
    """Linear classifier: scores f(x; W) = x W + b; the class with the largest score is predicted.

    `fit` minimizes the weighted mean of the loss over the examples plus λ R(W), without a hidden ½
    or N. The bias b is never penalized:

        L(W, b) = Σ w_i L_i(x_i W + b, y_i) / Σ w_i + λ R(W)

    The minimum comes with a proof: an upper bound on the distance of L(W, b) from it. With `noise`
    there is none.

    Parameters
    ----------
    loss : str or Loss, default "softmax"
        "softmax" (cross-entropy), "hinge", "squared_hinge", "crammer_singer", "ova_hinge",
        "ova_squared_hinge" or "ova_logistic" (one-vs-all), or an instance.
    penalty : str or Penalty, default "l2"
        "l2" (R = ΣW²), "l1" (Σ|W|), "elastic_net" (Σ(βW² + |W|), β = 1), "max_norm" or "none", or
        an instance. With `standardize`, W are the weights of the standardized features.
    strength : float ≥ 0 or None
        λ of a penalty given by name; None takes 0.01.
    noise : str, Noise, AdaptiveL2 or None, default None
        Noise on the features in training, never in predictions: "dropout" or "gaussian", or an
        instance such as Dropout(0.2), of `halfspaces.noise`. It acts on the standardized features,
        in sparse rows on the stored values. `AdaptiveL2(noise)` adds what the noise adds to the
        loss on average, to second order, and draws none; for softmax and ova_logistic.
    optimizer : str or Optimizer, default "auto"
        "auto" chooses by loss, penalty, noise and size of the data; "lbfgs", "newton",
        "dual_ascent", "gradient_descent", "sgd", "proximal", "proximal_newton",
        "coordinate_descent" or "random_search", or an instance. Noise that is drawn needs "sgd" or
        "gradient_descent".
    standardize : bool, default True
        Fit as if each feature had mean 0 and variance 1. X is not copied: the scaling is folded
        into W. TF-IDF of words may do better with False and a λ that `LinearClassifierCV` chooses,
        but worse with the default λ, which is for standardized features; see
        docs/decisions/strengths.md.
    fit_intercept : bool, default True
        Whether there is a bias b.
    class_weight : dict {label: weight}, "balanced" or None
        Factors on the weights of the examples of each class; "balanced" gives every class the same
        total weight.
    tol : float ≥ 0, default 1e-3
        The fit ends when L(W, b) is proved to be within tol · max(L(W, b), L(0)/1000) of its
        minimum.
    max_passes : float > 0, default 3000
        Limit on visits to all examples.
    n_jobs : int or None
        Worker threads; None for every core. The result has the same bits for any number.
    random_state : int, RandomState or None
        Seed of noise, and of optimizers that draw at random; None takes the optimizer's own fixed
        seed.
    warm_start : bool, default False
        Start from the coefficients of the last fit.
    callbacks : sequence of callables
        Each is called with the `Run` after every evaluation; see `halfspaces.callbacks`. A
        `Checkpoint` writes the run to files, and a fit of the same data with the same options
        continues from them.
    verbose : int, default 0
        0: a progress bar after the first second, on a terminal. 1: also prints which optimizer was
        chosen, that loops are compiled (once on a machine), and how the run ended. −1: silent.
    device : str, default "auto"
        Which device computes the fit: "auto", that on which X lies; "cpu"; "cuda", "cuda:1" or
        "mps", where rows are copied, or streamed in each pass if they do not fit, with a warning.
        Rows are scored where they lie. See docs/tensors.md.

    Attributes
    ----------
    coef_ : array, shape (C, D), or (1, D) for two classes: the difference of the two
        Weights, in the units of X; float32 unless X is float64. An array of X's library, on its
        device.
    intercept_ : array, shape (C,) or (1,)
        Biases, of the type of `coef_`; float64 where features lie so far from 0 that float32 loses
        digits. Both arrays are the model: what is written into them predicts, is saved and
        exported, and is where `warm_start` and `partial_fit` start.
    classes_ : array, shape (C,)
        The labels, sorted.
    n_iter_ : int
        Visits to all examples, rounded up.
    n_features_in_ : int
        D, the number of features.
    feature_names_in_ : array, shape (D,)
        Names of the columns, where X had them.
    optimizer_ : Optimizer
        The optimizer used.
    optimizer_choice_ : str
        Why it was used.
    result_ : Result
        Reason for the end of the run, loss, proven gap, passes, seconds and history. The loss is
        that without noise; with `AdaptiveL2` it has its term.
    separation_ : Separation or None
        Evidence that the classes are separable, where the fit looked for it.

    Raises
    ------
    ValueError, TypeError
        In one sentence, for unknown names, options out of range, NaN or infinity in X, a single
        class, lengths that differ, a device that is not there, and X and y on two devices.

    Warns
    -----
    ConvergenceWarning
        If the limit on passes or the precision of the data ended the fit before the tolerance.

    See Also
    --------
    LinearClassifierCV : chooses λ on held-out rows, without noise; give its `strength_` as
        `strength` here, beside `noise`.

    References
    ----------
    Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2009, chapters 4 and 12
    (linear classifiers), https://doi.org/10.1007/978-0-387-84858-7; Boyd & Vandenberghe, Convex
    Optimization, 2004, 5.5.1 (the duality gap as a bound on the distance from the minimum),
    https://doi.org/10.1017/CBO9780511804441

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
        max_passes: float = 3000,
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        callbacks: Sequence[Callback] = (),
        verbose: int = 0,
        noise: str | Noise | AdaptiveL2 | None = None,
        device: str = "auto",
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
        self.noise = noise
        self.device = device

    # --- fitting ---------------------------------------------------------------------------------

    @one_blas_thread()
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, validation: Any = None) -> Self:
        """Fit the classifier.

        Parameters
        ----------
        X : array or sparse matrix, shape (N, D)
            float64, float32, float16 and uint8, memory maps too, are used without a conversion;
            other types become float64. CSR of any real type is used as it is, other sparse formats
            become CSR, and none is filled. Where most columns of sparse rows are empty, they are
            left out of the fit, and of `Run.W` in callbacks; their coefficients are 0. Arrays of
            torch, CuPy, JAX and others are used where they lie, bfloat16 too. Without y: an
            iterable of batches (X, y), such as a DataLoader, which `datasets.from_batches` writes
            to disk once.
        y : array, shape (N,)
            Labels: integers, strings, anything that sorts; one-hot labels (N, C) with a warning.
        sample_weight : array, shape (N,), or None
            Weights w_i ≥ 0 of the examples; None for 1.
        validation : (X, y), (X, y, sample_weight), a number between 0 and 1, or None
            Examples to assess the classifier on during the fit, or the part of the rows to hold out
            for that (drawn with the proportions of the classes). Loss and accuracy are in
            `result_.history`.

        Returns
        -------
        self
        """
        X, y = examples_of(X, y)
        data = self._checked(X, y, sample_weight)
        blocks = without_empty_columns(data.blocks)
        held_out = None
        if is_part(validation):
            train, test = hold_out(blocks.y, len(data.classes), validation)
            held_out = blocks.subset(test)
            blocks = blocks.subset(train)
        elif validation is not None:
            held_out = check_validation(self, validation, data.classes)
            held_out = with_columns_of(held_out, blocks)
        seed = self._seed()
        objective = self._objective_of(blocks, data.classes, self._moments_of(blocks), seed)
        start = self._start(objective, data.classes)
        choice = make_optimizer(self.optimizer, objective, seed)
        # Without a penalty no W may be the best: the caller knows before a run without an end.
        endless = strength_of(objective.penalty) == 0
        separation = self._separation(objective, choice) if endless else None
        with heard_by_callbacks(self, X, y) as heard:
            result = self._minimize(objective, choice, start, held_out, heard)
        if not endless:
            separation = self._separation(objective, choice, float(result.loss[0] - result.gap[0]))
        # Without its W, which is as large as the model.
        self.separation_ = separation and replace(separation, W=None)
        self._adopt(objective, data.classes, choice, result)
        self._end(data, blocks)
        return self

    def _separation(
        self, objective: Objective, choice: Choice, lower: float = -math.inf
    ) -> Separation | None:
        """What a search for separating weights found, if one is needed; warns the caller of `fit`.

        Stochastic optimizers take a fixed number of steps, so W is finite without it.
        """
        if choice.optimizer.stochastic or objective.score_function is not None:
            return None
        passes = min(20, self.max_passes)
        return warn_if_separable(objective, lower=lower, max_passes=passes, stacklevel=OUTSIDE + 1)

    def objective(self, X: Any, y: Any, sample_weight: Any = None) -> Objective:
        """The objective that `fit` minimizes on these data: for gradient checks or `minimize`.

        >>> from sklearn.datasets import load_digits
        >>> objective = LinearClassifier().objective(*load_digits(return_X_y=True))
        >>> round(objective.loss.chance_value(objective.n_classes), 4)
        2.3026
        """
        data = self._checked(X, y, sample_weight)
        moments = self._moments_of(data.blocks)
        return self._objective_of(data.blocks, data.classes, moments, self._seed())

    @available_if(_takes_epochs)
    @one_blas_thread()
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch of SGD over these examples, starting from the current coefficients.

        Features are standardized by mean and variance of all examples seen so far. The step size is
        constant. There is this method only if `optimizer` is "auto", "sgd" or an `SGD`, whose
        update rule, batch size and step size are used.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.
        classes : array, shape (C,), or None
            Every label that will occur; needed on the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `class_weight` is "balanced", or if `classes` are missing or change.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit sees a part of the examples; "
                "give class_weight as a dict, got 'balanced'."
            )
        first = not hasattr(self, "coef_")
        known = self._known_classes(classes)
        data = self._checked(X, y, sample_weight, reset=first, classes=known)
        moments = self._moments_of(data.blocks)
        seen = moments and weighted(moments, data.unit)
        if not first and seen is not None and self._moments is not None:
            moments = seen = merged(self._moments, seen)
        epoch = self._epoch()
        objective = self._objective_of(data.blocks, known, moments, epoch.seed)
        start = objective.zeros() if first else self.parameters(objective)
        choice = Choice(epoch, "one epoch of SGD a call of partial_fit")
        self._adopt(objective, known, choice, self._minimize(objective, choice, start))
        self._moments = seen
        return self

    def _known_classes(self, classes: Any) -> Array:
        """The labels of all calls of `partial_fit`, sorted."""
        first = not hasattr(self, "coef_")
        if first and classes is None:
            raise ValueError(
                "classes must be given on the first call to partial_fit: "
                "every label that will occur."
            )
        known = self.classes_ if classes is None else np.unique(labels_of("classes", classes))
        if not first and not np.array_equal(known, self.classes_):
            raise ValueError(
                f"classes={classes!r} differ from those of the first call, {self.classes_!r}; "
                "leave them out."
            )
        return known

    def _epoch(self) -> SGD:
        """SGD for the next call of `partial_fit`, with its own order of the rows."""
        sgd = self.optimizer if isinstance(self.optimizer, SGD) else SGD()
        self._calls = getattr(self, "_calls", -1) + 1
        given = self._seed()
        seed = sgd.seed if given is None else given
        return replace(sgd, epochs=1, schedule=Constant(), seed=seed + self._calls)

    def _check_options(self) -> None:
        super()._check_options()
        if self.strength is not None:
            check_number("strength", self.strength, at_least=0)

    def _objective_of(
        self, blocks: Blocks, classes: Array, moments: Moments | None, seed: int | None
    ) -> Objective:
        """The objective; noise is drawn with the seed, or with that of the optimizer."""
        penalty = make_penalty(self.penalty, self.strength)
        objective = self._objective(blocks, len(classes), penalty, moments)
        own = getattr(self.optimizer, "seed", 0)
        return with_noise(objective, self.noise, own if seed is None else seed)

    def _start(self, objective: Objective, classes: Array) -> Array:
        if not self.warm_start or not hasattr(self, "coef_"):
            return objective.zeros()
        n_features = self.coef_.shape[1]
        if not np.array_equal(classes, self.classes_) or n_features != self.n_features_in_:
            raise ValueError(
                f"warm_start=True goes on from {len(self.classes_)} classes and {n_features} "
                f"features, but the data have {len(classes)} classes and {self.n_features_in_} "
                "features; set warm_start=False."
            )
        return self.parameters(objective)

    def parameters(self, objective: Objective) -> Array:
        """The fitted coefficients as W (D+1, 1, C), in the standardized units of an objective."""
        coef, intercept = self._arrays()
        coef = coef.astype(np.float64)
        if len(self.classes_) == 2:
            coef = np.concatenate([-coef, coef]) / 2
            intercept = np.concatenate([-intercept, intercept]) / 2
        linear = objective.linear
        V = taken(coef, objective.blocks).T
        return unfolded(linear, V, intercept + linear.center @ V)[:, None, :]

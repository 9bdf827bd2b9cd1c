"""The base of all classifiers by scores: options, checks, predictions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from halfspaces.engines.collections import labels_here, with_labels
from halfspaces.engines.devices.placing import check_device, check_one_device
from halfspaces.estimators.calibration import Calibration
from halfspaces.estimators.checked_data import Data, check_data, check_rows, in_units
from halfspaces.estimators.components import make_loss
from halfspaces.estimators.finite import check_finite
from halfspaces.estimators.given import labels_of
from halfspaces.estimators.lazily import lazy_for_dask
from halfspaces.estimators.reliability import Reliability
from halfspaces.estimators.residence import resident
from halfspaces.estimators.sklearn_callbacks import CallbackSupportMixin
from halfspaces.estimators.threshold import Threshold
from halfspaces.loop.result import Result
from halfspaces.loop.run import Callback
from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.optimizers.choose import Choice
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array, Block, Features
from halfspaces.support.validation import check_number
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.compiling import printing
from halfspaces.system.libraries import Library, as_numpy
from halfspaces.tuning.store import store_in


class Scorer(NamedTuple):
    """How rows are scored: a function of a block, the blocks, and their `columns`.

    Scores have shape (B, C), or (B,) for two classes: the difference of their scores.
    """

    scores_of: Callable[[Block], Array]
    blocks: Blocks
    columns: int | None


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


def winners(
    scores: Array,
    loss: Loss,
    calibration: Calibration | None = None,
    threshold: Threshold | None = None,
) -> Array:
    """The position (N,) of each row's class: that of the largest score, or calibrated probability.

    Scores have shape (N, C), or (N,) for two classes: the difference of their scores, which a
    threshold is compared with.
    """
    if threshold is not None:
        return (scores > threshold.score).astype(np.intp)
    if calibration is not None and not calibration.keeps_order:
        return np.argmax(probabilities(scores, loss, calibration), axis=1)
    return np.argmax(scores, axis=1) if scores.ndim == 2 else (scores > 0).astype(np.intp)


def has_probabilities(estimator: Any) -> bool:
    """True; AttributeError if neither the loss nor a calibration gives probabilities."""
    calibrated = getattr(estimator, "calibrate", None) or getattr(estimator, "calibration_", None)
    if calibrated is None and make_loss(estimator.loss).probability is None:
        raise AttributeError(
            f"loss={estimator.loss!r} gives no probabilities; use loss='softmax' or "
            "'ova_logistic', or LinearClassifierCV(calibrate='temperature')."
        )
    return True


def reliability_of(classifier: "ScoreModel") -> Reliability:
    """What held-out rows say of the classifier; ValueError if there were none."""
    check_is_fitted(classifier)
    if classifier.reliability_ is None:
        raise ValueError(
            "The classifier has no scores of held-out rows; fit a LinearClassifierCV, or train "
            "with λ chosen: without --strength, or with --strength and --calibrate temperature."
        )
    return classifier.reliability_


def reliable_probabilities(classifier: "ScoreModel", scores: Array) -> Array:
    """Probabilities (N, C) as those that its reliability was learned from.

    Those of `predict_proba`, or of a temperature where the classifier has none.
    """
    learned = classifier.calibration_ or reliability_of(classifier).calibration
    return probabilities(scores, make_loss(classifier.loss), learned)


class ScoreModel(CallbackSupportMixin, ClassifierMixin, BaseEstimator, ABC):
    """A classifier whose class is the one with the largest score."""

    loss: str | Loss
    class_weight: Any
    tol: float
    max_passes: float
    n_jobs: int | None
    random_state: Any
    verbose: int
    callbacks: Sequence[Callback]

    classes_: Array
    n_iter_: int
    n_features_in_: int
    feature_names_in_: Array  # where X had column names
    features_dtype_: str  # the type of the X that was fitted
    notes_: dict[str, Any]  # of a loaded model: the notes saved with it
    _library: Library = Library()  # of the X that was fitted, and of `coef_`
    features_: Any  # of a loaded classifier: the fitted feature whose rows it takes, if any
    calibration_: Calibration | None = None
    threshold_: Threshold | None = None  # of two classes, where one was chosen
    reliability_: Reliability | None = None  # of a search, or of a model that one has saved
    optimizer_choice_: str
    result_: Result

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_options(self) -> None:
        """Raise for an option out of range; scikit-learn's conventions leave this to `fit`."""
        check_device(getattr(self, "device", "auto"))
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
        self._library = Library.of(X) if hasattr(self, "device") else Library()
        softmax = make_loss(self.loss).probability == "softmax"
        return check_data(
            self, X, y, sample_weight, reset=reset, every_class_counts=softmax, classes=classes
        )

    def _seed(self) -> int | None:
        if self.random_state is None:
            return None
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _minimize(
        self,
        objective: Objective,
        choice: Choice,
        start: Array | None = None,
        validation: Blocks | None = None,
        heard: Sequence[Callback] = (),
    ) -> Result:
        """The run of the chosen optimizer, which goes on from a checkpoint if there is one."""
        if self.verbose > 0:
            print(f"{type(self).__name__}: {choice.why}.")
        store = store_in(self.callbacks)
        with printing(self.verbose):
            result = minimize(
                resident(objective, choice.optimizer, self.callbacks),
                choice.optimizer,
                start,
                tol=self.tol,
                max_passes=self.max_passes,
                validation=validation,
                callbacks=[*self.callbacks, *heard],
                resume=None if store is None else store.run(objective, choice.optimizer),
                progress=self.verbose >= 0,
            )
        if self.verbose > 0:
            print(f"{type(self).__name__}: {result}")
        return replace(result, W=np.asarray(result.W))

    # --- predicting ------------------------------------------------------------------------------

    @lazy_for_dask
    @one_blas_thread()
    def decision_function(self, X: Any) -> Array:
        """Scores, shape (N, C); for two classes the difference of the two, shape (N,).

        They are an array of the library of X, and on its device, as all that is predicted; of
        Dask, a collection that its workers compute later.
        """
        return self._as(X, self._scores(X))

    def _scores(self, X: Any) -> Array:
        return np.concatenate(list(self._by_block(X, lambda scores: scores)))

    def _as(self, X: Any, values: Array) -> Any:
        """What is predicted for X, as an array of its library and on its device."""
        return Library.of(X).array(values) if hasattr(self, "device") else values

    @lazy_for_dask
    @one_blas_thread()
    def predict(self, X: Any) -> Array:
        """The class with the largest score for each row.

        With a calibration that of the largest probability, as scikit-learn's CalibratedClassifierCV
        predicts: sigmoids may change the order of the classes. With a threshold the second of two
        classes where its score is above it.
        """
        check_is_fitted(self)
        how = make_loss(self.loss), self.calibration_, self.threshold_
        kind = np.min_scalar_type(len(self.classes_))

        def positions(scores: Array) -> Array:
            return winners(scores, *how).astype(kind)

        predicted = self.classes_[np.concatenate(list(self._by_block(X, positions)))]
        return self._as(X, predicted)

    def score(self, X: Any, y: object, sample_weight: Any = None) -> float:
        """The accuracy: the part of the rows (weighted) whose class is predicted.

        Of a collection of Dask or Ray, y may name a column of X.
        """
        X, y = with_labels(X, y)
        check_one_device(X, {"y": y})
        weight = None
        if sample_weight is not None:
            weight, _ = in_units(np.asarray(as_numpy(sample_weight), float))
        predicted = as_numpy(labels_here(self.predict(X)))
        return float(accuracy_score(labels_of("y", y), predicted, sample_weight=weight))

    def _by_block(self, X: Any, finish: Callable[[Array], Array]) -> Iterator[Array]:
        """The value of `finish` for the scores of each block of rows, in order.

        Scores have shape (B, C), or (B,) for two classes. Values that are not finite are found by
        their scores, which are not finite either: X needs no visit of its own.
        """
        check_is_fitted(self)
        X = check_rows(self, "X", X, finite=False)
        scores_of, blocks, columns = self._scorer(X)

        def visit(block: Block) -> tuple[Array, bool]:
            with np.errstate(over="ignore", invalid="ignore"):  # checked below
                scores = scores_of(block)
            return finish(scores), bool(np.isfinite(scores).all())

        checked = False
        for values, finite in blocks.map(visit, columns=columns):
            if not (finite or checked):
                check_finite("X", X)
                checked = True
            yield values

    @abstractmethod
    def _scorer(self, X: Features) -> Scorer:
        """How these rows are scored."""

    @available_if(has_probabilities)
    @lazy_for_dask
    def predict_proba(self, X: Any) -> Array:
        """Class probabilities, shape (N, C).

        Those of the calibration, if there is one; else the softmax of the scores, or the logistic
        of each class's score, normalized to sum 1.
        """
        scores = self._scores(X)
        return self._as(X, probabilities(scores, make_loss(self.loss), self.calibration_))

    @available_if(has_probabilities)
    @lazy_for_dask
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return self._as(X, np.log(as_numpy(self.predict_proba(X))))

    def predict_set(self, X: Any, coverage: float = 0.95, *, by_class: bool = False) -> Array:
        """For each row the labels that hold the right one as often as `coverage` says.

        Parameters
        ----------
        X : array or sparse matrix, shape (N, D)
        coverage : float, default 0.95
            The part of the sets of new rows, like those that were held out, that holds the right
            label, above 0 and below 1: see `halfspaces.estimators.reliability.PredictionSets`.
        by_class : bool, default False
            Keep the promise for the rows of each class; the sets are larger.

        Returns
        -------
        array of bool, shape (N, C)
            Whether each label, in the order of `classes_`, is in the set; the likeliest always is.

        Raises
        ------
        ValueError, TypeError
            If the classifier has no scores of held-out rows, or the coverage is out of range.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from halfspaces import LinearClassifierCV
        >>> X, y = load_iris(return_X_y=True)
        >>> LinearClassifierCV(strengths=[0.01]).fit(X, y).predict_set(X[:1], 0.99).tolist()
        [[True, False, False]]
        """
        sets = reliability_of(self).sets
        p = reliable_probabilities(self, self._scores(X))
        return self._as(X, sets.of(p, coverage, by_class=by_class))

    def accepts(self, X: Any, max_error: float = 0.05, *, confidence: float = 0.95) -> Array:
        """Which predictions to accept so that at most a part `max_error` of these is wrong.

        Parameters
        ----------
        X : array or sparse matrix, shape (N, D)
        max_error : float, default 0.05
        confidence : float, default 0.95
            Of the threshold: see `halfspaces.estimators.reliability.Acceptance`.

        Returns
        -------
        array of bool, shape (N,)
            Whether the probability of the predicted label is high enough.

        Raises
        ------
        ValueError, TypeError
            If the classifier has no scores of held-out rows, these do not prove such an error, or
            a number is out of range.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from halfspaces import LinearClassifierCV
        >>> X, y = load_digits(return_X_y=True)
        >>> classifier = LinearClassifierCV(strengths=[0.01]).fit(X, y)
        >>> print(0.9 < classifier.accepts(X, max_error=0.03).mean() < 1)
        True
        """
        found = reliability_of(self).acceptance.below(max_error, confidence=confidence)
        scores = self._scores(X)
        predicted = winners(scores, make_loss(self.loss), self.calibration_, self.threshold_)
        p = reliable_probabilities(self, scores)
        return self._as(X, p[np.arange(len(p)), predicted] >= found.threshold)

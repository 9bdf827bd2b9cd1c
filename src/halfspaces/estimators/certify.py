"""The proven distance of any linear classifier from the minimum of a loss and a penalty."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.linear import LinearModel, unfolded
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers.choose import choose_for
from halfspaces.proofs.minimize import minimize
from halfspaces.support.types import Array
from halfspaces.system.libraries import as_numpy


@dataclass(frozen=True)
class Certificate:
    """L(W) of a classifier, and a proven lower bound on the minimum of L.

    Parameters
    ----------
    loss : float
        L(W), in float64.
    lower : float
        No W has a lower loss than this.
    """

    loss: float
    lower: float

    @property
    def gap(self) -> float:
        """A proven bound on L(W) − min L; infinite where nothing is proved."""
        return max(self.loss - self.lower, 0.0)

    def __str__(self) -> str:
        if not np.isfinite(self.gap):
            return f"L(W) = {self.loss:.6g}; without a penalty above 0 no bound can be proved."
        part = f" ({self.gap / self.loss:.2g} of it)" if self.loss > 0 else ""
        return f"L(W) = {self.loss:.6g} is at most {self.gap:.3g}{part} above the minimum."


def certify(
    classifier: Any,
    X: Any,
    y: Any,
    *,
    loss: Any = None,
    penalty: Any = None,
    strength: float | None = None,
    sample_weight: Any = None,
    tol: float = 1e-4,
    max_passes: float = 200,
    progress: bool = False,
) -> Certificate:
    """How far a fitted linear classifier is from the best one, proved.

    Whoever fitted it and however: the minimum of L(W) = Σ w_i L_i/Σ w_i + λR(W) over these examples
    is bounded from below by Fenchel duality (see `halfspaces.objective.certificate`), at the end of
    a run that begins at the classifier's W. The classifier is not changed.

    Parameters
    ----------
    classifier
        One of ours; an object with `coef_` and `intercept_`, as scikit-learn's; a layer with
        `weight` (C, D) and `bias` (C,), as torch's; or the pair of these two arrays.
    X, y, sample_weight
        The training data, as of `LinearClassifier.fit`.
    loss, penalty, strength
        As of `LinearClassifier`: what the classifier should minimize, of features as they are.
        `halfspaces.convert.to_penalty` knows what C, alpha and weight decay of other libraries
        mean. Not needed for one of our classifiers.
    tol : float
        The bound is at most this part of the minimum below it, unless the run reaches its limit.
    max_passes : float
        The limit, in visits to all examples.
    progress : bool
        A progress bar on a terminal once the run takes longer than a second.

    Returns
    -------
    Certificate
        Its `gap` is the number, `str` of it a sentence.

    Raises
    ------
    ValueError
        If loss and penalty are missing, or the shapes do not fit.

    References
    ----------
    Rockafellar, Convex Analysis, 1970, §31.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from halfspaces.convert import to_penalty
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = LogisticRegression(tol=0.1, max_iter=1000).fit(X, y)
    >>> size = {"n_examples": 150, "n_classes": 3}
    >>> penalty = to_penalty("sklearn.LogisticRegression", **size)
    >>> certificate = certify(theirs, X, y, loss="softmax", penalty=penalty)
    >>> print(certificate)
    L(W) = ... is at most ... above the minimum.
    >>> certify(LinearClassifier(tol=1e-6).fit(X, y), X, y).gap < 1e-6
    True
    """
    if isinstance(classifier, LinearModel):
        check_is_fitted(classifier)
        objective, W = _ours(classifier, X, y, loss, penalty, strength, sample_weight)
    elif loss is None or penalty is None:
        raise ValueError(
            f"certify(...) needs to know what {type(classifier).__name__} minimizes: give loss=... "
            "and penalty=..., such as loss='softmax', penalty=L2(0.01)."
        )
    else:
        model = LinearClassifier(loss, penalty, strength=strength, standardize=False)
        objective = model.objective(X, y, sample_weight)
        W = _theirs(classifier, objective)
    with np.errstate(over="ignore", invalid="ignore"):
        value = objective.in_double.evaluate(Request(W, gradient=False)).exact_total
    best = minimize(
        objective,
        choose_for(objective).optimizer,
        W,
        tol=tol,
        max_passes=max_passes,
        progress=progress,
    )
    return Certificate(float(value[0]), float(best.loss[0] - best.gap[0]))


def _ours(
    classifier: LinearModel, X: Any, y: Any, loss: Any, penalty: Any, strength: Any, weight: Any
) -> tuple[Objective, Array]:
    """The objective of one of our classifiers and its W."""
    given: Any = classifier
    if penalty is None and strength is None:
        strength = getattr(classifier, "strength_", getattr(classifier, "strength", None))
    model = LinearClassifier(
        given.loss if loss is None else loss,
        given.penalty if penalty is None else penalty,
        strength=strength,
        standardize=given.standardize,
        fit_intercept=given.fit_intercept,
        class_weight=given.class_weight,
    )
    objective = model.objective(X, y, weight)
    model.classes_, model.n_features_in_ = given.classes_, given.n_features_in_
    model.coef_, model.intercept_ = given.coef_, given.intercept_
    return objective, model.parameters(objective)


def _theirs(classifier: Any, objective: Objective) -> Array:
    """The weights of another library's classifier as W (D+1, 1, C), for features as they are."""
    if isinstance(classifier, tuple | list):
        coef, intercept = classifier
    elif hasattr(classifier, "coef_"):
        coef, intercept = classifier.coef_, classifier.intercept_
    else:
        coef, intercept = _numbers(classifier.weight), _numbers(classifier.bias)
    coef = np.atleast_2d(np.asarray(as_numpy(coef), dtype=np.float64))
    intercept = np.broadcast_to(np.asarray(as_numpy(intercept), dtype=np.float64), len(coef))
    if len(coef) == 1 and objective.n_classes == 2:
        # One column for two classes; one-vs-all losses see it and its negative.
        half = 0.5 if objective.loss.shift_invariant else 1.0
        coef = half * np.concatenate([-coef, coef])
        intercept = half * np.concatenate([-intercept, intercept])
    if coef.shape != (objective.n_classes, objective.n_features):
        needed = f"(C, D) = ({objective.n_classes}, {objective.n_features}) of these data"
        raise ValueError(f"The weights have the shape {coef.shape}, not {needed}.")
    linear = objective.linear
    return unfolded(linear, coef.T, intercept + coef @ linear.center)[:, None, :]


def _numbers(tensor: Any) -> Array:
    """A tensor as an array; 0 for None."""
    return np.zeros(1) if tensor is None else np.asarray(tensor.detach().cpu())

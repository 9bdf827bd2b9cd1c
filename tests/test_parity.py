"""Independent solvers at the same objective, on the bundled digits: the same minimum, and none
below a proven bound.

Both solutions are judged by one formula, written here in plain NumPy and float64. With Σ w_i as N:

* `LogisticRegression` minimizes C Σ w_i L_i + ½ ΣW², so C = 1/(2λN); of two classes it fits one
  column, the difference of our two: ΣW² of ours is half of its, so C = 1/(λN). An L1 norm has no ½
  and the two columns have together the norm of their difference: C = 1/(λN) in both cases.
* `LinearSVC` minimizes ½ Σ w_c² + C Σ_i L_i for one class after the other, so C = 1/(2λN); of two
  classes it fits one column, where ours are the two, which mirror each other.
"""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from halfspaces import LinearClassifier
from halfspaces.penalties.elastic_net import ElasticNet

X, Y = load_digits(return_X_y=True)
X = X / 16
SMOOTH, KINKS = 1e-6, 1e-4


pytestmark = pytest.mark.usefixtures("one_blas_thread")


def two_columns(classifier):
    """Weights (C, D) and biases (C,), of two classes too."""
    coef = classifier.coef_
    intercept = np.broadcast_to(classifier.intercept_, len(coef))
    if len(coef) > 1:
        return coef, intercept
    half = 1 if isinstance(classifier, LinearSVC) else 0.5
    return np.concatenate([-half * coef, half * coef]), np.concatenate(
        [-half * intercept, half * intercept]
    )


def softmax(scores, right):
    return np.logaddexp.reduce(scores, axis=1) - scores[right]


def ova_hinge(scores, right, power=1):
    return np.sum(np.maximum(0, 1 - np.where(right, scores, -scores)) ** power, axis=1)


def ova_squared_hinge(scores, right):
    return ova_hinge(scores, right, power=2)


def crammer_singer(scores, right):
    return np.max(scores + ~right, axis=1) - scores[right]


def l2(W):
    return np.sum(W**2)


def l1(W):
    return np.sum(abs(W))


def value(classifier, X, y, loss, penalty, strength, weight=None):
    """L(W) in plain NumPy."""
    coef, intercept = two_columns(classifier)
    right = y[:, None] == classifier.classes_
    losses = loss(X @ coef.T + intercept, right)
    return np.average(losses, weights=weight) + strength * penalty(coef)


def assert_same_minimum(ours, theirs, X, y, loss, penalty, strength, *, tolerance, weight=None):
    classifier, other = (each.fit(X, y, sample_weight=weight) for each in (ours, theirs))
    mine, its = (value(each, X, y, loss, penalty, strength, weight) for each in (classifier, other))
    assert mine == pytest.approx(its, rel=tolerance)
    assert classifier.result_.loss[0] == pytest.approx(mine, rel=1e-12)
    assert its >= mine - classifier.result_.gap[0] - 1e-14  # no solver gets below a proven bound


def digits(n_classes, kind):
    rows = n_classes > Y
    N = rows.sum()
    return (
        X[rows],
        Y[rows],
        np.random.default_rng(0).integers(0, 4, N) / 3 if kind == "weighted" else None,
    )


def logistic_regression(C, *, l1_ratio=0.0):
    if l1_ratio == 0:
        return LogisticRegression(C=C, solver="newton-cholesky", tol=1e-9, max_iter=1000)
    return LogisticRegression(
        C=C, solver="saga", l1_ratio=l1_ratio, tol=1e-6, max_iter=5000, random_state=0
    )


@pytest.mark.parametrize("strength", [1e-2, 1e-4])
@pytest.mark.parametrize("kind", ["plain", "weighted"])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_softmax(n_classes, kind, strength):
    data, y, weight = digits(n_classes, kind)
    N = len(y) if weight is None else weight.sum()
    C = 1 / (strength * N) if n_classes == 2 else 1 / (2 * strength * N)
    ours = LinearClassifier(strength=strength, standardize=False, tol=1e-8)
    theirs = logistic_regression(C)
    assert_same_minimum(
        ours, theirs, data, y, softmax, l2, strength, tolerance=SMOOTH, weight=weight
    )
    np.testing.assert_allclose(ours.predict_proba(data), theirs.predict_proba(data), atol=2e-3)


@pytest.mark.parametrize("kind", ["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "n_classes", "options", "tolerance"),
    [
        (ova_squared_hinge, 2, {"loss": "squared_hinge", "dual": False, "tol": 1e-9}, SMOOTH),
        (ova_squared_hinge, 10, {"loss": "squared_hinge", "dual": False, "tol": 1e-9}, SMOOTH),
        (ova_hinge, 2, {"loss": "hinge", "dual": True, "tol": 1e-6}, KINKS),
        (ova_hinge, 10, {"loss": "hinge", "dual": True, "tol": 1e-6}, KINKS),
        (crammer_singer, 10, {"multi_class": "crammer_singer", "tol": 1e-6}, KINKS),
    ],
)
def test_hinges(loss, n_classes, options, tolerance, kind):
    data, y, weight = digits(n_classes, kind)
    strength = 3e-2
    C = 1 / (2 * strength * (len(y) if weight is None else weight.sum()))
    theirs = LinearSVC(C=C, fit_intercept=False, max_iter=100_000, random_state=0, **options)
    ours = LinearClassifier(
        loss.__name__, strength=strength, standardize=False, fit_intercept=False, tol=tolerance
    )
    assert_same_minimum(
        ours, theirs, data, y, loss, l2, strength, tolerance=tolerance, weight=weight
    )


@pytest.mark.parametrize("n_classes", [2, 10])
def test_softmax_with_l1(n_classes):
    data, y, _ = digits(n_classes, "plain")
    strength = 1e-2
    ours = LinearClassifier(penalty="l1", strength=strength, standardize=False, tol=KINKS / 10)
    theirs = logistic_regression(1 / (strength * len(y)), l1_ratio=1)
    assert_same_minimum(ours, theirs, data, y, softmax, l1, strength, tolerance=KINKS)
    zeros = ours.coef_ == 0
    assert 0.1 < zeros.mean() < 1
    assert abs(theirs.coef_[zeros]).max() < 0.05


def test_softmax_with_elastic_net():
    """C Σ L_i + ρ Σ|W| + ½(1 − ρ) ΣW² is ours with λ = ρ/(CN) and β = (1 − ρ)/(2ρ)."""
    strength, ratio = 5e-3, 0.6
    beta = (1 - ratio) / (2 * ratio)
    ours = LinearClassifier(penalty=ElasticNet(strength, beta), standardize=False, tol=KINKS / 10)
    theirs = logistic_regression(ratio / (strength * len(Y)), l1_ratio=ratio)
    assert_same_minimum(
        ours, theirs, X, Y, softmax, lambda W: beta * l2(W) + l1(W), strength, tolerance=KINKS
    )


def test_standardization_is_that_of_a_standard_scaler_and_offsets_are_nothing():
    scaled, strength = StandardScaler().fit_transform(X), 1e-2
    scores = (
        logistic_regression(1 / (2 * strength * len(Y))).fit(scaled, Y).decision_function(scaled)
    )
    scores -= scores.mean(axis=1, keepdims=True)
    for offset in (0, 500):
        ours = LinearClassifier(strength=strength, tol=1e-9).fit(X + offset, Y)
        np.testing.assert_allclose(ours.decision_function(X + offset), scores, atol=1e-3)

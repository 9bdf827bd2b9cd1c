"""The certificate of any linear classifier."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale
from sklearn.svm import LinearSVC

from halfspaces import LinearClassifier, LinearClassifierCV, certify
from halfspaces.convert import to_penalty
from halfspaces.penalties.l2 import L2

DATA = [load_iris, load_breast_cancer]


def standardized(load):
    X, y = load(return_X_y=True)
    return scale(X), y, {"n_examples": len(y), "n_classes": len(np.unique(y))}


@pytest.mark.parametrize("load", DATA)
def test_the_gap_of_another_library_holds_and_is_tight(load):
    X, y, size = standardized(load)
    penalty = to_penalty("sklearn.LogisticRegression", **size)
    early, late = (
        LogisticRegression(max_iter=steps, tol=tol).fit(X, y)
        for steps, tol in ((4, 1), (5000, 1e-8))
    )
    known = {"loss": "softmax", "penalty": penalty}
    rough, close = (certify(model, X, y, tol=1e-7, **known) for model in (early, late))
    assert close.gap < 1e-5 * close.loss
    assert rough.loss - close.loss <= rough.gap <= rough.loss - close.loss + 1e-5
    same = certify((late.coef_, late.intercept_), X, y, tol=1e-7, **known)
    assert same == close
    assert "above the minimum" in str(close)


def test_one_vs_all_of_two_classes():
    X, y, size = standardized(load_breast_cancer)
    penalty = to_penalty("sklearn.LinearSVC", C=0.01, loss="ova_squared_hinge", **size)
    svm = LinearSVC(C=0.01, intercept_scaling=1e3, tol=1e-6, max_iter=100_000).fit(X, y)
    assert certify(svm, X, y, loss="ova_squared_hinge", penalty=penalty).gap < 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["softmax", "hinge", "ova_hinge", "crammer_singer"])
@pytest.mark.parametrize("standardize", [True, False])
def test_our_own(loss, standardize):
    X, y = load_iris(return_X_y=True)
    classifier = LinearClassifier(loss, standardize=standardize).fit(X, y)
    certificate = certify(classifier, X, y)
    assert certificate.loss == pytest.approx(float(classifier.result_.loss[0]), rel=1e-6)
    assert certificate.gap <= 2 * float(classifier.result_.gap[0]) + 1e-4
    worse = certify(classifier, X, y, strength=1e-4)
    assert worse.gap > certificate.gap


def test_a_search_and_what_is_missing():
    X, y = load_iris(return_X_y=True)
    search = LinearClassifierCV(strengths=[0.1, 0.01], cv=3).fit(X, y)
    assert certify(search, X, y).gap < 1e-2
    with pytest.raises(ValueError, match="give loss="):
        certify(LogisticRegression(max_iter=500).fit(X, y), X, y)
    with pytest.raises(ValueError, match=r"not \(C, D\) = \(3, 4\)"):
        certify((np.ones((3, 5)), np.ones(3)), X, y, loss="softmax", penalty=L2(0.1))

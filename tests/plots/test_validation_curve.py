"""The picture of λ and the scores on validation rows."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.plots import ValidationCurveDisplay

DIGITS = load_digits(return_X_y=True)
X, Y = DIGITS[0][:300], DIGITS[1][:300]
STRENGTHS = [1.0, 0.1, 0.01]

# --- errors ---------------------------------------------------------------------------------------


def test_a_plot_of_nothing_says_so():
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        LinearClassifierCV().plot_validation()


# --- plots and the command line -------------------------------------------------------------------


def test_plot():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    searched = LinearClassifierCV(strengths=STRENGTHS, cv=3, scoring="loss", tol=0.1).fit(X, Y)
    ax = searched.plot_validation(figure.subplots())
    assert ax.get_xscale() == "log"
    points = ax.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(points, np.stack([STRENGTHS, searched.scores_.mean(axis=1)], axis=1))
    (bars,) = ax.containers[0].lines[2]
    lengths = [np.ptp(segment[:, 1]) for segment in bars.get_segments()]
    np.testing.assert_allclose(lengths, 2 * 1.959964 * searched.cv_results_["standard_error"])
    marked = [text.get_text() for text in ax.get_legend().get_texts()]
    assert marked[0] == f"chosen: λ = {searched.strength_:.3g}"
    assert marked[1].startswith("one standard error: λ = ")


def test_the_same_curve_from_an_estimator_its_table_and_rows():
    searched = LinearClassifierCV(strengths=STRENGTHS, cv=3, tol=0.1).fit(X, Y)
    of_it = ValidationCurveDisplay.from_estimator(searched)
    chosen = searched.strength_
    table = ValidationCurveDisplay.from_result(
        searched.cv_results_, chosen=chosen, score="accuracy"
    )
    numbers = {
        "strength": of_it.strengths,
        "score": of_it.scores,
        "error": searched.cv_results_["standard_error"],
        "low": of_it.low,
        "high": of_it.high,
    }
    rows = [{name: numbers[name][row] for name in numbers} for row in (1, 0, 2)]
    plain = ValidationCurveDisplay.from_rows(rows, chosen=chosen, score="accuracy")
    assert of_it.alt == table.alt == plain.alt
    assert of_it.within_one_error == plain.within_one_error
    for name in ("strengths", "scores", "low", "high"):
        np.testing.assert_array_equal(getattr(of_it, name), getattr(plain, name))


@pytest.mark.slow
def test_the_curve_of_scikit_learns_search():
    classifier = LinearClassifier(tol=0.1)
    grid = GridSearchCV(classifier, {"strength": STRENGTHS}, cv=3, return_train_score=True)
    display = ValidationCurveDisplay.from_estimator(grid.fit(X[:120], Y[:120]))
    assert display.chosen == grid.best_params_["strength"]
    folds = np.stack([grid.cv_results_[f"split{fold}_test_score"] for fold in range(3)])
    error = np.std(folds, axis=0, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(display.high - display.scores, 1.959964 * error, rtol=1e-6)
    assert display.training is not None
    grid = GridSearchCV(classifier, {"strength": [0.1], "loss": ["softmax", "hinge"]}, cv=2)
    with pytest.raises(ValueError, match="varied loss, strength; give one that varied"):
        ValidationCurveDisplay.from_estimator(grid.fit(X[:60], Y[:60]))


def test_a_fit_without_a_search_says_so():
    with pytest.raises(ValueError, match="has not compared strengths; give a fitted"):
        ValidationCurveDisplay.from_estimator(LinearClassifier())

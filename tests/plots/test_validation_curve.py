"""The picture of λ and the scores on validation rows."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from halfspaces import LinearClassifierCV
from halfspaces.plots import plot_validation

DIGITS = load_digits(return_X_y=True)
X, Y = DIGITS[0][:300], DIGITS[1][:300]
STRENGTHS = [1.0, 0.1, 0.01]

# --- errors ---------------------------------------------------------------------------------------


def test_a_plot_of_nothing_says_so():
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        plot_validation(LinearClassifierCV())


# --- plots and the command line -------------------------------------------------------------------


def test_plot():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    searched = LinearClassifierCV(strengths=STRENGTHS, cv=3, scoring="loss", tol=0.1).fit(X, Y)
    ax = plot_validation(searched, figure.subplots())
    assert ax.get_xscale() == "log"
    points = ax.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(points, np.stack([STRENGTHS, searched.scores_.mean(axis=1)], axis=1))
    (bars,) = ax.containers[0].lines[2]
    lengths = [np.ptp(segment[:, 1]) for segment in bars.get_segments()]
    np.testing.assert_allclose(lengths, 2 * 1.959964 * searched.cv_results_["standard_error"])
    marked = [text.get_text() for text in ax.get_legend().get_texts()]
    assert marked[0] == f"chosen: λ = {searched.strength_:.3g}"
    assert marked[1].startswith("one standard error: λ = ")

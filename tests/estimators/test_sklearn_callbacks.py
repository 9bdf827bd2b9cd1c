"""scikit-learn's callbacks hear of our fits, where scikit-learn has them (1.9)."""

import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from halfspaces import LinearClassifier

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9")
X, Y = load_iris(return_X_y=True)


class Counting:
    """Counts what it hears, in the form of scikit-learn's protocol."""

    def __init__(self):
        self.ended = 0

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **what):
        pass

    def on_fit_task_end(self, estimator, context, **what):
        self.ended += context.task_name == "iterate"

    def teardown(self, estimator, context):
        pass


def test_a_search_shows_the_progress_of_our_fits(capsys):
    """Warnings are errors here: scikit-learn warns of estimators that hear no callbacks."""
    search = GridSearchCV(LinearClassifier(tol=1e-2), {"strength": [1.0, 0.1]}, cv=2)
    search.set_callbacks(callback.ProgressBar()).fit(X, Y)
    shown = capsys.readouterr().out
    assert "LinearClassifier - fit #3" in shown
    assert "100%" in shown


def test_a_callback_hears_of_every_iterate():
    heard = Counting()
    classifier = LinearClassifier().set_callbacks(heard).fit(X, Y)
    assert heard.ended >= len(classifier.result_.history) - 1
    assert heard.ended > 1

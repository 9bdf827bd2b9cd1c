"""scikit-learn's callbacks hear of every iterate, and are torn down whatever happens."""

import warnings

import pytest
from sklearn.model_selection import GridSearchCV

from halfspaces import LinearClassifier, LinearClassifierCV
from tests.helpers import DIGITS

callback = pytest.importorskip("sklearn.callback", reason="came with scikit-learn 1.9")
X, Y = DIGITS.X[:200], DIGITS.y[:200]


class Heard:
    """A callback that counts."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def on_fit_task_begin(self, estimator, context, **_):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, **_):
        self.events.append(f"end {context.task_name}")
        return False

    def teardown(self, estimator, context):
        self.events.append("teardown")


@pytest.mark.parametrize(
    "classifier", [LinearClassifier(), LinearClassifierCV(strengths=[1.0, 0.1], cv=2)], ids=repr
)
def test_every_iterate_is_heard_of(classifier):
    heard = Heard()
    classifier.set_callbacks(heard).fit(X, Y)
    assert heard.events[0] == "setup"
    assert heard.events[-1] == "teardown"
    iterates = heard.events.count("end iterate")
    assert iterates == heard.events.count("begin iterate") >= len(classifier.result_.history)


def test_callbacks_are_torn_down_after_a_failure():
    heard = Heard()

    def fails(run):
        raise RuntimeError("a callback of the user")

    with pytest.raises(RuntimeError, match="of the user"):
        LinearClassifier(callbacks=[fails]).set_callbacks(heard).fit(X, Y)
    assert heard.events[-1] == "teardown"


def test_a_grid_search_shows_progress_and_does_not_warn(capfd):
    search = GridSearchCV(LinearClassifier(), {"strength": [1.0, 0.1]}, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.set_callbacks(callback.ProgressBar()).fit(X, Y)
    assert "GridSearchCV" in "".join(capfd.readouterr())

"""The history of a training: what is written, what is left out, what is refused."""

import numpy as np
import pytest

from halfspaces import LinearClassifier, minimize
from halfspaces.files import history
from halfspaces.loop.result import History
from halfspaces.optimizers import LBFGS, SGD
from halfspaces.system.atomic import FileError
from tests.helpers import DIGITS

X, Y = DIGITS.X[:200], DIGITS.y[:200]


@pytest.mark.parametrize("optimizer", [LBFGS(), SGD(step_size=1e-3, epochs=2)], ids=repr)
def test_what_is_written_is_read(optimizer, tmp_path):
    classifier = LinearClassifier(optimizer=optimizer).fit(X, Y, validation=(X, Y))
    curves = classifier.result_.history
    history.write(tmp_path / "m.history.csv", curves)
    assert history.is_history(tmp_path / "m.history.csv")
    read = history.read(tmp_path / "m.history.csv")
    assert list(read) == list(curves)
    for name, column in read.items():
        np.testing.assert_allclose(column, curves[name], rtol=1e-9)


def test_of_a_long_run_some_iterates_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "MOST_ROWS", 10)
    assessed = np.full(95, np.nan)
    assessed[[3, 50]] = 1.0
    curves = {name: np.arange(95.0) for name in history.BEGINNING} | {"validation_loss": assessed}
    history.write(tmp_path / "h.csv", curves)
    kept = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 3, 94}
    assert set(history.read(tmp_path / "h.csv")["passes"]) == kept


def test_members_have_columns_of_their_own(tmp_path):
    objective = LinearClassifier(strength=0.1).objective(X, Y)
    curves = minimize(objective, LBFGS(), np.zeros((65, 2, 10))).history
    lines = history.dumps(curves).splitlines()
    assert lines[0].startswith("passes,seconds,data_loss_0,data_loss_1,")
    assert len(lines) == 1 + len(curves)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not enough values"),
        ("a,b\n1,2\n", "columns are missing"),
        (history.dumps(History()), "it has no iterates"),
        (history.dumps(History()) + "1,2\n", "inhomogeneous|reshape"),
        ("passes,seconds,data_loss,penalty,loss\n1,2,3,4,five\n", "could not convert"),
    ],
)
def test_what_is_no_history_is_refused(text, problem, tmp_path):
    path = tmp_path / "h.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=f"is no history .*{problem}.*give a .history.csv file"):
        history.read(path)

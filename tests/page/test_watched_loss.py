"""The loss of held-out rows beside the curve of a training, and a quiet terminal."""

import sys

import numpy as np
import pytest

from halfspaces import LinearClassifierCV, datasets
from halfspaces.cli import page_training
from halfspaces.losses import Softmax
from halfspaces.page.images.watch import Watch
from halfspaces.system.progress import Bar


def test_the_curve_has_the_loss_of_held_out_rows_at_the_end_of_each_strength():
    digits = datasets.open("digits")
    rows, others = slice(0, 500), slice(500, 900)
    strengths = [0.1, 0.01]
    watch = Watch(lambda parts: None)
    LinearClassifierCV(strengths=strengths, callbacks=[watch]).fit(
        digits.X[rows], digits.y[rows], validation=(digits.X[others], digits.y[others])
    )
    expected = []
    for strength in strengths:
        fit = LinearClassifierCV(strengths=[strength]).fit(
            digits.X[rows], digits.y[rows], validation=(digits.X[others], digits.y[others])
        )
        scores = fit.decision_function(digits.X[others])
        expected.append(float(np.mean(Softmax().value(scores, digits.y[others]))))
    points = watch.curve.points()
    assert len(points["validation"]) == len(points["passes"])
    known = [value for value in points["validation"] if np.isfinite(value)]
    assert known[:2] == pytest.approx(expected, rel=0.01)
    assert known[0] != pytest.approx(expected[1], rel=0.1)


def test_no_bar_appears_in_the_terminal_of_the_server(monkeypatch):
    shown = []

    class Watcher(Watch):
        def opened(self, dataset, names):
            shown.append(Bar("Training")._shown)
            raise KeyboardInterrupt

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert Bar("Training")._shown
    with pytest.raises(KeyboardInterrupt):
        page_training.train({"data": "digits"}, Watcher(lambda parts: None))
    assert shown == [False]

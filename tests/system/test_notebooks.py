"""What a notebook shows of results, searches and reports: tables of text."""

import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn

from halfspaces import LinearClassifier, LinearClassifierCV, minimize
from halfspaces.optimizers import LBFGS
from halfspaces.report.summary import summarize
from halfspaces.system import progress
from halfspaces.system.notebooks import table
from tests.helpers import DIGITS

X, Y = DIGITS.X[:200], DIGITS.y[:200]
HOSTILE = '<script>alert(1)</script>"\x1b[31m\u202e'


class Cells(HTMLParser):
    """Tags and texts; whatever is opened is closed."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.tags = set()
        self.texts = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_names_stay_text():
    cells = Cells(table([(HOSTILE, HOSTILE)], (HOSTILE, "")))
    assert cells.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert cells.texts == ['<script>alert(1)</script>"?[31m?'] * 3


@pytest.mark.parametrize("members", [1, 3, 30])
def test_a_result(members):
    objective = LinearClassifier(strength=0.1).objective(X, Y)
    result = minimize(objective, LBFGS(), np.zeros((65, members, 10)))
    texts = Cells(result._repr_html_()).texts
    assert str(result.reason) in texts
    assert texts.count(f"{result.loss[0]:.6g}") >= min(members, 20)
    assert (f"and {members - 20} more" in texts) == (members > 20)


def test_a_search_is_scikit_learns_diagram_and_the_table():
    search = LinearClassifierCV(strengths=[1.0, 0.1], cv=3)
    diagram = search._repr_html_()
    assert "LinearClassifierCV" in diagram
    assert "held-out score" not in diagram
    search.fit(X, Y)
    for shown in (search._repr_html_(), search._repr_mimebundle_()["text/html"]):
        assert "sk-top-container" in shown
        texts = Cells(shown[shown.rindex("<table") :]).texts
        assert f"{search.cv_results_['mean_test_score'][search.best_index_]:.4g}" in texts
        assert texts.count("chosen") == 1
    with sklearn.config_context(display="text"):
        assert list(search._repr_mimebundle_()) == ["text/plain"]
    assert "sk-top-container" in LinearClassifier().fit(X, Y)._repr_html_()


def test_a_report():
    classifier = LinearClassifier().fit(X, Y)
    names = [HOSTILE, *map(str, range(1, 10))]
    given = {"model": HOSTILE, "data": HOSTILE, "part": "test", "class_names": names}
    summary = summarize(classifier, Y, classifier.predict(X), **given)
    cells = Cells(summary._repr_html_())
    assert not {"script", "img"} & cells.tags
    assert f"{summary.classes[3].rows}" in cells.texts


def test_the_choice_in_a_notebook_reads_as_in_the_report():
    search = LinearClassifierCV(strengths=[0.1, 0.01]).fit(X, Y)
    classifier = search.classifier_
    rows = [{"strength": 0.1, "score": 0.875}, {"strength": 0.01, "score": 0.75}]
    classifier.notes_ = {"search": {"rows": rows, "scoring": "accuracy"}}
    summary = summarize(classifier, Y, classifier.predict(X), model=None, data="d", part="all")
    assert summary.choice is not None
    assert re.search(r"\(\d\d\.\d\u00a0%\)", summary.choice)
    assert summary.choice in Cells(summary._repr_html_()).texts


def test_a_bar_in_a_notebook_is_one_line_that_goes_away(monkeypatch):
    """Displayed once a cell, changed in place at most twice a second, empty at its end."""
    shown = []
    displayed = []

    class Handle:
        def update(self, content):
            shown.append(content.data)

    def display(content, display_id):
        assert display_id is True
        displayed.append(content.data)
        return Handle()

    html = SimpleNamespace(HTML=lambda data: SimpleNamespace(data=data), display=display)
    shell = type("ZMQInteractiveShell", (), {"execution_count": 1})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", html)
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(progress.NotebookLine, "_newest", (-1, None))
    for _ in range(3):
        shown.clear()
        with progress.Bar(HOSTILE, 1000, "rows") as bar:
            for _ in range(1000):
                clock.now += 0.01
                bar.advance()
        assert 10 < len(shown) <= 2 + (10 - progress.PATIENCE) / progress.NOTEBOOK_REFRESH
    assert displayed == [""]
    assert " 100 of 1,000 rows" in shown[0]
    assert shown[-1] == ""
    assert not any("<script" in each or "\x1b" in each for each in shown)
    shown.clear()
    with progress.Bar("quick", 10, "rows") as bar:
        bar.advance(10)
    assert shown == []

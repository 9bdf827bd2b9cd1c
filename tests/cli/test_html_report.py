"""The report: its figures are those of `evaluate`, and whatever names say stays text."""

import base64
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_recall_fscore_support
from typer.testing import CliRunner

import halfspaces
from halfspaces.cli import app
from halfspaces.estimators.scoring import interval
from halfspaces.report.summary import Summary
from halfspaces.system.errors import shown
from halfspaces.system.words import LANGUAGES, say, table
from tests.helpers import DIGITS, npz

pytestmark = pytest.mark.slow

HOSTILE = (
    "<script>alert('1')</script>\"'><img src=x onerror=alert(1)>&amp;$x^2$ \x1b[31m\x9b2J\u202e--"
)


class Page(HTMLParser):
    """The elements of a page: tags, attributes, texts and pictures."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.texts = []
        self.feed(text)
        self.pictures = [value for name, value in self.attributes if name == "src"]
        self.alts = [value for name, value in self.attributes if name == "alt"]

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """A data set with test rows, in which two classes are small and one is never predicted."""
    X, y = DIGITS.X[:600], DIGITS.y[:600].copy()
    y[np.random.default_rng(0).permutation(600)[:60]] = 3
    few = np.flatnonzero(y != 7)
    return npz(
        tmp_path_factory.mktemp("data") / "split.npz",
        X=X[few[:350]],
        y=y[few[:350]],
        X_test=X[few[350:]],
        y_test=y[few[350:]],
    )


@pytest.mark.parametrize("how", ["train", "report"])
def test_its_figures_are_those_of_evaluate(run, split, tmp_path, how):
    model, path = tmp_path / "m.safetensors", tmp_path / "r.json"
    train = ["train", split, "--strength", 0.1, "--loss", "hinge", "--out", model]
    if how == "train":
        assert run(*train, "--report", path).code == 0
    else:
        assert run(*train).code == 0
        assert run("report", model, "--out", path).code == 0
    summary = Summary.model_validate_json(path.read_bytes())
    printed = run("evaluate", model, split).out

    with np.load(split) as arrays:
        X, y = arrays["X_test"], arrays["y_test"]
    predicted = halfspaces.load(model).predict(X)
    assert summary.part == "test"
    assert summary.accuracy == accuracy_score(y, predicted)
    assert f"test {100 * summary.accuracy:.2f} %" in printed
    low, high = interval("accuracy", np.array([summary.accuracy]), np.array([0.0]), len(y))
    assert (summary.accuracy_low, summary.accuracy_high) == pytest.approx((low[0], high[0]))
    assert summary.balanced_accuracy == pytest.approx(balanced_accuracy_score(y, predicted))
    labels = [int(each.name) for each in summary.classes]
    figures = precision_recall_fscore_support(y, predicted, labels=labels, zero_division=np.nan)
    for number, each in enumerate(summary.classes):
        known = [np.nan if value is None else value for value in (each.precision, each.recall)]
        np.testing.assert_allclose(known, [column[number] for column in figures[:2]])
        assert each.f1 == pytest.approx(figures[2][number])
        assert each.rows == figures[3][number]
        assert each.predicted == np.sum(predicted == labels[number])
        row = rf"^{each.name} +{each.rows} +{100 * each.recall:.2f} %"
        assert re.search(row, printed, re.MULTILINE)


def test_the_json_has_a_schema(run, digits_model, tmp_path):
    assert json.loads(run("train", "--schema").out)["title"] == "RunFile"
    schema = json.loads(run("report", "--schema").out)
    model = ["report", digits_model, "--data", "digits", "--out", tmp_path / "r.json"]
    assert run(*model).code == 0
    written = json.loads((tmp_path / "r.json").read_text())
    assert list(schema["properties"]) == list(written)
    figures = schema["$defs"]["ClassFigures"]["properties"]
    assert list(figures) == list(written["classes"][0])
    assert all("description" in entry for entry in figures.values() if "title" not in entry)


@pytest.mark.slow
def test_the_page_shows_the_figures(run, split, tmp_path):
    for suffix in ("html", "json"):
        code = run("train", split, "--strength", 0.1, "--report", tmp_path / f"r.{suffix}").code
        assert code == 0
    page = Page((tmp_path / "r.html").read_text())
    summary = Summary.model_validate_json((tmp_path / "r.json").read_bytes())
    words = " ".join(" ".join(page.texts).split())
    for share in (summary.accuracy, summary.accuracy_low, summary.accuracy_high):
        assert f"{100 * share:.1f} %" in words
    for each in summary.classes:
        cells = [f"{each.rows:,}", *(f"{100 * x:.1f} %" for x in (each.precision, each.recall))]
        assert f"{each.name} {' '.join(cells)}" in words
    assert summary.fit["reason"] in words
    assert len(page.pictures) >= 5
    assert all(picture.startswith("data:image/") for picture in page.pictures)
    assert "halfspaces.load" not in words, "the model was not saved"


@pytest.mark.slow
def test_hostile_names_stay_text(run, tmp_path):
    names = np.array([f"{HOSTILE}{digit}" for digit in range(10)])
    data = npz(
        tmp_path / f"{HOSTILE.replace('/', '|')}.npz", X=DIGITS.X[:300], y=names[DIGITS.y[:300]]
    )
    model = tmp_path / f"m{HOSTILE.replace('/', '|')}.safetensors"
    assert run("train", data, "--strength", 0.1, "--out", model).code == 0
    ended = run("report", model, "--out", tmp_path / "r.html")
    assert ended.code == 0, ended
    text = (tmp_path / "r.html").read_text()
    assert all(char.isprintable() or char == "\n" for char in text)
    page = Page(text)
    assert not {"script", "iframe", "object", "embed", "link"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    for name in map(shown, names):
        assert name in page.texts
    assert any(shown(names[0]) in alt for alt in page.alts)
    pictures = [base64.b64decode(url.split(",", 1)[1]) for url in page.pictures]
    drawn = [ElementTree.fromstring(content) for content in pictures if b"<svg" in content]
    assert len(drawn) >= 4
    tags = {element.tag.rpartition("}")[2] for svg in drawn for element in svg.iter()}
    assert not {"script", "a", "foreignObject"} & tags
    assert run("report", model, "--out", tmp_path / "r.json").code == 0
    written = (tmp_path / "r.json").read_text()
    assert all(char.isprintable() or char == "\n" for char in written)
    assert [each["name"] for each in json.loads(written)["classes"]] == names.tolist()


@pytest.mark.parametrize("kind", ["templates", "confusion-matrix", "mistakes", "scores"])
def test_pictures_of_hostile_names_are_svg(run, kind, tmp_path):
    names = np.array([f"{HOSTILE}{digit}" for digit in range(3)])
    few = DIGITS.y < 3
    data = npz(tmp_path / "d.npz", X=DIGITS.X[few], y=names[DIGITS.y[few]])
    model = tmp_path / "m.safetensors"
    assert run("train", data, "--strength", 0.1, "--out", model).code == 0
    ended = run("plot", kind, model, "--out", tmp_path / "p.svg")
    assert ended.code == 0, ended
    svg = ElementTree.fromstring((tmp_path / "p.svg").read_bytes())
    assert not {"script", "a"} & {element.tag.rpartition("}")[2] for element in svg.iter()}


@pytest.fixture(scope="module")
def translated(split, tmp_path_factory):
    """The pages of one model in each language."""
    folder = tmp_path_factory.mktemp("translated")
    model = folder / "m.safetensors"
    cli = CliRunner()
    assert cli.invoke(app, ["train", str(split), "--out", str(model)]).exit_code == 0
    pages = {}
    for language in LANGUAGES:
        path = folder / f"{language}.html"
        command = ["report", str(model), "--out", str(path), "--language", language]
        assert cli.invoke(app, command).exit_code == 0
        pages[language] = path.read_text()
    return pages


def test_every_language_has_the_same_figures(translated):
    pages = {language: Page(text) for language, text in translated.items()}
    figures = {
        language: re.findall(r"\d[\d,.]*\d|\d", " ".join(page.texts))
        for language, page in pages.items()
    }
    assert len(figures["en"]) > 100
    for language in LANGUAGES:
        assert ("lang", say(language, "language.tag")) in pages[language].attributes
        assert sorted(figures[language]) == sorted(figures["en"])
        assert pages[language].pictures == pages["en"].pictures
        assert pages[language].alts == pages["en"].alts


@pytest.mark.parametrize("language", ["zh", "ko"])
def test_no_english_of_the_table_is_on_a_page_in_another_language(translated, language):
    """But for names, alternative texts, whose language is given, and the run file."""
    english = {entry["en"] for entry in table().values()}
    pieces = {piece.strip() for text in english for piece in re.split(r"{\w*}", text)}
    sentences = [piece for piece in pieces if len(re.findall(r"[A-Za-z]{2,}", piece)) >= 2]
    shown = {
        name: re.sub(r"<code>.*?</code>|alt=\"[^\"]*\"", "", text, flags=re.DOTALL)
        for name, text in translated.items()
    }
    assert sum(sentence in shown["en"] for sentence in sentences) > 20
    assert [sentence for sentence in sentences if sentence in shown[language]] == []


def test_figures_as_json_are_the_same_in_every_language(run, split, tmp_path):
    train = ["train", split, "--strength", 0.1, "--report"]
    for language in ("en", "zh"):
        assert run(*train, tmp_path / f"{language}.json", "--language", language).code == 0
    english, chinese = (
        Summary.model_validate_json((tmp_path / f"{language}.json").read_bytes())
        for language in ("en", "zh")
    )
    assert english.choice == chinese.choice
    assert english.warnings == chinese.warnings != []
    assert chinese.language == "en"


def test_the_language_is_checked_before_the_work(refused, tmp_path, digits_model):
    out = tmp_path / "r.html"
    given = ["--language", "fr"]
    refused(["report", digits_model, "--data", "digits", "--out", out, *given], "'zh'")
    refused(["train", "--report", out, *given], "'zh'")
    refused(["train", "--language", "ko"], "give --report FILE.html, too")


def test_what_cannot_be_reported_is_refused(run, refused, tmp_path, digits_model):
    refused(
        ["report", digits_model, "--data", "digits", "--out", tmp_path / "r.txt"], ".html or .json"
    )
    refused(["train", "--report", tmp_path / "r.txt"], ".html or .json")
    refused(["report", digits_model, "--out", tmp_path / "r.html"], "give --data")

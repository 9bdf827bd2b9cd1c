"""Part two of the page: the training of the command line, watched, stopped and looked at."""

import base64
import io
import json
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from halfspaces import datasets, load
from halfspaces.cli import page_training
from halfspaces.loop.result import History
from halfspaces.losses import LOSSES
from halfspaces.noise import AdaptiveL2, Dropout
from halfspaces.page.images.watch import Curve, Watch
from halfspaces.page.session import Session
from halfspaces.plots.templates import TemplatesDisplay

FLOWERS = Path(__file__).parents[3] / "shared" / "data" / "image-folders" / "flowers128.tar"
# The command line prints no warnings: its report says how a run has ended.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

HOSTILE = '<img src=x onerror="document.title=1">'


class Page:
    """A session with the second part, and what was pushed to its page."""

    def __init__(self, trainer=page_training.train):
        self.pushed = []
        self.session = Session(push=self.pushed.append, trainer=trainer)

    @property
    def parts(self):
        return self.session.images.parts

    def ask(self, do, **arguments):
        answer = self.session.answer({"id": 1, "do": f"images.{do}", **arguments})
        json.dumps(answer, allow_nan=False)
        return answer.get("error") or answer["show"]["images"] | answer

    def train(self, data="digits", **options):
        self.ask("train", data=data, **options)
        self.session.images.wait()
        for message in self.pushed:
            json.dumps(message, allow_nan=False)
        return self.parts["status"]


@pytest.fixture(scope="module")
def digits():
    page = Page()
    assert page.train(strengths="1,0.001") == {"phase": "done"}
    return page


def folder_of_images(folder, names=("0", "1")):
    """Ten 8 x 8 digits of two classes, as PNG files."""
    bundled = datasets.open("digits")
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number, row in enumerate(np.flatnonzero(bundled.y == label)[:10]):
            pixels = (bundled.X[row].reshape(8, 8) * 15).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def test_noise_is_that_of_the_command_line(run, tmp_path):
    asked = {"strengths": "0.1,0.01", "dropout": "0,25", "adaptive_l2": True}
    page = Page()
    assert page.train(**asked) == {"phase": "done"}
    assert page.parts["form"]["dropout"] == "0,25"
    model = tmp_path / "model.safetensors"
    model.write_bytes(base64.b64decode(page.ask("download", kind="model")["file"]["base64"]))
    assert load(model).noise == AdaptiveL2(Dropout(0.25))
    assert "must be a number, got ½" in page.ask("train", data="digits", feature_noise="½")


# --- training -------------------------------------------------------------------------------------


@pytest.mark.slow  # 3 s: the command's own training, twice
def test_digits_are_trained_to_the_accuracy_of_the_command_line(run, tmp_path):
    out = tmp_path / "digits.safetensors"
    run("train", "digits", "--out", out)
    page = Page()
    page.train()
    file = page.ask("download", kind="model")["file"]
    (tmp_path / "page.safetensors").write_bytes(base64.b64decode(file["base64"]))
    ours, theirs = load(tmp_path / "page.safetensors"), load(out)
    assert np.array_equal(ours.coef_, theirs.coef_)
    assert page.parts["result"]["accuracy"] == theirs.notes_["metrics"]
    assert page.parts["result"]["accuracy"]["test"] > 0.96


def test_a_training_is_seen(digits):
    phases = [
        message["show"]["images"]["status"]["phase"]
        for message in digits.pushed
        if "status" in message["show"]["images"]
    ]
    assert phases[:3] == ["reading", "describing", "training"]
    assert phases[-1] == "done"
    parts = digits.parts
    assert [each["strength"] for each in parts["candidates"]] == [1.0, 0.001]
    assert [each["chosen"] for each in parts["candidates"]] == [False, True]
    assert parts["candidates"][1]["score"] == parts["result"]["accuracy"]["validation"]
    curve = parts["curve"]
    assert curve["data"][-1] + curve["penalty"][-1] == pytest.approx(curve["total"][-1])
    assert curve["total"][-1] == pytest.approx(parts["result"]["loss"], rel=0.01)
    assert curve["passes"] == sorted(curve["passes"])
    counts = np.array(parts["confusion"]["counts"])
    assert parts["confusion"]["part"] == "test"
    assert counts.sum() == 360
    assert np.trace(counts) / 360 == parts["result"]["accuracy"]["test"]


def test_templates_are_the_weights_as_pictures(digits):
    templates = digits.parts["templates"]
    assert templates["names"] == list("0123456789")
    picture = Image.open(io.BytesIO(base64.b64decode(templates["pictures"][3].partition(",")[2])))
    classifier = digits.session.images.inspection.trained.classifier
    drawn = TemplatesDisplay.from_estimator(classifier, image_shape=(8, 8)).pictures[3]
    assert np.abs(np.asarray(picture) / 255 - drawn).max() < 1 / 255


def test_live_templates_are_those_of_the_fit_to_all_rows():
    shown = []
    watch = Watch(shown.append)
    page_training.train({"data": "digits", "strengths": "0.1,0.01"}, watch)
    live = [parts for parts in shown if "templates" in parts]
    assert live
    assert len(live[-1]["templates"]["pictures"]) == 10


class Started:
    """A trainer that waits within the first evaluation of a λ."""

    def __init__(self):
        self.began = threading.Event()
        self.goes_on = threading.Event()

    def __call__(self, options, watcher):
        waits = self

        class Waiting:
            def __getattr__(self, name):
                return getattr(watcher, name)

            def __call__(self, run):
                if self.due():
                    waits.began.set()
                    waits.goes_on.wait(30)
                return watcher(run)

            def due(self):
                return len(watcher.candidates()) == 2 and not waits.began.is_set()

        return page_training.train(options, Waiting())


def test_stop_ends_with_the_best_so_far():
    trainer = Started()
    page = Page(trainer)
    page.ask("train", data="digits", strengths="1,0.1,0.01,0.001")
    assert trainer.began.wait(30)
    page.ask("stop")
    assert page.parts["status"] == {"phase": "stopping"}
    trainer.goes_on.set()
    page.session.images.wait()
    assert page.parts["status"] == {"phase": "stopped"}
    page.ask("stop")
    assert page.parts["status"] == {"phase": "stopped"}
    assert [each["strength"] for each in page.parts["candidates"]] == [1.0, 0.1]
    assert page.parts["result"]["strength"] in (1.0, 0.1)
    assert page.parts["result"]["accuracy"]["test"] > 0.8


def test_stop_before_there_is_a_classifier_says_so():
    page = Page()
    page.session.images.start({"data": "digits"}, {})
    page.ask("stop")
    page.session.images.wait()
    assert page.parts["status"]["phase"] in ("nothing", "stopped")
    assert page.session.images.watch.is_stopped


def test_a_second_training_ends_the_first_which_is_not_heard_any_more():
    trainer = Started()
    page = Page(trainer)
    page.ask("train", data="digits", strengths="1,0.1,0.01")
    first = page.session.images.thread
    watch = page.session.images.watch
    assert trainer.began.wait(30)
    page.train(strengths="0.5")
    assert page.parts["status"] == {"phase": "done"}
    trainer.goes_on.set()
    first.join(30)
    assert watch.is_stopped
    assert [each["strength"] for each in page.parts["candidates"]] == [0.5]


def test_two_pages_train_independently():
    one, other = Page(), Page()
    one.ask("train", data="digits", strengths="0.01")
    other.ask("train", data="digits", strengths="0.01", loss="squared_hinge")
    for page in (one, other):
        page.session.images.wait()
    alone = Page()
    alone.train(strengths="0.01")
    same = alone.session.images.inspection.trained.classifier.coef_
    assert np.array_equal(one.session.images.inspection.trained.classifier.coef_, same)
    assert other.parts["form"]["loss"] == "squared_hinge"
    assert other.parts["result"]["loss"] != one.parts["result"]["loss"]


@pytest.mark.slow  # 4 s: real photographs
@pytest.mark.skipif(not FLOWERS.exists(), reason="no photographs here")
def test_a_folder_of_real_images(tmp_path):
    with tarfile.open(FLOWERS) as archive:
        members = archive.getmembers()[::20]
        archive.extractall(tmp_path, members=members, filter="data")
    (folder,) = [each for each in tmp_path.iterdir() if each.is_dir()]
    page = Page()
    options = {"features": "hog", "strengths": "0.1,0.01"}
    assert page.train(str(folder), **options) == {"phase": "done"}, page.parts["status"]
    assert page.parts["templates"]["about"].startswith("weights of edges")
    rows = page.ask("rows", part="train")["rows"]
    assert rows["rows"][0]["picture"].startswith("data:image/png;base64,")
    shown = page.ask("inspect", part="train", row=0)
    classifier = page.session.images.inspection.trained.classifier
    X = page.session.images.inspection.trained.X
    assert shown["inspected"]["scores"] == pytest.approx(
        classifier.decision_function(X[:1])[0], abs=1e-4
    )


def test_a_table_has_no_pictures(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{a:.3f},{b:.3f},{'up' if a > b else 'down'}" for a, b in rng.normal(size=(80, 2))]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,label", *lines]))
    page = Page()
    assert page.train(str(tmp_path / "table.csv"), strengths="0.01") == {"phase": "done"}
    assert page.parts["templates"]["columns"] == ["a", "b"]
    assert np.shape(page.parts["templates"]["weights"]) == (2, 2)
    rows = page.ask("rows")["rows"]
    assert {row["picture"] for row in rows["rows"]} == {None}
    assert rows["of"] == 80
    confusion = page.parts["confusion"]
    assert (confusion["part"], confusion["strength"]) == ("validation", 0.01)
    right = np.trace(confusion["counts"]) / np.sum(confusion["counts"])
    assert right == pytest.approx(page.parts["result"]["accuracy"]["validation"])
    assert page.ask("inspect", part="train", row=3)["inspected"]["picture"] is None


# --- what is named --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": "/nowhere/images"}, "There is no data set '/nowhere/images'"),
        ({"data": "digits", "features": "hogg"}, "did you mean 'hog'"),
        ({"data": "digits", "strengths": "many"}, "--strengths must be a whole number or a list"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(options, words):
    page = Page()
    status = page.train(**options)
    assert status["phase"] == "failed"
    assert words in status["text"]
    assert "\n" not in status["text"]
    assert "first" in page.ask("rows")


@pytest.mark.parametrize(
    ("do", "arguments", "words"),
    [
        ("train", {"data": " "}, "type the path"),
        ("train", {"data": "https://example.org/a.csv"}, "fetches nothing"),
        ("train", {"data": 3}, "data"),
        ("train", {"data": "digits", "loss": "mse"}, "mse"),
        ("train", {"data": "digits", "out": "/tmp/x"}, "out"),
        ("rows", {"part": "validation"}, "validation"),
        ("rows", {"only": "best"}, "only"),
        ("rows", {"label": 10}, "10"),
        ("inspect", {"part": "test", "row": 360}, "There is no example 360"),
        ("inspect", {"part": "test", "row": -1}, "There is no example -1"),
        ("jiggle", {"part": "test", "row": 0, "shifts": [0.0]}, "each of the 10 classes"),
        ("jiggle", {"part": "test", "row": 0, "shifts": [float("nan")] * 10}, "finite"),
        ("jiggle", {"part": "test", "row": 0, "shifts": [0.0] * 10, "moved": 10}, "10"),
        ("download", {"kind": "data"}, "'data'"),
        ("list", {}, "images.list"),
    ],
)
def test_wrong_messages_change_nothing(digits, do, arguments, words):
    before = digits.session.images.inspection, dict(digits.parts)
    error = digits.ask(do, **arguments)
    assert isinstance(error, str)
    assert words in error
    assert (digits.session.images.inspection, digits.parts) == before


def test_without_a_trainer_there_is_no_second_part():
    assert "images.open" in Session().answer({"do": "images.open"})["error"]


@pytest.mark.slow  # 4 s: a report
def test_hostile_names_of_classes_stay_text(tmp_path):
    folder = folder_of_images(tmp_path / "images", ("plain", HOSTILE))
    page = Page()
    page.train(str(folder), strengths="0.1")
    assert HOSTILE in page.parts["dataset"]["classes"]
    assert HOSTILE in page.parts["confusion"]["names"]
    report = base64.b64decode(page.ask("download", kind="report")["file"]["base64"]).decode()
    assert HOSTILE not in report


def test_open_pushes_all_parts(digits):
    digits.pushed.clear()
    digits.session.answer({"id": 0, "do": "open"})
    (message,) = digits.pushed
    assert message["show"]["images"]["status"] == {"phase": "done"}
    assert message["show"]["images"]["choices"]["data"] == ["digits"]
    json.dumps(message, allow_nan=False)


# --- examples -------------------------------------------------------------------------------------


def test_rows_are_listed_in_pages(digits):
    rows = digits.ask("rows", first=70)["rows"]
    assert (rows["first"], len(rows["rows"]), rows["of"]) == (50, 50, 360)
    assert [row["row"] for row in rows["rows"]] == list(range(50, 100))
    assert digits.ask("rows", first=10_000)["rows"]["first"] == 350


def test_mistakes_are_those_of_the_classifier(digits):
    trained = digits.session.images.inspection.trained
    wrong = np.flatnonzero(trained.classifier.predict(trained.X_test) != trained.dataset.y_test)
    rows = digits.ask("rows", only="mistakes")["rows"]
    assert [row["row"] for row in rows["rows"]] == wrong.tolist()
    losses = [
        row["loss"] for row in digits.ask("rows", only="mistakes", order="loss")["rows"]["rows"]
    ]
    assert losses == sorted((row["loss"] for row in rows["rows"]), reverse=True)
    eights = digits.ask("rows", only="mistakes", label=8)["rows"]["rows"]
    assert {row["label"] for row in eights} == {"8"}
    assert 0 < len(eights) < len(wrong)


def test_a_row_is_shown_with_its_scores_and_losses(digits):
    trained = digits.session.images.inspection.trained
    shown = digits.ask("inspect", part="test", row=15)
    scores = trained.classifier.decision_function(trained.X_test[15:16])[0]
    assert shown["inspected"]["scores"] == pytest.approx(scores, rel=1e-5)
    probabilities = trained.classifier.predict_proba(trained.X_test[15:16])[0]
    assert shown["jiggle"]["probabilities"] == pytest.approx(probabilities, rel=1e-4)
    assert shown["inspected"]["loss"] == pytest.approx(-np.log(probabilities[8]), rel=1e-4)
    assert [each["name"] for each in shown["jiggle"]["losses"]] == ["softmax", "hinge"]
    assert shown["jiggle"]["losses"][0]["trained"]


def test_a_jiggle_is_what_the_losses_say(digits):
    scores = np.array(digits.ask("inspect", part="test", row=0)["inspected"]["scores"])
    shifts = np.linspace(-1, 1, 10)
    shown = digits.ask("jiggle", part="test", row=0, shifts=shifts.tolist(), moved=4)["jiggle"]
    label = int(digits.session.images.inspection.trained.dataset.y_test[0])
    assert shown["scores"] == (scores + shifts).tolist()
    for view in shown["losses"]:
        loss = LOSSES[view["name"]]
        assert view["value"] == loss.value(scores + shifts, label)
        assert view["gradient"] == loss.grad(scores + shifts, label).tolist()
        assert view["working"][-1]["values"] == [view["value"]]
    place = int(np.argmin(np.abs(np.array(shown["curve"]["amounts"]) - 3)))
    moved = scores + shifts
    moved[4] = scores[4] + shown["curve"]["amounts"][place]
    for drawn in shown["curve"]["losses"]:
        expected = float(LOSSES[drawn["name"]].value(moved, label))
        assert drawn["values"][place] == pytest.approx(expected)


def test_hinge_stays_0_until_the_margin_is_violated_and_softmax_always_reacts(digits):
    inspection = digits.session.images.inspection
    examples = inspection.examples("test")
    hinge = [
        LOSSES["hinge"].value(s, int(y))
        for s, y in zip(examples.scores, examples.labels, strict=True)
    ]
    row = int(np.argmin(hinge))
    label = int(examples.labels[row])
    margin = digits.ask("inspect", part="test", row=row)["jiggle"]["margin"]
    assert margin > 1

    def losses(lower_by):
        shifts = [0.0] * 10
        shifts[label] = -lower_by
        shown = digits.ask("jiggle", part="test", row=row, shifts=shifts, moved=label)["jiggle"]
        return {view["name"]: view["value"] for view in shown["losses"]}

    slack = margin - 1
    kept = [losses(part * slack) for part in (0.0, 0.5, 0.99)]
    assert [each["hinge"] for each in kept] == [0, 0, 0]
    assert kept[0]["softmax"] < kept[1]["softmax"] < kept[2]["softmax"]
    assert losses(slack + 0.5)["hinge"] == pytest.approx(0.5)


def test_losses_and_slopes_are_the_librarys_alone(digits, monkeypatch):
    hinge = type(LOSSES["hinge"])
    monkeypatch.setattr(hinge, "value", lambda loss, scores, y: np.full(np.shape(y), 1234.5))
    monkeypatch.setattr(hinge, "grad", lambda loss, scores, y: np.full(np.shape(scores), 5432.5))
    shown = digits.ask("inspect", part="test", row=0)["jiggle"]
    (view,) = [each for each in shown["losses"] if each["name"] == "hinge"]
    assert view["value"] == 1234.5
    assert view["gradient"] == [5432.5] * 10
    (drawn,) = [each for each in shown["curve"]["losses"] if each["name"] == "hinge"]
    assert set(drawn["values"]) == {1234.5}


@pytest.mark.slow  # 2 s: a hinge to its tolerance
def test_a_trained_hinge_is_compared_with_softmax():
    page = Page()
    page.train(loss="hinge", strengths="0.01")
    shown = page.ask("inspect", part="test", row=0)["jiggle"]
    assert [each["name"] for each in shown["losses"]] == ["hinge", "softmax"]
    assert shown["probabilities"] is None
    assert shown["losses"][1]["probabilities"] is not None


@pytest.mark.slow  # 3 s: all its pictures
def test_the_report_opens_without_a_network(digits):
    pytest.importorskip("matplotlib")
    file = digits.ask("download", kind="report", language="ko")["file"]
    html = base64.b64decode(file["base64"]).decode()
    assert file["name"] == "report.html"
    assert '<html lang="ko">' in html
    assert 'src="http' not in html


# --- what it costs --------------------------------------------------------------------------------


def test_a_long_curve_is_thinned_with_its_ends():
    curve = Curve()
    for length in (1000, 3, 0):
        numbers = [float(number) for number in range(1, length + 1)]
        columns = {
            name: [np.array([number]) for number in numbers]
            for name in ("data_loss", "penalty", "loss")
        }
        curve.follow(History({"passes": numbers, **columns}))
    points = curve.points()
    assert len(points["passes"]) <= 400
    assert points["passes"][-1] == 1003
    assert 1000 in points["passes"]


def test_pictures_of_a_training_take_a_small_part_of_its_time(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    shown = []

    def show(parts):
        clock[0] += 0.1  # a picture takes long
        shown.append(parts)

    class Run:
        W = np.zeros((3, 1, 2))
        history = History()

    watch = Watch(show)
    monkeypatch.setattr(watch, "_parts", lambda run: {})
    for _ in range(1000):
        watch(Run())
        clock[0] += 0.01
    assert 2 <= len(shown) <= 4  # 10 s of training, 0.1 s each: every 5 s

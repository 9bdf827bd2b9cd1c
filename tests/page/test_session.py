"""What a page answers: the library's numbers, and nothing from messages that make no sense."""

import json
import subprocess
import sys

import numpy as np
import pytest

from halfspaces.callbacks import StopAfter
from halfspaces.cli.recipe import recipe_of
from halfspaces.estimators.components import with_noise
from halfspaces.files import run_file
from halfspaces.loop.minimize import minimize
from halfspaces.losses import LOSSES
from halfspaces.noise import NOISES, AdaptiveL2, Dropout, NoNoise
from halfspaces.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers import OPTIMIZERS, SCHEDULES, UPDATE_RULES
from halfspaces.page.actions import ACTIONS
from halfspaces.page.geometry import regions, zero_lines
from halfspaces.page.session import Session
from halfspaces.page.settings import Settings, name_of
from halfspaces.page.shapes import SHAPES, draw
from halfspaces.page.working import working
from halfspaces.penalties import PENALTIES
from halfspaces.rows.blocks import Blocks


def ask(session, do, **arguments):
    """The answer to a message that must not fail."""
    answer = session.answer({"id": 1, "do": do, **arguments})
    json.dumps(answer, allow_nan=False)
    assert "error" not in answer, answer
    return answer


def shown(session):
    """All that a page shows."""
    return ask(session, "open")["show"]


def every_setting():
    """Each loss, penalty, noise, optimizer, update rule and schedule once."""
    for name in NOISES:
        yield [["noise"], name]
    for name in LOSSES:
        yield [["loss"], name]
    for name in PENALTIES:
        yield [["penalty"], name]
    for name in OPTIMIZERS:
        yield [["optimizer"], name]
    for name in UPDATE_RULES:
        yield [["optimizer", "update_rule"], name]
    for name in SCHEDULES:
        yield [["optimizer", "schedule"], name]


def choose(session, path, name):
    """Set a component, and the loss that it needs."""
    if name == "dual_ascent":
        ask(session, "set", path=["loss"], value="hinge")
    ask(session, "set", path=path, value=name)


@pytest.mark.parametrize("change", list(every_setting()), ids=lambda change: change[1])
def test_steps_are_those_of_minimize_bit_for_bit(change):
    session = Session()
    path, name = change
    choose(session, path, name)
    side = session.page.board.sides[0]
    assert name in [control["value"] for control in side.settings.form()]
    X, y = session.page.board.points.training
    objective = Objective(side.settings.loss, side.settings.penalty, Blocks(X, y, n_jobs=1), 3)
    objective = with_noise(objective, side.settings.noise)
    turns = 100 if path == ["loss"] else 20
    result = minimize(
        objective, side.settings.optimizer, side.W, tol=0, callbacks=[StopAfter(turns)]
    )  # fmt: skip
    ask(session, "step", count=1)
    ask(session, "step", count=12)
    ask(session, "step", count=turns - 13)
    after = session.page.board.sides[0]
    if not result.reason.name.startswith("STOPPED"):
        pytest.skip("the optimizer was done before")
    np.testing.assert_array_equal(after.W, result.state.W)
    parameters = shown(session)["sides"][0]["parameters"]
    np.testing.assert_array_equal(parameters["W"], after.W[:, 0])
    if objective.penalty.smooth:
        gradient = objective.evaluate(Request(after.W)).gradient[:, 0]
        np.testing.assert_array_equal(parameters["gradient"], gradient)


@pytest.mark.parametrize("change", list(every_setting()), ids=lambda change: change[1])
def test_exports_say_the_same(change):
    session = Session()
    choose(session, *change)
    ask(session, "step", count=7)
    W = session.page.board.sides[0].W
    place = {}
    exec(ask(session, "export", kind="python")["file"]["text"], place)
    np.testing.assert_array_equal(place["W"], W)
    other = Session()
    ask(other, "open", run=ask(session, "export", kind="link")["file"]["text"])
    np.testing.assert_array_equal(other.page.board.sides[0].W, W)
    options = run_file.loads(ask(session, "export", kind="toml")["file"]["text"])
    recipe = recipe_of(options)
    settings = session.page.board.sides[0].settings
    assert (recipe.loss, recipe.penalty) == (name_of(settings.loss), name_of(settings.penalty))
    assert recipe.make_loss() == settings.loss
    assert recipe.make_noise() == (None if settings.noise == NoNoise() else settings.noise)


def test_the_adaptive_term_of_noise_is_chosen_exported_and_linked():
    session = Session()
    assert ["adaptive_l2"] not in [
        part["path"] for part in session.page.board.sides[0].settings.form()
    ]
    ask(session, "set", path=["noise"], value="dropout")
    ask(session, "set", path=["noise", "probability"], value=0.25)
    ask(session, "set", path=["adaptive_l2"], value=True)
    ask(session, "step", count=5)
    side = session.page.board.sides[0]
    assert side.settings.training_noise == AdaptiveL2(Dropout(0.25))
    place = {}
    exec(ask(session, "export", kind="python")["file"]["text"], place)
    np.testing.assert_array_equal(place["W"], side.W)
    options = run_file.loads(ask(session, "export", kind="toml")["file"]["text"])
    assert recipe_of(options).make_noise() == AdaptiveL2(Dropout(0.25))
    other = Session()
    ask(other, "open", run=ask(session, "export", kind="link")["file"]["text"])
    np.testing.assert_array_equal(other.page.board.sides[0].W, side.W)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([("optimizer", "lbfgs"), ("noise", "dropout")], "Noise that is drawn anew needs gradient"),
        (
            [("noise", "gaussian"), ("optimizer", "lbfgs")],
            "Noise that is drawn anew needs gradient",
        ),
        (
            [("noise", "dropout"), ("adaptive_l2", True), ("loss", "hinge")],
            "The mean effect of noise (adaptive L2) is known for softmax and one-vs-all logistic",
        ),
    ],
)
def test_noise_that_does_not_go_with_the_rest_is_refused(changes, sentence):
    session = Session()
    *allowed, refused = changes
    for name, value in allowed:
        ask(session, "set", path=[name], value=value)
    before = session.page.board
    answer = session.answer({"id": 1, "do": "set", "path": [refused[0]], "value": refused[1]})
    assert answer["error"].startswith(sentence)
    assert session.page.board is before


def test_a_link_of_before_there_was_noise_still_opens():
    stored = Settings().to_json()
    del stored["noise"], stored["adaptive_l2"]
    assert Settings.from_json(stored) == Settings()


def test_code_in_a_fresh_process_ends_with_the_same_W():
    session = Session()
    ask(session, "step", count=20)
    code = ask(session, "export", kind="python")["file"]["text"]
    output = subprocess.run(
        [sys.executable, "-"], input=code, capture_output=True, text=True, check=True
    )
    W = json.loads(output.stdout.splitlines()[0].removeprefix("W = "))
    np.testing.assert_array_equal(W, session.page.board.sides[0].W[:, 0])


def test_a_table_comes_back():
    session = Session()
    points = session.page.board.points
    text = ask(session, "export", kind="csv")["file"]["text"]
    ask(session, "upload", text=text)
    again = session.page.board.points
    for part in (False, True):
        rows, back = points.held_out == part, again.held_out == part
        np.testing.assert_array_equal(again.X[back], points.X[rows])
        np.testing.assert_array_equal(again.y[back], points.y[rows])


MALFORMED = [
    None,
    3,
    "step",
    [],
    {},
    {"do": None},
    {"do": "step", "count": -1},
    {"do": "step", "count": "3"},
    {"do": "step", "count": 1.5},
    {"do": "step", "count": True},
    {"do": "step", "side": 0},
    {"do": "move", "point": -1, "x": 0, "y": 0},
    {"do": "move", "point": 0, "x": "a", "y": 0},
    {"do": "move", "point": 0, "x": float("nan"), "y": 0},
    {"do": "move", "point": 0, "x": 1e300, "y": 0},
    {"do": "move", "point": 10**400, "x": 0, "y": 0},
    {"do": "add", "x": 0, "y": 0, "label": 7},
    {"do": "set", "path": [], "value": 1},
    {"do": "set", "path": ["loss"], "value": "x"},
    {"do": "set", "path": ["loss"], "value": None},
    {"do": "set", "path": "loss", "value": "hinge"},
    {"do": "set", "path": ["loss", "__class__"], "value": 1},
    {"do": "set", "path": ["penalty", "strength"], "value": -1},
    {"do": "set", "path": ["penalty", "strength"], "value": [1]},
    {"do": "set", "path": ["optimizer", "update_rule", "decay"], "value": 1},
    {"do": "weight", "row": 9, "column": 0, "value": 1},
    {"do": "weight", "row": 0, "column": 0, "value": float("inf")},
    {"do": "open", "run": "run=x"},
    {"do": "open", "run": "x" * 10_000},
    {"do": "open", "run": 3},
    {"do": "upload", "text": ""},
    {"do": "upload", "text": "\x00"},
    {"do": "upload", "text": "a,b\n1"},
    {"do": "upload", "text": "x,y,kind\n1,2,a\n2,1,b\n"},
    {"do": "upload", "text": "x,y,label\n1,2,a\n1,nan,b\n"},
    {"do": "upload", "text": "x,y,label\n1,2,a\n1,2,a\n"},
    {"do": "shape", "name": "x"},
    {"do": "shape", "name": "moons", "count": 1000000000},
    {"do": "shape", "name": "moons", "noise": -1},
    {"do": "classes", "count": 1},
    {"do": "classes", "count": 7},
    {"do": "export", "kind": "exe"},
    {"do": "search"},
    {"do": "search", "local": True, "draws": 1000000000},
    {"do": "numerical", "what": "x"},
    {"do": "language", "language": "xx"},
    {"do": "select", "point": 999},
    {"do": "replay", "at": -1},
    {"do": "__init__"},
    {"do": "step", "self": 1},
    {"do": "step", "page": 1},
    {1: 2, "do": "step"},
]


def test_messages_without_sense_change_nothing():
    rng = np.random.default_rng(0)
    session = Session()
    ask(session, "step", count=3)
    before = shown(session)
    actions = ["move", "set", "weight", "step", "open", "shape", "table", "compare", "search"]
    values = [None, [], {}, "", -1, 1e999, "nan", {"do": "step"}, [[]], b"", 2**70]
    random = [
        {
            "do": str(rng.choice(actions)),
            str(rng.choice(["x", "path", "count", "point", "on"])): value,
        }
        for value in values
        for _ in range(14)
    ]
    for message in [*MALFORMED, *random]:
        answer = session.answer(message)
        assert "error" in answer, message
        assert 3 < len(answer["error"]) < 300, answer
        assert "\n" not in answer["error"]
    after = shown(session)
    for name in ("sides", "points", "classes", "words"):
        assert after[name] == before[name], name


def test_any_exception_is_said_and_changes_nothing(monkeypatch):
    session = Session()
    ask(session, "step", count=3)
    before = shown(session)["sides"]

    def fails(page):
        page.board = None
        raise RuntimeError("No reason.")

    monkeypatch.setitem(ACTIONS, "undo", fails)
    assert session.answer({"id": 1, "do": "undo"}) == {"id": 1, "error": "No reason."}
    assert shown(session)["sides"] == before


def test_every_number_is_the_librarys(monkeypatch):
    """A loss whose value and gradient are sentinels: exactly these are shown."""
    session = Session()
    ask(session, "set", path=["penalty"], value="none")
    kind = type(session.page.board.sides[0].settings.loss)

    def sentinels(self, scores, y):
        slopes = np.zeros_like(scores)
        slopes[..., 0] = 13.0
        return np.full(scores.shape[:-1], 4711.0), slopes

    monkeypatch.setattr(kind, "formula", sentinels)
    monkeypatch.setattr(kind, "value_and_grad", sentinels)
    ask(session, "select", point=3)
    side = shown(session)["sides"][0]
    assert side["losses"]["data"] == side["losses"]["total"] == side["rows"]["mean"] == 4711
    assert {row[-1] for row in side["rows"]["rows"]} == {4711}
    assert side["working"]["lines"][-1]["values"] == [4711]
    gradient = np.array(side["parameters"]["gradient"])
    np.testing.assert_allclose(gradient[-1], [13, 0, 0])
    X, _ = session.page.board.points.training
    np.testing.assert_allclose(gradient[:2, 0], 13 * X.mean(axis=0))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("classes", [2, 4])
def test_working_ends_with_the_loss(name, classes):
    scores = np.random.default_rng(classes).normal(size=classes) * 3
    loss = LOSSES[name]
    for label in range(classes):
        lines = working(loss, scores, label)
        assert lines[-1]["values"] == [float(loss.value(scores, label))]
        by_kind = {line["kind"]: line["values"] for line in lines}
        if name == "softmax":
            np.testing.assert_allclose(np.sum(by_kind["probabilities"]), 1)
            np.testing.assert_allclose(
                -np.log(by_kind["probabilities"][label]), lines[-1]["values"]
            )
        elif name == "crammer_singer":
            np.testing.assert_allclose(max(0, *by_kind["terms"]), lines[-1]["values"])
        else:
            np.testing.assert_allclose(np.sum(by_kind["terms"]), lines[-1]["values"][0])
        for line in lines:
            assert len(line["text"]) == len(line["values"]) or line["kind"] == "loss"


@pytest.mark.parametrize("classes", range(2, 7))
def test_regions_are_where_a_class_has_the_largest_score(classes):
    from matplotlib.path import Path

    rng = np.random.default_rng(classes)
    box = (-1.6, 1.6, -1.6, 1.6)
    places = rng.uniform(-1.6, 1.6, (400, 2))
    for W in (rng.normal(size=(3, classes)), np.zeros((3, classes))):
        winner = np.argmax(places @ W[:2] + W[2], axis=1)
        for label, polygon in enumerate(regions(W, box)):
            inside = Path(polygon).contains_points(places) if polygon else winner == -1
            assert np.mean(inside == (winner == label)) > 0.99
        lines, arrows = zero_lines(W, box)
        for label, (line, arrow) in enumerate(zip(lines, arrows, strict=True)):
            if line is None or arrow is None:
                continue
            ends = np.reshape(line, (2, 2)) @ W[:2, label] + W[2, label]
            np.testing.assert_allclose(ends, 0, atol=1e-12)
            assert np.array(arrow[2:]) @ W[:2, label] + W[2, label] > 0


def test_undo_redo_and_replay():
    session = Session()
    first = session.page.board
    ask(session, "move", point=1, x=0.1, y=0.1)
    ask(session, "move", point=1, x=0.2, y=0.1)  # the same drag
    ask(session, "step", count=5)
    ask(session, "step", count=5)  # the same run
    end = session.page.board.sides[0]
    ask(session, "undo")
    ask(session, "undo")
    assert session.page.board is first
    ask(session, "redo")
    ask(session, "redo")
    assert session.page.board.sides[0] is end
    ask(session, "replay", at=3)
    np.testing.assert_array_equal(
        shown(session)["sides"][0]["parameters"]["W"], end.track[3]["W"]
    )  # fmt: skip
    ask(session, "step", count=6)  # from there, with the optimizer's state of then
    np.testing.assert_array_equal(session.page.board.sides[0].W, end.W)


def test_a_step_size_of_1e9_is_explained():
    session = Session()
    ask(session, "set", path=["optimizer", "step_size"], value=1e9)
    ask(session, "step", count=3)
    status = shown(session)["sides"][0]["status"]
    assert status["level"] == "warning"
    assert "step size" in status["text"]
    ask(session, "step", count=100)
    status = shown(session)["sides"][0]["status"]
    assert status["level"] == "error"
    ask(session, "undo")
    assert shown(session)["sides"][0]["status"]["level"] == "ok"


def test_doubled_W_keeps_a_hinge_loss_of_zero():
    session = Session()
    ask(session, "set", path=["loss"], value="hinge")
    ask(session, "set", path=["penalty"], value="none")
    ask(session, "shape", name="blobs", noise=0.01, held_out=0.0)
    ask(session, "step", count=200)
    assert shown(session)["sides"][0]["losses"]["data"] == 0
    ask(session, "double")
    assert shown(session)["sides"][0]["losses"]["data"] == 0


def test_slopes_are_measured_one_by_one_and_kinks_flagged():
    session = Session()
    ask(session, "set", path=["loss"], value="hinge")
    ask(session, "set", path=["penalty"], value="none")
    ask(session, "zero")
    for column in range(3):  # at 1 = Δ each score of a wrong class is at its kink
        ask(session, "weight", row=2, column=column, value=float(column == 0))
    ask(session, "numerical", what="next")
    known = np.array(shown(session)["sides"][0]["parameters"]["numerical"], float)
    assert np.isfinite(known).sum() == 1
    ask(session, "numerical", what="all")
    parameters = shown(session)["sides"][0]["parameters"]
    assert np.isfinite(np.array(parameters["numerical"], float)).all()
    assert np.any(parameters["kink"])
    ask(session, "step")
    assert shown(session)["sides"][0]["parameters"]["numerical"] is None


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    for classes in range(2, 7):
        points = draw(name, 61, 0.05, classes, 0.25, seed=classes)
        assert np.abs(points.X).max() <= 1.6
        assert set(points.y) == set(range(classes))
        assert points.held_out.sum() == 15


def test_settings_go_through_a_link():
    for path, name in every_setting():
        settings = Settings().set(path, name)
        assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings

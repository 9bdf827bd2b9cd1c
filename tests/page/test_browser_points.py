"""Part one in a real browser: what the page shows is what the library gives, to the last bit."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from halfspaces import minimize
from halfspaces.callbacks import StopAfter
from halfspaces.losses import LOSSES, Softmax
from halfspaces.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers import GradientDescent
from halfspaces.page.settings import random_search
from halfspaces.rows.blocks import Blocks

pytestmark = pytest.mark.browser


def objective_of(session):
    """The objective of the session's points and settings, made anew."""
    board = session.page.board
    settings = board.sides[0].settings
    X, y = board.points.training
    return Objective(settings.loss, settings.penalty, Blocks(X, y, n_jobs=1), board.n_classes)


def after(session, optimizer, W, turns):
    """The parameters after some turns of an optimizer, as a program gets them."""
    result = minimize(
        objective_of(session),
        optimizer,
        np.array(W)[:, None],
        tol=0,
        max_passes=1e9,
        callbacks=[StopAfter(turns)],
    )
    return result.state.W[:, 0].tolist()


# --- points --------------------------------------------------------------------------------------


def drag(page):
    page.drag(0, 60, -40)


def press_keys(page):
    page.point(0).focus()
    for key in ("ArrowRight", "ArrowUp", "Shift+ArrowUp"):
        page.page.keyboard.press(key)
    page.settle()


@pytest.mark.parametrize("move", [drag, press_keys])
@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_a_point_moves_and_the_loss_is_the_librarys(page, move, loss):
    page.choose("side0.loss", loss)
    before = page.session.page.board.points.X[0].copy()
    move(page)
    x, y = page.session.page.board.points.X[0]
    assert x > before[0]
    assert y > before[1]
    expected = objective_of(page.session).evaluate(Request(np.array(page.weights)[:, None]))
    assert page.value("side0.data") == expected.data[0] == page.value("side0.mean")
    assert page.value("side0.penalty") == expected.penalty[0]
    assert page.value("side0.total") == expected.total[0]
    shown = page.matrix("side0.W.{}.{}.gradient")
    assert shown == expected.gradient[:, 0].tolist()
    page.click("undo")
    assert page.session.page.board.points.X[0].tolist() == before.tolist()


def test_points_are_added_deleted_chosen_and_drawn(page):
    count = len(page.session.page.board.points)
    page.page.locator("svg.plane").click(position={"x": 20, "y": 20})
    page.settle()
    assert page.page.locator("path.point").count() == count + 1
    added = page.session.page.board.points.X[-1]
    assert added[0] < -1.3
    assert added[1] > 1.3
    page.point(count).press("1")
    page.settle()
    page.point(count).press("v")
    page.settle()
    points = page.session.page.board.points
    assert (points.y[-1], points.held_out[-1]) == (1, True)
    page.point(count).press("Enter")
    page.settle()
    working = page.named("side0.working").locator("[data-value]").last.get_attribute("data-value")
    scores = np.append(points.X[-1], 1) @ np.array(page.weights)
    assert float(working) == pytest.approx(float(Softmax().value(scores[None], np.array([1]))[0]))
    page.point(count).press("Delete")
    page.settle()
    assert page.page.locator("path.point").count() == count
    page.choose("classes", "5")
    page.choose("shape", "spirals")
    page.fill("count", "300")
    page.click("draw")
    assert page.page.locator("path.point").count() == 300
    assert np.unique(page.session.page.board.points.y).tolist() == [0, 1, 2, 3, 4]


def test_a_table_is_uploaded_or_pasted(page, tmp_path):
    table = tmp_path / "iris.csv"
    table.write_text("x,y,label\n0.5,-0.25,cat\n-0.5,0.75,dog\n0.125,1,eel\n0,0,cat\n")
    page.page.locator('details:has([data-name="csv"]) summary').click()
    page.named("csv-file").set_input_files(table)
    page.settle()
    points = page.session.page.board.points
    assert points.X.tolist() == [[0.5, -0.25], [-0.5, 0.75], [0.125, 1], [0, 0]]
    assert points.y.tolist() == [0, 1, 2, 0]
    assert page.page.locator("path.point").count() == 4
    page.named("csv").fill("a,b,label\n0,0.5,0\n0.5,0,1\n")
    page.click("upload")
    assert page.page.locator("path.point").count() == 2
    page.named("csv").fill("")
    page.click("upload")
    assert "empty" in page.problem
    assert page.page.locator("path.point").count() == 2


# --- steps ---------------------------------------------------------------------------------------


def test_a_hundred_steps_of_each_loss_are_those_of_the_library(page):
    for loss in LOSSES:
        page.choose("side0.loss", loss)
        page.click("side0.randomize")
        start = page.weights
        page.steps(100)
        assert page.value("side0.steps") == 100
        expected = after(page.session, GradientDescent(step_size=0.1), start, 100)
        assert page.weights == expected, loss


def test_single_steps_and_a_run_that_is_stopped_are_the_same(page):
    start = page.weights
    for _ in range(5):
        page.click("step")
    assert page.weights == after(page.session, GradientDescent(step_size=0.1), start, 5)
    page.page.locator('[data-action="start"]').click()
    page.page.wait_for_function(
        "() => Number(document.querySelector('[data-name=\"side0.steps\"]').dataset.value) > 12"
    )
    page.click("start")
    steps = int(page.value("side0.steps"))
    assert page.weights == after(page.session, GradientDescent(step_size=0.1), start, steps)
    replay = page.named("replay")
    replay.focus()
    replay.press("Home")
    page.settle()
    assert page.weights == after(page.session, GradientDescent(step_size=0.1), start, 1)


@pytest.mark.parametrize("action", ["search", "local"])
def test_random_search_is_the_librarys(page, action):
    start, before = page.weights, page.value("side0.total")
    page.click(action)
    local = action == "local"
    seed = page.session.page.seed
    optimizer = random_search(local, 100, 0.1 if local else 1.0, seed)
    assert page.weights == after(page.session, optimizer, start, 101)
    assert page.value("side0.total") < before


def test_slopes_are_measured_coordinate_by_coordinate(page):
    page.click("side0.next")
    filled = page.page.locator('[data-name$=".numerical"]:not([data-value=""])')
    assert filled.count() == 1
    page.click("side0.all")
    assert filled.count() == 9
    slopes = np.array(page.matrix("side0.W.{}.{}.numerical"))
    gradient = np.array(page.matrix("side0.W.{}.{}.gradient"))
    np.testing.assert_allclose(slopes, gradient, rtol=1e-6, atol=1e-9)


def test_every_number_is_the_librarys(page, monkeypatch):
    """Losses and gradients that no formula gives are found on the page as they are."""
    gradient = np.arange(9).reshape(3, 1, 3) + 0.123456789
    sentinel = SimpleNamespace(
        data=[-7.125], penalty=[-0.0625], total=[1234.5678], gap=[0.015625],
        gradient=gradient, penalty_gradient=gradient,
    )  # fmt: skip
    losses = np.sqrt(np.arange(len(page.session.page.board.points)) + 2)
    monkeypatch.setattr(Objective, "evaluate", lambda self, request: sentinel)
    monkeypatch.setattr(Softmax, "value", lambda self, scores, y: losses)
    page.drag(0, 30, 30)
    shown = {name: page.value(f"side0.{name}") for name in ("data", "penalty", "total", "gap")}
    assert shown == {"data": -7.125, "penalty": -0.0625, "total": 1234.5678, "gap": 0.015625}
    assert page.value("side0.mean") == -7.125
    assert page.matrix("side0.W.{}.{}.gradient") == gradient[:, 0].tolist()
    rows = page.page.locator("table.points tbody tr td:last-child")
    shown = [float(each.get_attribute("data-value")) for each in rows.all()]
    assert shown == losses.tolist()


# --- links and exports ---------------------------------------------------------------------------


def test_a_link_opens_the_same_run_in_another_browser(page, browse, served):
    page.choose("side0.loss", "squared_hinge")
    page.drag(1, 20, 30)
    page.steps(30)
    page.click("export-link")
    link = page.page.url.partition("#")[2]
    assert link.startswith("run=")
    assert served.token not in page.page.url
    other = browse(f"{served.address}#{link}")
    assert other.weights == page.weights
    assert other.value("side0.total") == page.value("side0.total")
    assert other.page.url == page.page.url


def test_exported_code_gives_the_same_W(page):
    page.choose("side0.penalty", "elastic_net")
    page.steps(40)
    program = page.taken("export-python")
    source = str(Path(__file__).parents[2] / "src")
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {source!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    W = re.search(r"W = (.*)", ended.stdout).group(1)
    assert eval(W) == page.weights


def test_noise_has_its_controls_and_what_is_refused_is_taken_back(page):
    assert page.page.locator('[data-name="side0.adaptive_l2"]').count() == 0
    page.choose("side0.noise", "dropout")
    page.fill("side0.noise.probability", "0.25")
    page.choose("side0.optimizer", "lbfgs")
    assert "needs gradient descent" in page.problem
    assert page.named("side0.optimizer").input_value() == "gradient_descent"
    group = page.page.locator("fieldset", has=page.named("side0.noise"))
    adaptive = group.locator('[data-name="side0.adaptive_l2"]')
    adaptive.check()
    page.settle()
    page.choose("side0.optimizer", "lbfgs")
    page.steps(10)
    adaptive.click()
    page.settle()
    assert adaptive.is_checked()
    place = {}
    exec(page.taken("export-python"), place)
    assert place["W"][:, 0].tolist() == page.weights
    assert "AdaptiveL2(noise=Dropout(probability=0.25))" in page.taken("export-python")

"""Mouse, fingers and keys: what is done quickly, or by touch, has the effect that was meant."""

import time

import numpy as np
import pytest

pytestmark = pytest.mark.browser

SLOW = 0.05  # seconds that an answer takes


def middle(page, point):
    """Where a point is in the window."""
    box = page.point(point).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def answer_slowly(page, monkeypatch):
    """The browser does more before each answer."""
    answer = page.session.answer

    def slow(message):
        time.sleep(SLOW)
        return answer(message)

    monkeypatch.setattr(page.session, "answer", slow)


def touch(page, path):
    """One finger along some places of the window."""
    devtools = page.page.context.new_cdp_session(page.page)
    for place, (x, y) in enumerate(path):
        kind = "touchMove" if place else "touchStart"
        finger = {"x": x, "y": y}
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [finger]})
        page.page.wait_for_timeout(30)
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.settle()


def test_a_finger_drags_points_and_scrolls_beside_them(browse, served):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = browse(served.address, **phone)
    points = served.sessions[-1].page.board.points
    last = len(points) - 1  # no other lies over it
    x, y = middle(page, last)
    touch(page, [(x + 3 * k, y + 4 * k) for k in range(10)])
    moved = served.sessions[-1].page.board.points
    assert np.flatnonzero((moved.X != points.X).any(axis=1)).tolist() == [last]
    assert page.page.evaluate("scrollY") == 0
    box = page.page.locator("svg.plane").bounding_box()
    left, bottom = box["x"] + 12, box["y"] + box["height"] - 12
    touch(page, [(left, bottom - 15 * k) for k in range(12)])
    assert page.page.evaluate("scrollY") > 50
    assert served.sessions[-1].page.board.points is moved
    box = page.page.locator("svg.plane").bounding_box()
    page.page.touchscreen.tap(left, box["y"] + box["height"] - 12)
    page.settle()
    assert len(served.sessions[-1].page.board.points) == len(points) + 1


def test_an_answer_that_is_late_does_not_set_a_dragged_point_back(page, monkeypatch):
    answer_slowly(page, monkeypatch)
    x, y = middle(page, 0)
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    places = []
    for k in range(1, 30):
        page.page.mouse.move(x + 4 * k, y)
        page.page.wait_for_timeout(10)
        places.append(middle(page, 0)[0])
    page.page.mouse.up()
    page.settle()
    assert np.diff(places).min() > 0
    assert middle(page, 0)[0] == pytest.approx(x + 4 * 29, abs=1)


def test_keys_that_follow_each_other_at_once_all_count(page, monkeypatch):
    answer_slowly(page, monkeypatch)
    page.point(0).focus()
    for key in ("2", "v", "n", "p", *["ArrowRight"] * 4):
        page.page.keyboard.press(key)
        page.page.wait_for_timeout(20)
    page.settle()
    before, points = page.session.page.past[0].points, page.session.page.board.points
    assert (points.y[0], points.held_out[0]) == (2, not before.held_out[0])
    assert points.X[0, 0] == pytest.approx(before.X[0, 0] + 4 * 0.032, abs=1e-3)
    page.page.keyboard.press("Control+z")
    page.settle()
    assert page.session.page.board.points.X[0].tolist() == before.X[0].tolist()


@pytest.mark.parametrize("way", ["keys", "mouse"])
def test_an_entry_of_w_is_nudged(page, way):
    start = page.value("side0.W.1.2")
    for _ in range(3):
        if way == "mouse":
            page.page.locator('[data-action="side0.W.1.2.more"]').click()
        else:
            page.named("side0.W.1.2").press("ArrowUp")
    page.settle()
    assert page.value("side0.W.1.2") == pytest.approx(start + 0.3, abs=1e-12)
    assert page.session.page.board.sides[0].W[1, 0, 2] == page.value("side0.W.1.2")


def test_undo_keeps_the_focus_when_nothing_is_left(page):
    page.click("step")
    undo = page.page.locator('[data-action="undo"]')
    undo.press("Enter")
    page.settle()
    assert undo.get_attribute("aria-disabled") == "true"
    assert page.page.evaluate("document.activeElement.dataset.action") == "undo"


def test_an_optional_number_is_left_to_the_optimizer_by_its_box(page):
    box = page.named("side0.optimizer.step_size.automatic")
    box.check()
    page.settle()
    settings = page.session.page.board.sides[0].settings
    assert settings.optimizer.step_size is None
    box.uncheck()
    page.settle()
    assert page.session.page.board.sides[0].settings.optimizer.step_size == pytest.approx(
        0.1, rel=0.02
    )


def test_a_damaged_link_is_named_and_the_page_opens_without_it(browse, served):
    page = browse(f"{served.address}#run=broken")
    assert "damaged" in page.page.locator(".problem").inner_text()
    assert page.page.locator("path.point").count() > 0

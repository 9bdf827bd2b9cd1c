"""The page survives nonsense, reloads, other pages and a server that is killed."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.page.serving import serving

pytestmark = pytest.mark.browser


def test_text_in_number_fields_changes_nothing(page):
    board = page.session.page.board
    W = page.weights
    page.choose("side0.loss", "hinge")
    for name in ("side0.optimizer.step_size", "side0.loss.margin", "side0.penalty.strength"):
        held = page.named(name).input_value()
        for text in ("many", "1e999", "-1", ""):
            page.fill(name, text)
            assert page.problem, (name, text)
        page.named(name).blur()
        assert page.named(name).input_value() == held
    page.named("side0.W.0.0").press_sequentially("e")
    page.named("steps-at-a-time").fill("")
    page.click("undo")
    assert (page.weights, page.session.page.board) == (W, board)
    page.click("step")
    assert page.value("side0.steps") == 1


def test_divergence_is_shown_and_explained_and_can_be_left(page):
    start = page.weights
    page.choose("side0.loss", "squared_hinge")
    page.fill("side0.optimizer.step_size", "1e9")
    page.steps(60)
    status = page.named("side0.status")
    assert "error" in status.get_attribute("class")
    assert "step size" in status.inner_text()
    assert not np.isfinite(page.value("side0.total"))
    page.page.wait_for_timeout(800)  # the link is made anew meanwhile
    for _ in range(2):
        page.click("undo")
    assert page.weights == start
    assert "error" not in status.get_attribute("class")


def test_a_reload_in_the_middle_of_a_run_goes_on(page):
    page.drag(0, 30, 30)
    page.page.locator('[data-action="start"]').click()
    page.page.wait_for_function(
        "() => Number(document.querySelector('[data-name=\"side0.steps\"]').dataset.value) > 10"
    )
    page.page.reload()
    page.drawn()
    assert page.value("side0.steps") > 10
    assert page.value("side0.steps") == page.session.page.board.sides[0].steps
    before = page.weights
    page.click("step")
    assert before != page.weights == page.session.page.board.sides[0].W[:, 0].tolist()


def test_two_pages_have_sessions_of_their_own(page, browse, served):
    other = browse(served.address)
    W = page.weights
    other.steps(20)
    page.click("side0.all")
    assert page.weights == W
    page.steps(20)
    assert page.weights == other.weights
    # a tab that is duplicated has the session of the first in its memory
    memory = page.page.evaluate("() => JSON.stringify({...sessionStorage})")
    copied = page.page.context.new_page()
    copied.add_init_script(f"Object.assign(sessionStorage, {memory})")
    copied.goto(page.page.url)
    copied.wait_for_selector("path.point")
    copied.locator('[data-action="step"]').click()
    page.click("side0.double")
    assert page.weights == (2 * np.array(other.weights)).tolist()


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_server_is_noticed_and_a_new_one_goes_on(browse, cache):
    with serving() as server:
        port = server.port  # free again below
    command = [sys.executable, "-m", "halfspaces", "play", "--no-browser", "--port", str(port)]
    environment = os.environ | {"HALFSPACES_CACHE": str(cache)}

    def started():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        return process, re.search(r"at (\S+)", process.stdout.readline()).group(1)

    process, address = started()
    try:
        page = browse(address)
        page.steps(25)
        page.page.wait_for_function("() => location.hash.startsWith('#run=')")
        page.settle()
        W = page.weights
        process.send_signal(signal.SIGKILL)
        process.communicate()
        lost = page.page.locator(".lost")
        lost.wait_for(state="visible")
        assert "connection" in lost.inner_text()
        process, again = started()
        assert again == address
        lost.wait_for(state="hidden", timeout=20_000)
        page.settle()
        assert page.weights == W
        page.click("step")
        assert page.value("side0.steps") == 50
    finally:
        process.kill()
        process.communicate()
    refused = [error for error in page.errors if "ERR_CONNECTION_REFUSED" in error]
    assert refused == page.errors
    page.errors.clear()


def test_a_damaged_link_is_named_and_the_page_is_usable(browse, served):
    page = browse(f"{served.address}#run=AAAA")
    assert "link" in page.problem
    page.click("step")
    assert page.value("side0.steps") == 1

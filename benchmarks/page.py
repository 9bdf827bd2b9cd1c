"""The page in Chromium: from a click to the redraw, and from a move of the mouse to it.

Times are from the event to the first moment after the browser has painted the new numbers.
"""

import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.store import Store
from tests.page.browsing import Browsed, MissingError, launched

CLICKS = 100
MOVES = 40
POINTS = 300
MANY_POINTS = 5000
POLLING = 100  # milliseconds
TIMES = """([event, name]) => {
    window.times = [];
    let start = null;
    const paint = new MessageChannel();
    paint.port1.onmessage = () => {
        window.times.push(performance.now() - start);
        start = null;
    };
    document.addEventListener(event, (each) => (start ??= each.timeStamp), true);
    const shown = document.querySelector(`dd[data-name="${name}"]`);
    new MutationObserver(() => {
        if (start !== null) requestAnimationFrame(() => paint.port2.postMessage(null));
    }).observe(shown, { attributes: true, attributeFilter: ["data-value"] });
}"""


def run(store: Store, *, quick: bool) -> None:
    """Measure both, print and store them."""
    try:
        with launched() as browser, _served() as address:
            clicks = _clicks(_opened(browser, address, POINTS), 5 if quick else CLICKS)
            _report(store, f"single step, {POINTS:,} points", clicks)
            moves = _moves(_opened(browser, address, MANY_POINTS), 5 if quick else MOVES)
            _report(store, f"drag, {MANY_POINTS:,} points", moves)
    except MissingError as error:
        print(f"  skipped: {error}")


@contextmanager
def _served() -> Iterator[str]:
    command = [sys.executable, "-m", "halfspaces", "play", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"at (\S+)", server.stdout.readline())
        assert found is not None
        try:
            yield found[1]
        finally:
            server.kill()


def _opened(browser: Any, address: str, points: int) -> Browsed:
    page = Browsed(browser.new_context(viewport={"width": 1280, "height": 900}).new_page())
    page.open(address)
    page.fill("count", str(points))
    page.click("draw")
    page.click("step")
    return page


def _clicks(page: Browsed, count: int) -> list[float]:
    page.page.evaluate(TIMES, ["click", "side0.steps"])
    x, y = _middle(page.page.locator('[data-action="step"]'))
    for number in range(count):
        page.page.mouse.click(x, y)
        _wait(page, number)
    return _end(page)


def _moves(page: Browsed, count: int) -> list[float]:
    point = page.point(MANY_POINTS - 1)  # it lies above the others
    point.scroll_into_view_if_needed()
    x, y = _middle(point)
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + 8, y)
    page.settle()
    page.page.evaluate(TIMES, ["pointermove", "side0.data"])
    for number in range(count):
        page.page.mouse.move(x + 8 + 2 * (number + 1), y)
        _wait(page, number)
    page.page.mouse.up()
    return _end(page)


def _middle(element: Any) -> tuple[float, float]:
    area = element.bounding_box()
    return area["x"] + area["width"] / 2, area["y"] + area["height"] / 2


def _wait(page: Browsed, number: int) -> None:
    """Wait for the next time; to ask for it seldom disturbs it little."""
    page.page.wait_for_function(
        "(number) => window.times.length > number", arg=number, polling=POLLING
    )


def _end(page: Browsed) -> list[float]:
    times = page.page.evaluate("() => window.times")
    page.page.context.close()
    return times


def _report(store: Store, name: str, times: list[float]) -> None:
    row = {"median": statistics.median(times), "p95": float(np.quantile(times, 0.95))}
    store.put("page", name, row | {"times": len(times)})
    print(f"  {name}: median {row['median']:.0f} ms, 95 % within {row['p95']:.0f} ms", flush=True)

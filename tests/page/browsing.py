"""A browser, what is done with a page that is open in it, and what is read there."""

import contextlib
import json
import os
import shutil
import time

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
READ = """() => Object.fromEntries(
    [...document.querySelectorAll("[data-name][data-value]")].map(
        (each) => [each.dataset.name, each.dataset.value]
    )
)"""
VIOLATIONS = """async () => (await axe.run()).violations.map(
    (each) => `${each.id}: ${each.nodes.map((node) => node.html).slice(0, 3).join(" ")}`
)"""
LONGEST = 30  # seconds until the page must have its answers


class MissingError(Exception):
    """Playwright or Chromium is not installed."""


@contextlib.contextmanager
def launched():
    """Chromium without a window."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingError("Playwright is not installed.") from error
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise MissingError("Chromium is not installed.")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # for whom Chromium has no sandbox
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if is_root else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


class Browsed:
    """An open page: actions wait for their answers, numbers are read with all their digits.

    Parameters
    ----------
    page : playwright.sync_api.Page
    """

    def __init__(self, page):
        self.page = page
        self.errors = []
        self.asked = 0
        self.answered = 0
        page.on("console", lambda line: line.type == "error" and self.errors.append(line.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", self._watch)

    def _watch(self, socket):
        self.asked = self.answered = 0
        socket.on("framesent", self._sent)
        socket.on("framereceived", self._received)

    def _sent(self, text):
        self.asked += 1

    def _received(self, text):
        self.answered += "id" in json.loads(text)

    def open(self, address):
        """Open an address, and wait until the page is drawn."""
        self.page.goto(address)
        self.drawn()

    def drawn(self):
        """Wait until the page is drawn."""
        self.page.wait_for_selector("path.point")
        self.settle()

    def settle(self):
        """Wait until every request is answered and drawn."""
        ends = time.monotonic() + LONGEST
        while True:
            self.page.evaluate(FRAMES)
            if self.asked == self.answered:
                break
            assert time.monotonic() < ends, f"{self.asked} asked, {self.answered} answered"
        self.page.evaluate(FRAMES)

    def named(self, name):
        """The element of a name."""
        return self.page.locator(f'[data-name="{name}"]')

    def value(self, name):
        """The number of an element, with all its digits."""
        return self.values(name)[0]

    def values(self, *names):
        """The numbers of several elements."""
        shown = self.page.evaluate(READ)
        return [float(shown[name]) for name in names]

    def matrix(self, name):
        """The numbers name.ROW.COLUMN, as (3, C)."""
        columns = range(self.page.locator('input[data-name^="side0.W.0."]').count())
        return [self.values(*(name.format(row, column) for column in columns)) for row in range(3)]

    @property
    def weights(self):
        """The parameters that the page shows."""
        return self.matrix("side0.W.{}.{}")

    def click(self, action):
        """Press a button."""
        self.page.locator(f'[data-action="{action}"]').click()
        self.settle()

    def fill(self, name, text):
        """Write into a field, and leave it."""
        field = self.named(name)
        field.fill(text)
        field.press("Enter")
        self.settle()

    def choose(self, name, value):
        """Choose from a list."""
        self.page.locator(f'select[data-name="{name}"]').select_option(value)
        self.settle()

    def steps(self, count):
        """Take some steps at once."""
        self.named("steps-at-a-time").fill(str(count))
        self.click("step")

    def taken(self, action):
        """The text of a file that a button downloads."""
        with self.page.expect_download() as download:
            self.page.locator(f'[data-action="{action}"]').click()
        self.settle()
        return download.value.path().read_text(encoding="utf-8")

    def point(self, number):
        """The node of a point."""
        return self.page.locator("svg.plane").first.locator("path.point").nth(number)

    def drag(self, number, across, down):
        """Drag a point with the mouse, by so many pixels."""
        self.point(number).scroll_into_view_if_needed()
        area = self.point(number).bounding_box()
        x = area["x"] + area["width"] / 2
        y = area["y"] + area["height"] / 2
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + across, y + down, steps=5)
        mouse.up()
        self.settle()

    @property
    def problem(self):
        """The sentence that the page shows of what it could not do."""
        return self.page.locator(".problem").inner_text()

    def violations(self, axe):
        """What axe-core finds, whose source is given."""
        self.page.evaluate(axe)
        return self.page.evaluate(VIOLATIONS)

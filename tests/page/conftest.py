"""The page in a real browser: Chromium, driven by Playwright, against the real server."""

import os
import shutil
from functools import partial

import pytest

from halfspaces.cli.page_training import train
from halfspaces.page.session import Session
from tests.page.browsing import Browsed
from tests.page.serving import serving

NAMES = ("chromium", "chromium-browser", "google-chrome")


def missing(sentence):
    """Skip a test, or fail it where HALFSPACES_BROWSER=required."""
    if os.environ.get("HALFSPACES_BROWSER") == "required":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright is not installed.")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing("Chromium is not installed.")
    no_sandbox = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium has none for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if no_sandbox else []
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served():
    """A server in this process; `sessions` are those that it made, the newest last."""
    sessions = []

    def new_session(push):
        sessions.append(partial(Session, trainer=train)(push=push))
        return sessions[-1]

    with serving(new_session=new_session) as server:
        server.sessions = sessions
        yield server


@pytest.fixture
def browse(chromium):
    """Open an address in a browser of its own; an error in the console fails the test."""
    opened = []

    def browse(address, **options):
        options = {"locale": "en-US", "viewport": {"width": 1280, "height": 900}} | options
        context = chromium.new_context(**options)
        context.set_default_timeout(10_000)
        opened.append(Browsed(context.new_page()))
        opened[-1].open(address)
        return opened[-1]

    yield browse
    errors = [error for each in opened for error in each.errors]
    for each in opened:
        each.page.context.close()
    assert errors == []


@pytest.fixture
def page(browse, served):
    """The page, newly opened; its session is `page.session`."""
    page = browse(served.address)
    page.session = served.sessions[-1]
    return page

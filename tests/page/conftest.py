"""The page in a real browser: Chromium, driven by Playwright, against the real server."""

import os
from functools import partial
from pathlib import Path

import pytest

from halfspaces.cli.page_training import train
from halfspaces.page.session import Session
from tests.page.browsing import Browsed, MissingError, launched
from tests.page.serving import serving


def missing(sentence):
    """Skip a test, or fail it where HALFSPACES_BROWSER=required."""
    if os.environ.get("HALFSPACES_BROWSER") == "required":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests."""
    try:
        with launched() as browser:
            yield browser
    except MissingError as error:
        missing(str(error))


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core."""
    path = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        missing("axe-core is not installed; run: make vendor-check")
    return path.read_text(encoding="utf-8")


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

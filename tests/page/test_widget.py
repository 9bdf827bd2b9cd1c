"""The page as a widget: messages over a real comm, and the module that notebooks load."""

import json
import sys

import comm
import pytest

import halfspaces.page
from halfspaces.page import Widget
from halfspaces.page.widget import STATIC
from halfspaces.system.words import words


class Comm(comm.base_comm.BaseComm):
    """The kernel's end of a comm; keeps what is sent to the notebook."""

    def __init__(self, **options):
        self.sent = []
        super().__init__(**options)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        json.dumps(data, allow_nan=False)
        self.sent.append(data)


@pytest.fixture
def widget(monkeypatch):
    monkeypatch.setattr(comm, "create_comm", Comm)
    widget = Widget()
    yield widget
    widget.close()


def ask(widget, **message):
    """The answer to a message that a notebook sends."""
    sent = widget.comm.sent
    sent.clear()
    data = {"method": "custom", "content": message}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})
    (answer,) = [each["content"] for each in sent if each["method"] == "custom"]
    return answer


def test_messages_are_answered_over_the_comm(widget):
    opened = ask(widget, id=0, do="open", session=None, run=None, language="en")
    assert opened["id"] == 0
    assert opened["show"]["sides"][0]["losses"]["steps"] == 0
    stepped = ask(widget, id=1, do="step", count=3)
    assert stepped["show"]["sides"][0]["losses"]["steps"] == 3
    assert set(ask(widget, id=2, do="jump")) == {"id", "error"}
    again = ask(widget, id=3, do="open")["show"]  # a second view of the widget
    assert again["sides"][0]["losses"]["steps"] == 3


def test_the_notebook_gets_the_page_s_own_module(widget):
    (opened,) = [each for each in widget.comm.sent if "state" in each]
    state = opened["state"]
    assert "export{" in state["_esm"].replace(" ", "")
    assert "default" in state["_esm"].rpartition("export")[2]
    assert ".halfspaces" in state["_css"]


def test_the_language_is_the_widget_s(monkeypatch):
    monkeypatch.setattr(comm, "create_comm", Comm)
    widget = Widget(language="ko")
    assert ask(widget, id=0, do="open", language="en")["show"]["words"] == dict(words("ko"))
    widget.close()


def test_what_is_pushed_is_sent(monkeypatch):
    def refuses(options, watcher):
        raise ValueError("No data.")

    monkeypatch.setattr(comm, "create_comm", Comm)
    widget = Widget(trainer=refuses)
    widget.comm.handle_msg({
        "content": {"data": {"method": "custom", "content": {"do": "images.train", "data": "x"}}},
        "buffers": [],
    })  # fmt: skip
    widget.session.images.wait(30)
    pushed = [each["content"]["show"]["images"] for each in widget.comm.sent if "content" in each]
    assert {"phase": "failed", "text": "No data."} in [each.get("status") for each in pushed]
    widget.close()


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ValueError, match=r"needs anywidget.*pip install 'halfspaces\[see\]'"):
        _ = halfspaces.page.Widget


NOTEBOOK = """<!doctype html><title>notebook</title><div id="cell"></div><script type="module">
import widget from "./page.js";
const heard = [];
const model = {
    send: (message) => window.toKernel(message).then((answer) => heard.forEach((f) => f(answer))),
    on: (name, f) => { if (name === "msg:custom") heard.push(f); },
};
widget.render({ model, el: document.getElementById("cell") });
</script>"""


@pytest.mark.browser
def test_the_module_draws_the_page_in_a_notebook(widget, chromium):
    module = (STATIC / "page.js").read_text(encoding="utf-8")
    page = chromium.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.expose_function("toKernel", lambda message: ask(widget, **message))
    page.route("**/*", lambda route: route.fulfill(body=NOTEBOOK, content_type="text/html"))
    page.route(
        "**/page.js", lambda route: route.fulfill(body=module, content_type="text/javascript")
    )
    page.goto("http://notebook.example/")
    page.locator('[data-action="step"]').click()
    page.wait_for_selector('[data-name="side0.steps"][data-value="1"]')
    shown = float(page.locator('[data-name="side0.total"]').get_attribute("data-value"))
    page.close()
    assert shown == widget.session.answer({"do": "open"})["show"]["sides"][0]["losses"]["total"]
    assert errors == []

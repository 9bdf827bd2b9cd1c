"""The page within a notebook: an anywidget whose session is in the kernel."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import anywidget

from halfspaces.page.images import Trainer
from halfspaces.page.session import Session

STATIC = files("halfspaces.page") / "static"


class Widget(anywidget.AnyWidget):
    """The page as a widget of Jupyter, marimo and others that show anywidgets.

    Parameters
    ----------
    language : str
        "en", "zh" or "ko".
    offered, trainer
        As in `Session`: data to train on, and what trains; without a trainer there is part one.

    Examples
    --------
    >>> widget = Widget()
    >>> widget.session.answer({"do": "step"})["show"]["sides"][0]["losses"]["steps"]
    1
    """

    _esm = (STATIC / "page.js").read_text(encoding="utf-8")
    _css = (STATIC / "page.css").read_text(encoding="utf-8")

    def __init__(
        self, language: str = "en", offered: Sequence[str] = (), trainer: Trainer | None = None
    ) -> None:
        super().__init__()
        self.session = Session(language, self.send, offered, trainer)
        self.on_msg(self._received)

    def _received(self, widget: Any, message: Any, buffers: Any) -> None:
        """Answer a message of the page, in the language of the widget."""
        if isinstance(message, dict) and message.get("do") == "open":
            message = {key: value for key, value in message.items() if key != "language"}
        self.send(self.session.answer(message))


def play(**options: Any) -> Widget:
    """Show the page in a notebook; the options are those of `Widget`."""
    return Widget(**options)

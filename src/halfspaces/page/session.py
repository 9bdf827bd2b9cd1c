"""One page: it answers messages with the sections of the page that changed."""

import copy
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any

import numpy as np
from pydantic import ValidationError

from halfspaces.page import shapes
from halfspaces.page.actions import ACTIONS
from halfspaces.page.images import Images, Trainer
from halfspaces.page.landscape import contours
from halfspaces.page.page_state import PageState
from halfspaces.page.view import SideView, plain
from halfspaces.page.wording import PageError, Sentence
from halfspaces.system.words import LANGUAGES, say, words

Answer = dict[str, Any]

OF_POINTS = ("classes", "count", "noise")  # controls of the points that are drawn
LONGEST_VALUE = 40  # characters of what was given, in a sentence
IMAGES = "images."  # what the actions of the second part begin with
_MISSING = object()


class Session:
    """One page, from its first message to its last.

    Parameters
    ----------
    language : str
        Of `LANGUAGES`.
    push : callable, optional
        Sends a message to the page without being asked, from any thread.
    offered : sequence of str
        Data that the page offers to train on.
    trainer : Trainer, optional
        Without it the page has no second part.

    Examples
    --------
    >>> session = Session()
    >>> shown = session.answer({"id": 1, "do": "step", "count": 10})["show"]
    >>> shown["sides"][0]["losses"]["steps"]
    10
    >>> session.answer({"id": 2, "do": "jump"})["error"]
    'The page cannot do "jump".'
    """

    def __init__(
        self,
        language: str = "en",
        push: Callable[[Answer], None] = lambda message: None,
        offered: Sequence[str] = (),
        trainer: Trainer | None = None,
    ) -> None:
        self.lock = RLock()
        self.page = PageState(language)
        self.images = None if trainer is None else Images(push, offered, trainer)

    def answer(self, message: Any) -> Answer:
        """Do what a page asks for; the answer has the sections that changed, or an error.

        After an error everything is as it was before.

        Parameters
        ----------
        message : mapping
            "do" names the action, "id" is returned; the rest are its arguments.
        """
        number = message.get("id") if isinstance(message, dict) else None
        with self.lock:
            before = copy.copy(self.page)
            before.shown = dict(before.shown)
            try:
                return {"id": number, **self._answer(message)}
            except PageError as error:
                sentence = self._say(error.sentence)
            except ValidationError as error:
                sentence = self._problem(error)
            except Exception as error:  # whatever it is, the page says it and goes on
                sentence = str(error) or type(error).__name__
            self.page = before
            return {"id": number, "error": sentence}

    def _answer(self, message: Any) -> Answer:
        if not isinstance(message, dict) or not all(isinstance(key, str) for key in message):
            raise PageError("error.no_message")
        arguments = {key: value for key, value in message.items() if key not in ("id", "do")}
        do = message.get("do")
        if self.images is not None and isinstance(do, str) and do.startswith(IMAGES):
            return self.images.answer(message)
        if not isinstance(do, str) or do not in ACTIONS:
            raise PageError("error.no_action", name=str(do)[:LONGEST_VALUE])
        self.page.notes = ()
        file = ACTIONS[do](self.page, **arguments)
        if do == "open" and self.images is not None:
            self.images.show_all()
        answer: Answer = {"show": self._news()}
        return answer if file is None else answer | {"file": file}

    # --- what is shown ----------------------------------------------------------------------------

    def _news(self) -> dict[str, Any]:
        """The sections that differ from what the page shows."""
        news: dict[str, Any] = {}
        self._add_points(news)
        for name, value in self._sections().items():
            if name not in self.page.shown or self.page.shown[name] != value:
                news[name] = value
        self.page.shown |= news
        sides = [self._side_sections(number) for number in range(len(self.page.board.sides))]
        known = self.page.shown.get("sides", [])
        changes = [
            {
                name: value
                for name, value in side.items()
                if number >= len(known) or known[number].get(name, _MISSING) != value
            }
            for number, side in enumerate(sides)
        ]
        if any(changes) or len(sides) != len(known):
            news["sides"] = changes
        self.page.shown["sides"] = sides
        return news

    def _add_points(self, news: dict[str, Any]) -> None:
        """The points, or the one that changed."""
        points, before = self.page.board.points, self.page.shown_points
        self.page.shown_points = points
        if points is before:
            return
        if before is not None and len(before) == len(points):
            differs = np.any(points.X != before.X, axis=1) | (points.y != before.y)
            places = np.flatnonzero(differs | (points.held_out != before.held_out))
            if len(places) == 0:
                return
            if len(places) == 1:
                place = int(places[0])
                x, y = points.X[place].tolist()
                label, held_out = int(points.y[place]), bool(points.held_out[place])
                moved = {"point": place, "x": x, "y": y, "label": label, "held_out": held_out}
                news["moved"] = moved
                return
        news["points"] = plain(
            {
                "x": points.X[:, 0],
                "y": points.X[:, 1],
                "label": points.y,
                "held_out": points.held_out,
            }
        )

    def _sections(self) -> dict[str, Any]:
        board = self.page.board
        last = max((len(side.track) for side in board.sides), default=0) - 1
        at = last if board.at is None else min(board.at, last)
        return {
            "words": dict(words(self.page.language)),
            "languages": dict(LANGUAGES),
            "language": self.page.language,
            "classes": board.n_classes,
            "box": list(board.box),
            "selected": board.selected,
            "choices": {"shapes": list(shapes.SHAPES)},
            "tools": {
                "undo": bool(self.page.past),
                "redo": bool(self.page.future),
                "replay": {"at": at, "of": last},
            },
        }

    def _side_sections(self, number: int) -> dict[str, Any]:
        view = SideView(self.page.board, number)
        level, sentence = view.status
        text = " ".join(self._say(each) for each in (*self.page.notes, sentence))
        sections = {
            "form": view.side.settings.form(),
            "parameters": view.parameters,
            "losses": view.losses,
            "rows": view.rows(self.page.first, self.page.order),
            "plane": view.plane,
            "curve": view.curve,
            "working": view.working,
            "status": {"level": level, "text": text},
        }
        if not self.page.running:
            sections["landscape"] = (
                contours(self.page.board, number) if self.page.draws_landscape else None
            )
        return plain(sections)

    def _say(self, sentence: Sentence) -> str:
        values = {key: self._read(value) for key, value in sentence.values.items()}
        if "name" in values:
            values["name"] = self._called(values["name"])
        return say(self.page.language, sentence.key, **values)

    def _called(self, name: str) -> str:
        """What the page calls a control, or the name itself."""
        texts = words(self.page.language)
        group = "points" if name in OF_POINTS else "field"
        return texts.get(f"{group}.{name}", name)

    def _read(self, value: Any) -> str:
        """A value as it is read in a sentence."""
        if value is None:
            return words(self.page.language)["word.empty"]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return str(value)
        text = f"{value:,}" if isinstance(value, int) else f"{value:g}"
        return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."

    def _problem(self, error: ValidationError) -> str:
        """The first argument that does not fit, as one sentence."""
        problem = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] in ("missing_argument", "missing_keyword_only_argument"):
            return self._say(Sentence("error.missing", {"name": name}))
        if problem["type"] == "unexpected_keyword_argument":
            return self._say(Sentence("error.unknown", {"name": name}))
        given = problem["input"]
        if given is not None:
            given = repr(given)
            given = given if len(given) <= LONGEST_VALUE else f"{given[:LONGEST_VALUE]}..."
        return self._say(Sentence("error.argument", {"name": name, "value": given}))

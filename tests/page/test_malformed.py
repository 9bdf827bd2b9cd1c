"""Two hundred malformed messages: each is answered by one sentence, and changes nothing."""

import json
import math
import random

import numpy as np
import pytest

from halfspaces.page.actions import ACTIONS
from halfspaces.page.session import Session
from tests.page.serving import ask, serving, talking

COUNT = 200
NONSENSE = (
    None, True, -1, 7, 10**30, 1e308, math.nan, math.inf, "", "x", "🙂\ud800", "softmax", [], [[]],
    ["loss"], ["loss", "margin"], ["optimizer", "update_rule", "momentum"], {}, {"a": [1]},
)  # fmt: skip
# Arguments that are right; a message with all of them may change the page, and is none of these.
RIGHT = {
    "move": {"point": 0, "x": 0.5, "y": 0.5},
    "add": {"x": 0.5, "y": 0.5, "label": 0},
    "change": {"point": 0, "label": 1, "held_out": False},
    "delete": {"point": 0},
    "weight": {"row": 0, "column": 0, "value": 1.0},
    "set": {"path": ["loss"], "value": "hinge"},
    "shape": {"name": "blobs"},
    "upload": {"text": "x,y,label\n0,0,a\n1,1,b\n"},
    "classes": {"count": 3},
    "step": {"count": 1},
    "search": {"local": True},
    "numerical": {"what": "all"},
    "compare": {"on": True},
    "replay": {"at": 0},
    "export": {"kind": "python"},
    "language": {"language": "en"},
}


def malformed(rng):
    """A message that asks for nothing that there is, or asks for it wrongly."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(NONSENSE)
    if kind == 1:
        return {"do": rng.choice([*NONSENSE, "jump", "__init__", "answer", "set_"]), "x": 1}
    do = rng.choice(list(RIGHT))
    arguments = dict(RIGHT[do])
    if kind == 2:
        del arguments[rng.choice(list(arguments))]
        arguments[rng.choice(["", "self", "page", "nothing"])] = rng.choice(NONSENSE)
    else:
        name = rng.choice(list(arguments))
        wrong = [-7, 10**30, math.nan, math.inf, "", "🙂\ud800", [], {}, ["loss", ["margin"]], None]
        arguments[name] = rng.choice(wrong)
        if do == "replay" and arguments[name] in (None, 10**30):  # both show the last step
            arguments[name] = "last"
    return {"do": do, **arguments}


def state(session):
    """All that a page works on, as text."""
    board = session.page.board
    exported = session.answer({"do": "export", "kind": "link"})["file"]["text"]
    W = [side.W.tolist() for side in board.sides]
    return exported, W, board.at, board.selected, len(session.page.past), session.page.order


@pytest.mark.parametrize("seed", range(2))
def test_malformed_messages_change_nothing(seed):
    rng = random.Random(seed)
    session = Session()
    session.answer({"do": "open"})
    session.answer({"do": "step", "count": 3})
    before = state(session)
    for _ in range(COUNT):
        message = malformed(rng)
        answer = session.answer(message)
        assert set(answer) == {"id", "error"}, message
        assert answer["error"].strip(), message
        assert "\n" not in answer["error"], message
        json.dumps(answer, allow_nan=False)
    assert state(session) == before


def test_no_values_of_any_action_break_a_session():
    """Whatever arguments come, the session answers, and the page has numbers to draw."""
    rng = random.Random(0)
    session = Session()
    for _ in range(COUNT):
        do = rng.choice(list(ACTIONS))
        names = RIGHT.get(do, {"side": 0, "on": True, "point": 0})
        answer = session.answer({"do": do, **{name: rng.choice(NONSENSE) for name in names}})
        json.dumps(answer, allow_nan=False)
    assert "show" in session.answer({"do": "step"})
    assert np.isfinite(session.page.board.points.X).all()


def test_malformed_messages_change_nothing_through_the_server():
    rng = random.Random(5)
    with serving() as server, talking(server) as socket:
        ask(socket, id=0, do="open")
        shown = ask(socket, id=1, do="step", count=3)["show"]
        assert shown
        before = ask(socket, id=2, do="open")["show"]
        for _ in range(COUNT):
            text = json.dumps(malformed(rng))
            socket.send(text[: rng.randrange(len(text))] if rng.random() < 0.3 else text)
            answer = json.loads(socket.recv(timeout=30))
            assert set(answer) == {"id", "error"}, text
        assert ask(socket, id=3, do="open")["show"] == before

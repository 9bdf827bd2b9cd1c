"""The server: who may ask, what it gives, and the sessions of its pages."""

import json
import os
import threading
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from halfspaces.page import server as server_module
from halfspaces.page.server import Server, token_of
from halfspaces.page.session import Session
from tests.page.serving import ask, cookie, fetch, serving, talking


@pytest.fixture(scope="module")
def served():
    with serving() as server:
        yield server


# --- who may ask ----------------------------------------------------------------------------------


def test_the_token_becomes_a_cookie_and_leaves_the_address(served):
    status, headers, _ = fetch(served, f"/?token={served.token}", Cookie=None)
    assert (status, headers["Location"]) == (303, "/")
    name, *rules = headers["Set-Cookie"].split("; ")
    assert name == cookie(served)
    assert {"HttpOnly", "SameSite=strict"} <= set(rules)


@pytest.mark.parametrize(
    ("path", "headers", "sentence"),
    [
        ("/", {"Cookie": None}, "Open the page by the address with ?token="),
        ("/", {"Cookie": "halfspaces-{port}=guess"}, "Open the page by the address"),
        ("/?token=guess", {"Cookie": None}, "Open the page by the address"),
        ("/page.js", {"Cookie": None}, "Open the page by the address"),
        ("/page.js?token={token}", {"Cookie": None}, "Open the page by the address"),
        ("/", {"Host": "halfspaces.example:{port}"}, "other hosts are refused"),
        ("/?token={token}", {"Host": "halfspaces.example:{port}"}, "other hosts are refused"),
        ("/", {"Host": "127.0.0.1:1"}, "other hosts are refused"),
        ("/", {"Host": None}, ""),
        ("/", {"Origin": "http://halfspaces.example"}, "A page of another origin"),
        ("/", {"Origin": "null"}, "A page of another origin"),
    ],
)
def test_others_are_refused(served, path, headers, sentence):
    known = {"port": served.port, "token": served.token}
    headers = {name: value and value.format(**known) for name, value in headers.items()}
    status, answered, text = fetch(served, path.format(**known), **headers)
    assert status == (400 if headers.get("Host", "") is None else 403)
    assert text.startswith(sentence) or sentence in text
    assert served.token not in text + str(answered)


@pytest.mark.parametrize(
    "given",
    [{"origin": "http://halfspaces.example"}, {"origin": None}, {"cookie": "halfspaces-1=guess"}],
    ids=["other origin", "no origin", "no token"],
)
def test_websockets_of_others_are_refused(served, given):
    with pytest.raises(InvalidStatus) as refused, talking(served, **given):
        pass
    assert refused.value.response.status_code == 403


def test_every_answer_forbids_what_the_page_does_not_need(served):
    for path in ("/", "/page.css", "/nothing"):
        _, headers, _ = fetch(served, path)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe-eval" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/server.py", "/../server.py", "/%2e%2e/server.py", "/static/page.js", "//etc/passwd"]
)
def test_no_other_file_is_given(served, path):
    assert fetch(served, path)[0] == 404


# --- sessions -------------------------------------------------------------------------------------


def test_a_page_that_is_reloaded_goes_on(served):
    with talking(served) as socket:
        opened = ask(socket, id=0, do="open", session=None)["show"]
        ask(socket, id=1, do="step", count=3)
        W = ask(socket, id=2, do="double")["show"]["sides"][0]["parameters"]["W"]
        link = ask(socket, id=3, do="export", kind="link")["file"]["text"]
    with talking(served) as socket:
        again = ask(socket, id=0, do="open", session=opened["session"], run="run=old")["show"]
    assert again["session"] == opened["session"]
    assert again["sides"][0]["parameters"]["W"] == W
    with talking(served) as socket:
        other = ask(socket, id=0, do="open", session="of another server", run=link)["show"]
    assert other["session"] not in (opened["session"], "of another server")
    assert other["sides"][0]["parameters"]["W"] == W


def test_two_pages_do_not_share_a_session(served, monkeypatch):
    monkeypatch.setattr("halfspaces.page.seats.PATIENCE", 0.05)
    with talking(served) as first, talking(served) as second:
        name = ask(first, id=0, do="open")["show"]["session"]
        before = ask(first, id=1, do="zero")["show"]["sides"][0]["parameters"]["W"]
        assert ask(second, id=0, do="open", session=name)["show"]["session"] != name
        assert ask(second, id=1, do="step")["show"]["sides"][0]["losses"]["steps"] == 1
        shown = ask(first, id=2, do="open")["show"]["sides"][0]
    assert (shown["parameters"]["W"], shown["losses"]["steps"]) == (before, 0)


def test_the_session_left_longest_ago_is_dropped_and_none_in_use(monkeypatch):
    monkeypatch.setattr(server_module.Seats.__init__, "__defaults__", (2,))
    with serving() as server, talking(server) as kept:
        name = ask(kept, do="open")["show"]["session"]
        with talking(server) as left:
            dropped = ask(left, do="open")["show"]["session"]
            with talking(server) as third:
                assert "Too many pages are open" in ask(third, do="open")["error"]
                with pytest.raises(ConnectionClosed):
                    third.recv(timeout=10)
        with talking(server) as new:
            assert ask(new, do="open")["show"]["session"] not in (name, dropped)
        with talking(server) as back:
            assert ask(back, do="open", session=dropped)["show"]["session"] != dropped
        assert "show" in ask(kept, do="step")


def test_a_page_at_work_or_silent_holds_up_no_other():
    entered, released = threading.Event(), threading.Event()

    class Slow(Session):
        def answer(self, message):
            if message.get("do") == "wait":
                entered.set()
                assert released.wait(30)
            return super().answer(message)

    with (
        serving(new_session=Slow) as server,
        talking(server) as slow,
        talking(server),
        talking(server) as quick,
    ):
        slow.send(json.dumps({"do": "wait"}))
        assert entered.wait(30)
        assert "show" in ask(quick, do="open")
        released.set()
        assert "wait" in json.loads(slow.recv(timeout=30))["error"]


def test_a_message_that_is_too_long_ends_its_connection_alone(served, monkeypatch):
    with talking(served) as other, talking(served) as socket:
        with pytest.raises(ConnectionClosed) as ended:
            ask(socket, do="upload", text="1" * server_module.LARGEST_MESSAGE)
        # The connection may break before the code 1009 has been read.
        assert ended.value.rcvd is None or ended.value.rcvd.code == 1009
        assert "show" in ask(other, do="open")


def test_what_is_no_message_is_answered_by_a_sentence(served):
    with talking(served) as socket:
        shown = ask(socket, id=0, do="open")["show"]
        for given in ("", "{", "[" * 100_000, "null", "3", "1" * 10_000, '{"do": NaN}', b"\xff"):
            socket.send(given)
            answer = json.loads(socket.recv(timeout=30))
            assert set(answer) == {"id", "error"}, given
        again = ask(socket, id=1, do="open")["show"]
    assert again == shown


# --- ports and tokens -----------------------------------------------------------------------------


def test_a_port_keeps_its_token_in_a_file_of_its_owner(cache):
    token = token_of(4000)
    path = cache / "page" / "4000.token"
    assert (token_of(4000), path.read_text()) == (token, token)
    assert token_of(4001) != token
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        assert token_of(4000) != token
        elsewhere = cache / "elsewhere"
        elsewhere.write_text("known")
        path.unlink()
        path.symlink_to(elsewhere)
        assert token_of(4000) != "known"
        assert elsewhere.read_text() == "known"


def test_a_restarted_server_accepts_the_page_that_is_open(cache):
    with serving() as server:
        port = server.port
    with serving(port=port) as server:
        known = cookie(server)
    with serving(port=port) as server, talking(server, cookie=known) as socket:
        assert "show" in ask(socket, do="open")


def test_a_port_in_use_is_named():
    with Server() as first, pytest.raises(OSError, match=f"Port {first.port} cannot be used"):
        Server(first.port)


# --- what is pushed -------------------------------------------------------------------------------


class Pushing(Session):
    """Pushes numbers from another thread, "count" of them for each message."""

    def __init__(self, push):
        super().__init__()
        self.push = push

    def answer(self, message):
        def push_all():
            for number in range(message.pop("count", 0)):
                self.push({"show": {"number": number}})

        thread = threading.Thread(target=push_all)
        thread.start()
        thread.join()
        return super().answer(message)


def test_pushed_messages_come_in_order_and_after_the_first_answer():
    with serving(new_session=Pushing) as server, talking(server) as socket:
        assert "words" in ask(socket, id=0, do="open", count=3)["show"]
        socket.send(json.dumps({"id": 1, "do": "step", "count": 2}))
        got = [json.loads(socket.recv(timeout=30)) for _ in range(6)]
    assert [each["show"].get("number") for each in got] == [0, 1, 2, 0, 1, None]


def test_a_page_that_does_not_listen_is_sent_away_and_may_come_back(monkeypatch):
    monkeypatch.setattr("halfspaces.page.seats.MOST_WAITING", 5)
    with serving(new_session=Pushing) as server:
        with talking(server) as socket:
            name = ask(socket, id=0, do="open", count=100)["show"]["session"]
            with pytest.raises(ConnectionClosed) as ended:
                socket.recv(timeout=30)
        assert ended.value.rcvd.code == server_module.TRY_AGAIN_LATER
        with talking(server) as socket:
            assert ask(socket, id=0, do="open", session=name)["show"]["session"] == name


def test_a_training_is_told_to_the_page_that_comes_back():
    def refuses(options, watcher):
        raise ValueError("No data.")

    with serving(new_session=partial(Session, trainer=refuses)) as server:
        with talking(server) as socket:
            name = ask(socket, id=0, do="open")["show"]["session"]
            ask(socket, id=1, do="images.train", data="digits")
        with talking(server) as socket:
            ask(socket, id=0, do="open", session=name)
            images = json.loads(socket.recv(timeout=30))["show"]["images"]
    assert images["form"]["data"] == "digits"

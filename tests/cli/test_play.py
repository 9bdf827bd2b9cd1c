"""`halfspaces play`: its address, its links, and how it ends."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import webbrowser
from types import SimpleNamespace

import pytest

from halfspaces.page.server import Server
from halfspaces.page.session import Session
from tests.page.serving import ask, talking


@pytest.fixture
def link():
    session = Session()
    session.answer({"do": "step", "count": 2})
    return session.answer({"do": "export", "kind": "link"})["file"]["text"]


@pytest.fixture
def played(run, monkeypatch):
    """Run the command with a server that ends at once; what was printed, and what was opened."""

    def played(*arguments):
        opened = queue.Queue()
        monkeypatch.setattr(Server, "run", lambda self: None)
        monkeypatch.setattr(webbrowser, "open", opened.put)
        ended = run("play", *arguments)
        assert (ended.code, ended.err) == (0, "")
        return ended.out, None if "--no-browser" in arguments else opened.get(timeout=10)

    return played


def test_the_address_is_printed_and_opened(played, cache):
    out, address = played()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
    assert out == f"The page is at {address} (Ctrl-C ends it)\n"
    out, opened = played("--no-browser")
    assert opened is None
    assert address not in out
    assert not cache.exists()  # a free port has a fresh token each time


def test_a_link_is_opened_as_an_address_a_fragment_or_a_file(played, link, tmp_path):
    file = tmp_path / "link.txt"
    file.write_text(f"http://127.0.0.1:4000/#{link}\n")
    for given in (link, f"#{link}", f"http://localhost:1/#{link}", file):
        out, address = played(given)
        assert address.endswith(f"#{link}")
        assert address in out


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("nonsense", "LINK must be a link of the page, with #run=... in it, or a text file"),
        ("n" * 5000, "LINK must be a link of the page"),
        ("#run=", "The link is cut or damaged"),
        ("#run=AAAA", "The link is cut or damaged"),
    ],
    ids=["no file", "too long for a file", "empty", "damaged"],
)
def test_a_broken_link_is_one_sentence(refused, given, sentence):
    refused(["play", given], sentence)


def test_a_link_that_is_cut_is_one_sentence(refused, link, tmp_path):
    refused(["play", link[: len(link) // 2]], "The link is cut or damaged")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    refused(["play", tmp_path / "bytes"], "LINK must be a link of the page")
    (tmp_path / "table.csv").write_text("x,y,label\n")
    refused(["play", tmp_path / "table.csv"], "This is no link of the page")


def test_a_port_is_checked(refused, cache):
    refused("play --port 0", "--port")
    refused("play --port many", "--port")
    with Server() as other:
        refused(["play", "--port", other.port], f"Port {other.port} cannot be used")


def test_without_the_extra_it_is_named(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "starlette", None)
    refused("play", "The page needs starlette", "pip install 'halfspaces[see]'")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_page_is_offered_the_data_and_an_interrupt_ends_it_in_one_line(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("x,y,label\n1,2,a\n2,1,b\n", encoding="utf-8")
    command = [sys.executable, "-m", "halfspaces", "play", "--no-browser", "--data", str(table)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as play:
        printed = play.stdout.readline()
        address, port, token = re.search(
            r"(http://127.0.0.1:(\d+)/\?token=(\S+)) ", printed
        ).groups()
        with talking(SimpleNamespace(address=address, port=port, token=token)) as socket:
            ask(socket, do="open")
            images = json.loads(socket.recv(timeout=60))["show"]["images"]
            play.send_signal(signal.SIGINT)
            out, err = play.communicate(timeout=60)
    assert images["choices"]["data"] == ["digits", str(table)]
    assert (play.returncode, out, err) == (130, "", "Error: Interrupted; nothing was saved.\n")


def test_data_that_are_not_there_are_said_at_once(run):
    ended = run("play", "--data", "nowhere", "--no-browser")
    assert ended.code == 2
    assert "nowhere" in ended.err
    assert ended.err.count("\n") == 1
